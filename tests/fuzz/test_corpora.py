"""What fuzzing once found interesting, again and with every run: nothing escapes that should not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from fuzz import corpora

IN_MEMORY = "/dev/shm"


@pytest.mark.parametrize("name", corpora.names())
def test_nothing_escapes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # targets may leave it
    monkeypatch.setenv("BORG_BASE_DIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", IN_MEMORY if Path(IN_MEMORY).is_dir() else None)
    target = corpora.load(name)
    kept = corpora.read(name)
    assert kept, f"make fuzz TARGET={name} has never been run"
    for data in (*target.seeds(), *kept):
        try:
            target.fuzz(data)
        except BaseException as error:
            error.add_note(f"{name} was given {data!r}")
            raise
