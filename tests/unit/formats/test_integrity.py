"""Integrity strings as the real programs write them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from vinculum._native import RepositoryIndex
from vinculum.errors import FileIntegrityError
from vinculum.formats.integrity import HASH_INDEX_PARTS, integrity_string, verify_integrity

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "golden/vectors/integrity.json").read_text())


@pytest.mark.parametrize("file", VECTORS["files"], ids=lambda file: f"{file['file_name']}-{len(file['content'])}")
def test_integrity_string_is_the_recorded_one(file: dict[str, Any]) -> None:
    content, parts = bytes.fromhex(file["content"]), [(name, end) for name, end in file["parts"] if name != "final"]
    assert integrity_string(file["file_name"], content, parts) == file["integrity_string"]
    verify_integrity(file["integrity_string"], file["file_name"], content, parts)
    with pytest.raises(FileIntegrityError):
        verify_integrity(file["integrity_string"], file["file_name"] + "x", content, parts)
    with pytest.raises(FileIntegrityError):
        verify_integrity(file["integrity_string"], file["file_name"], content + b"x", parts)


def test_native_content_counts_like_bytes() -> None:
    content = RepositoryIndex().save()
    assert integrity_string("index.1", content, HASH_INDEX_PARTS) == integrity_string(
        "index.1", bytes(content), HASH_INDEX_PARTS
    )


def test_sha512_is_understood() -> None:
    def label(text: str) -> bytes:
        return f"{len(text):10}{text}".encode()

    hashed = label("hints.1") + b"abc" + label("final") + b"3"
    text = json.dumps({"algorithm": "SHA512", "digests": {"final": hashlib.sha512(hashed).hexdigest()}})
    verify_integrity(text, "hints.1", b"abc")
    with pytest.raises(FileIntegrityError):
        verify_integrity(text, "hints.1", b"abd")


def test_unknown_algorithm_verifies_nothing() -> None:
    verify_integrity('{"algorithm": "MD77", "digests": {"final": "00"}}', "hints.1", b"abc")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"algorithm": "XXH64", "digests": {}}', '{"algorithm": "XXH64", "digests": 1}']
)
def test_malformed_string_is_an_error(text: str) -> None:
    with pytest.raises(FileIntegrityError):
        verify_integrity(text, "hints.1", b"abc")
