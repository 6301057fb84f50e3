"""Stored maps as JSON: texts as texts, everything else so that nothing is lost."""

from __future__ import annotations

import json

from vinculum.ui.decoded_json import decoded, dump


def test_bytes_become_text_where_they_are_and_marked_hex_where_not() -> None:
    assert decoded([b"text", "\u00e4".encode(), b"\xff\x00", b"\x7f1f", b""]) == [
        "text",
        "\u00e4",
        "\x7fff00",
        "\x7f7f3166",
        "",
    ]


def test_maps_are_sorted_at_every_depth() -> None:
    assert list(json.loads(dump({b"b": {b"z": 1, b"a": None}, b"a": True})).items()) == [
        ("a", True),
        ("b", {"a": None, "z": 1}),
    ]
    assert dump({b"b": 1, b"\xff": 2, 3: [(b"x",)]}) == (
        '{\n    "3": [\n        [\n            "x"\n        ]\n    ],\n    "b": 1,\n    "\\u007fff": 2\n}'
    )


def test_documents_can_be_moved_to_the_right() -> None:
    assert dump({b"a": b"line\nline"}, 4) == '    {\n        "a": "line\\nline"\n    }'
