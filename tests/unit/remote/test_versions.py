"""Versions as the protocol has them."""

from __future__ import annotations

import pytest

from vinculum.remote.versions import OLDEST, OWN_VERSION, client_data, format_version, parse_version, peer_version, server_data


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1.4.5", (1, 4, 5, -1)),
        ("1.1.0b3", (1, 1, 0, -3, 3)),
        ("1.2.0a4", (1, 2, 0, -4, 4)),
        ("1.2.0rc1", (1, 2, 0, -2, 1)),
        ("1.4.0.dev7", (1, 4, 0, -9, 7)),
    ],
)
def test_versions_are_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_version(text) == numbers
    assert format_version(numbers) == text


def test_they_compare() -> None:
    texts = ["1.0.7", "1.1.0b3", "1.1.0rc1", "1.1.0", "1.1.9", "1.2.0a4", "1.2.0a8", "1.2.0", "1.4.5"]
    versions = [parse_version(text) for text in texts]
    assert sorted(versions) == versions


def test_both_sides_introduce_themselves_as_borg_does() -> None:
    assert client_data() == {"client_version": [1, 4, 5, -1]}
    assert server_data((1, 1, 18, -1)) == {"server_version": [1, 4, 5, -1]}
    assert server_data(OLDEST) == 2
    assert peer_version({b"server_version": list(OWN_VERSION)}, "server") == OWN_VERSION
    assert peer_version(2, "client") == OLDEST


@pytest.mark.parametrize("data", [None, 3, True, b"1.4.5", {}, {b"server_version": 5}, {b"server_version": [1, b"2", 3]}])
def test_a_server_without_version_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="does not tell"):
        peer_version(data, "server")
