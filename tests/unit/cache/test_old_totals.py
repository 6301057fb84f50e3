"""Totals of archives from before 1.2 are kept in Borg's form, and lost without harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.client_state import golden_state
from vinculum.cache.old_totals import OldTotals

ARCHIVE = b"\xa1" * 32
TOTALS = {"size": 10003, "csize": 10009, "nfiles": 2, "size_parts": 0, "csize_parts": 0, "nfiles_parts": 0}
BORGS_TEXT = f"""{{
    "{ARCHIVE.hex()}": {{
        "size": 10003,
        "csize": 10009,
        "nfiles": 2,
        "size_parts": 0,
        "csize_parts": 0,
        "nfiles_parts": 0
    }}
}}"""


def test_file_has_borgs_bytes(tmp_path: Path) -> None:
    totals = OldTotals(str(tmp_path / "pre12-meta"))
    totals.remember(ARCHIVE, {**dict(reversed(TOTALS.items())), "more": 1})
    totals.save()
    assert (tmp_path / "pre12-meta").read_text() == BORGS_TEXT


def test_file_that_borg_wrote_is_read(tmp_path: Path) -> None:
    (tmp_path / "pre12-meta").write_text(BORGS_TEXT)
    totals = OldTotals(str(tmp_path / "pre12-meta"))
    assert totals.get(ARCHIVE) == TOTALS
    assert totals.get(bytes(32)) is None


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", "[" * 9999, "\xff", '{"a1": 5}', f'{{"{ARCHIVE.hex()}": {{"size": "big"}}}}']
)
def test_file_that_is_no_use_is_begun_anew(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "pre12-meta"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    totals = OldTotals(str(path))
    assert totals.get(ARCHIVE) is None
    totals.remember(ARCHIVE, TOTALS)
    totals.save()
    assert path.read_text() == BORGS_TEXT


def test_open_cache_keeps_them_even_without_commit(tmp_path: Path) -> None:
    state = golden_state(tmp_path)
    with state.cache() as cache:
        cache.old_totals.remember(ARCHIVE, TOTALS)
    assert state.contents()["pre12-meta"].decode() == BORGS_TEXT
    with state.cache() as cache:
        assert cache.old_totals.get(ARCHIVE) == TOTALS
