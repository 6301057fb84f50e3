"""Archives that say less than their content comes to, or more than others, or nonsense: commands get along with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.damage import forging
from support.peak_memory import run_measured
from support.programs import Program
from vinculum.formats.msgpack import pack_sorted
from vinculum.objects.limits import MAX_DATA

REFERENCES = 5000
"""To one chunk of 20 MiB, all of it 100 GiB, which would take minutes to unpack."""
TOGETHER_MIB = 512
"""So much may come of what is opened together; then it is an error."""
AT_HAND_MIB = 400
"""What else there may be: the program, and what is read ahead (many copies of an object of 80 KiB)."""


MILLION = 1_000_000
MILLION_CHUNKS_MIB = 36
"""What the item with so many chunks is long."""
FIELDS = {b"path": b"file", b"mode": 0o100644, b"mtime": 0, b"uid": 0, b"gid": 0, b"user": None, b"group": None}
ARCHIVE = "repository::archive"


@pytest.fixture
def repository(
    vinculum: Program,
    workplace: Path,
    client_env: dict[str, str],  # noqa: ARG001
) -> Path:
    """With an archive of one file."""
    (workplace / "file").write_bytes(b"x")
    vinculum.run("init", "-e", "none", "repository")
    vinculum.run("create", ARCHIVE, "file")
    return workplace / "repository"


def refer(repository: Path, chunk: bytes, times: int, pieces: int) -> None:
    """Makes the file one that consists of a chunk so many times, each of which claims to be a byte."""
    with forging(repository) as forger:
        entry = [forger.put(chunk), 1, 1]
        stream = pack_sorted({**FIELDS, b"size": times, b"chunks": [entry] * times})
        forger.replace_stream("archive", stream, *(len(stream) * piece // pieces for piece in range(1, pieces)))


@pytest.mark.parametrize(
    "command", [["extract"], ["extract", "--stdout"], ["extract", "--dry-run"], ["export-tar"]], ids=" ".join
)
def test_references_to_a_bomb_are_not_followed_to_the_end(command: list[str], repository: Path, vinculum: Program) -> None:
    refer(repository, bytes(MAX_DATA), REFERENCES, 1)
    words = ["/dev/null"] if command == ["export-tar"] else []
    peak = run_measured(vinculum, *command, ARCHIVE, *words, code=2)
    assert "unpack to much more than they should" in peak.done.err
    assert "Traceback" not in peak.done.err
    assert peak.mib < TOGETHER_MIB + AT_HAND_MIB


def test_a_file_of_a_million_chunks_is_a_file(repository: Path, vinculum: Program) -> None:
    refer(repository, b"y", MILLION, 4)
    for words in (["list"], ["info"], ["extract", "--dry-run"]):
        assert run_measured(vinculum, *words, ARCHIVE).mib < 12 * MILLION_CHUNKS_MIB, words


def test_an_acl_that_makes_no_sense_keeps_nothing_from_being_mounted(
    repository: Path, vinculum: Program, workplace: Path
) -> None:
    with forging(repository) as forger:
        items = [{**FIELDS, b"path": b"odd", b"acl_access": b"user::rw-\nwhat?"}, {**FIELDS, b"path": b"even"}]
        forger.replace_stream("archive", b"".join(map(pack_sorted, items)))
    place = workplace / "place"
    place.mkdir()
    told = vinculum.run("mount", ARCHIVE, place, code=1).err
    try:
        assert sorted(os.listdir(place)) == ["even", "odd"]
        assert os.listxattr(place / "odd") == []
    finally:
        vinculum.run("umount", place)
    assert told == "odd: its ACL in archive archive makes no sense, so it is shown without\n"
