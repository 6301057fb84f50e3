"""Profiles that `--debug-profile` writes are read by either program."""

from __future__ import annotations

import pstats
from pathlib import Path

import pytest

from support.programs import Program

pytestmark = pytest.mark.can_be_far


def test_profiles_are_read_by_either_program(vinculum: Program, borg145: Program, workplace: Path) -> None:
    for number, (writer, reader) in enumerate(((vinculum, borg145), (borg145, vinculum), (vinculum, vinculum))):
        profile, converted = (str(workplace / f"{number}{suffix}") for suffix in ("", ".out"))
        writer.run("--debug-profile", profile, "debug", "info")
        reader.run("debug", "convert-profile", profile, converted)
        assert pstats.Stats(converted).total_calls > 10  # type: ignore[attr-defined]
    vinculum.run("--debug-profile", "direct.pyprof", "debug", "info")
    assert pstats.Stats(str(workplace / "direct.pyprof")).total_calls > 10  # type: ignore[attr-defined]
    vinculum.run("--debug-profile", "failed.pyprof", "list", "nowhere", code=2)
    assert pstats.Stats(str(workplace / "failed.pyprof")).total_calls > 10  # type: ignore[attr-defined]
