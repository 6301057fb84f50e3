"""`rename` does what Borg 1.4.5 does."""

from __future__ import annotations

import pytest

from support.trees import write_files
from support.twin_states import check_ours
from support.twins import Twins

pytestmark = pytest.mark.can_be_far

NAMES = ["one", "two", "three", "four", "five", "six.checkpoint"]


@pytest.mark.also_far
def test_rename(twins: Twins) -> None:
    for number, name in enumerate(NAMES):
        write_files(twins.cwd, {"tree/file": name.encode() * 1000, "tree/all": b"all" * 1000})
        twins.run("theirs", "create", "--timestamp", f"2024-01-0{number + 1}T10:00:00", f"REPO::{name}", "tree")
    twins.clone()
    for old, new, code in (
        ("one", "first", 0),
        ("two", "two", 2),
        ("two", "three", 2),
        ("missing", "x", 2),
        ("three", "n\u00e4me with spaces", 0),
        ("four", "with/slash", 2),
        ("four", "with::colons", 2),
        ("four", "", 2),
        ("first", "one", 0),
        ("five", "{bad", 2),
    ):
        usage = code and old in ("four", "five")
        twins.same("rename", f"REPO::{old}", new, code=code, exact=True, only="code" if usage else "code stdout stderr")
        twins.same("list", "--consider-checkpoints", "REPO", code=0)
    for name in ("one", "n\u00e4me with spaces"):
        twins.same_archive(name, ignoring=("cmdline",))
    theirs, ours = (twins.ask_borg(name, "list", "--format", "{archive} {tam}{NL}", "REPO").out for name in ("theirs", "ours"))
    assert ours == theirs
    assert "ynchroniz" not in twins.ask_borg("ours", "info", "--info", "REPO").err
    check_ours(twins)
