"""Options under old names: they work, and are mentioned in Borg's words at Borg's moment, since programs look for that."""

from __future__ import annotations

from pathlib import Path

from support.trees import write_files
from support.twins import Twins

PREFIX = 'Warning: "--prefix" has been deprecated. Use "--glob-archives \'yourprefix*\'" (-a) instead.\n'
COMMANDS = [
    "create --noatime --nobsdflags --numeric-owner REPO::one .",
    "create --noatime --noatime --remote-ratelimit=1 --remote-buffer 1 REPO::two .",
    "--remote-buffer 1 --log-json --error list --short -P o REPO",
    "list --short --prefix=t REPO",
    "list --short --prefi t REPO",
    "list --short -Pt REPO",
    "info --prefix nosuch --critical REPO",
    "diff --sort --numeric-owner REPO::one two",
    "diff --sort-by path REPO::one two",
    "extract --dry-run --list --numeric-owner --nobsdflags REPO::one",
    "prune --list --dry-run --keep-last 1 --prefix o REPO",
    "prune --list --dry-run --keep-last 1 --prefix t --save-space REPO",
    "delete --dry-run --prefix o --log-json REPO",
    "create REPO::three -- --prefix",
]
WRONG = ["list --prefix one --nosuch REPO", "list --prefix", "--prefix list REPO", "nosuch --sort", "list --prefix=a -ab REPO"]


def test_old_options(twins: Twins, workplace: Path) -> None:
    write_files(workplace, {"a": b"a"})
    for line in COMMANDS:
        told = twins.same(*line.split())
    assert told.err.startswith(PREFIX)
    for line in WRONG:
        theirs, ours = twins.both(*line.split())
        assert (ours.code, ours.err.splitlines()[0]) == (theirs.code, theirs.err.splitlines()[0])
        assert ours.err.startswith("Warning: ")
