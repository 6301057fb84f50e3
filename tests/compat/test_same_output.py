"""The same command line gives the same exit code, the same output and the same archive with Borg 1.4.5 and with us."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.trees import set_mtime
from support.twins import Twins, write_files

MTIME_NS = 1_600_000_000_123_456_789


@pytest.fixture(autouse=True)
def tree(workplace: Path) -> Path:
    """Two small trees, with what options of create look at."""
    write_files(
        workplace,
        {
            "a/one": b"1",
            "a/two": b"22" * 100,
            "a/b/three": b"three\n" * 1000,
            "a/b/.skip": b"",
            "a/cache/CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55\nmore",
            "a/cache/x": b"x",
            "a/nocache/CACHEDIR.TAG": b"no signature",
            "c/file.o": b"o",
            "c/file.c": b"c",
            "c/d/file.o": b"o",
            "c/empty": None,
            "not utf-8 \udcff/\udcfe": b"u",
        },
    )
    for path in sorted(workplace.rglob("*"), reverse=True):
        set_mtime(bytes(path), MTIME_NS)
    return workplace


CREATIONS = [
    "a",
    "a/",
    "./a",
    "a/../a",
    "a c",
    "a a",
    "a a/b",
    "a/b a",
    ".",
    "a/./b",
    "a/./b/three",
    "./a/./b/",
    "a/one c/file.o",
    "a/one a/one",
    "a missing c",
]


@pytest.mark.parametrize("words", CREATIONS)
def test_create_lists_and_archives_the_same(twins: Twins, words: str) -> None:
    twins.same("create", "--list", "REPO::x", *words.split())
    twins.same_archive("x")
    twins.same("list", "REPO::x")
    twins.same("create", "--dry-run", "--list", "REPO::x", *words.split())
