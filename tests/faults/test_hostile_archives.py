"""Archives that say less than their content comes to: commands end with an error before it has filled the memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.damage import forging
from support.peak_memory import run_measured
from support.programs import Program
from vinculum.formats.msgpack import pack_sorted
from vinculum.repository.segments import MAX_DATA

REFERENCES = 5000
"""To one chunk of 20 MiB, all of it 100 GiB, which would take minutes to unpack."""
TOGETHER_MIB = 512
"""So much may come of what is opened together; then it is an error."""
AT_HAND_MIB = 400
"""What else there may be: the program, and what is read ahead (many copies of an object of 80 KiB)."""


@pytest.fixture
def repository(
    vinculum: Program,
    workplace: Path,
    client_env: dict[str, str],  # noqa: ARG001
) -> str:
    """With an archive whose one file claims to be a few thousand bytes long."""
    (workplace / "file").write_bytes(b"x")
    vinculum.run("init", "-e", "none", "repository")
    vinculum.run("create", "repository::archive", "file")
    with forging(workplace / "repository") as forger:
        bomb = forger.put(bytes(MAX_DATA))
        fields = {b"mode": 0o100644, b"mtime": 0, b"uid": 0, b"gid": 0, b"user": None, b"group": None, b"size": REFERENCES}
        chunks = [[bomb, 1, 1]] * REFERENCES
        forger.replace_stream("archive", pack_sorted({**fields, b"path": b"file", b"chunks": chunks}))
    return "repository::archive"


@pytest.mark.parametrize(
    "command", [["extract"], ["extract", "--stdout"], ["extract", "--dry-run"], ["export-tar"]], ids=" ".join
)
def test_references_to_a_bomb_are_not_followed_to_the_end(command: list[str], repository: str, vinculum: Program) -> None:
    words = ["/dev/null"] if command == ["export-tar"] else []
    peak = run_measured(vinculum, *command, repository, *words, code=2)
    assert "unpack to much more than they should" in peak.done.err
    assert "Traceback" not in peak.done.err
    assert peak.mib < TOGETHER_MIB + AT_HAND_MIB
