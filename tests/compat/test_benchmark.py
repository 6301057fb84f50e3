"""`benchmark crud` measures what Borg measures, and leaves nothing behind, however it ends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.programs import Program
from support.trees import write_files
from support.twins import Twins

pytestmark = pytest.mark.can_be_far


@pytest.mark.also_far
def test_benchmark_measures_the_same_and_leaves_nothing(twins: Twins, workplace: Path) -> None:
    twins.same("create", "REPO::borg-benchmark-crud", ".", code=0)
    for name in ("theirs", "ours"):
        done = twins.run(name, "benchmark", "crud", "REPO", ".", _BORG_BENCHMARK_CRUD_TEST="1")
        assert (done.code, done.err) == (0, "")
        rows = [re.sub(r"[\d.]+ MB/s|\d+\.\d\ds", "#", line) for line in done.out.splitlines()]
        assert rows == [
            f"{letter}-{kind}-TEST          # (1 * 1 B {content} files: #)"
            for kind, content in (("Z", "all-zero"), ("R", "random"))
            for letter in "CRUD"
        ]
        assert twins.ask_borg(name, "list", "--short", "REPO").out == "borg-benchmark-crud\n"
    assert not list(workplace.iterdir())


def test_benchmark_cleans_up_when_it_fails(twins: Twins, workplace: Path) -> None:
    twins.same("create", "REPO::borg-benchmark-crud2", ".", code=0)
    done = twins.run("ours", "benchmark", "crud", "REPO", ".", _BORG_BENCHMARK_CRUD_TEST="1")
    assert (done.code, done.err) == (2, "Archive borg-benchmark-crud2 already exists\n")
    assert twins.ask_borg("ours", "list", "--short", "REPO").out == "borg-benchmark-crud2\n"
    assert not list(workplace.iterdir())


def test_benchmark_cleans_up_when_it_is_stopped(vinculum: Program, workplace: Path) -> None:
    """By a signal at the second backup, when an archive exists: whoever asks for the third passphrase sends it."""
    vinculum.run("init", "-e", "repokey", "repo")
    asked = workplace / "asked"
    script = workplace / "passphrase"
    script.write_text(f"echo >> {asked}\n[ $(wc -l < {asked}) = 3 ] && kill -TERM $PPID\necho test\n")
    (workplace / "place").mkdir()
    stopped = vinculum.with_environment(BORG_PASSPHRASE=None, BORG_PASSCOMMAND=f"sh {script}")
    done = stopped.run("benchmark", "crud", "repo", "place", code=128 + 15, _BORG_BENCHMARK_CRUD_TEST="1")
    assert done.out == ""
    assert len(asked.read_text()) > 3
    assert vinculum.run("list", "repo").out == ""
    assert not list((workplace / "place").iterdir())


def test_benchmark_does_not_touch_what_it_did_not_make(twins: Twins, workplace: Path) -> None:
    write_files(workplace, {"borg-test-data/precious": b"data"})
    done = twins.run("ours", "benchmark", "crud", "REPO", ".", _BORG_BENCHMARK_CRUD_TEST="1")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert (workplace / "borg-test-data" / "precious").read_bytes() == b"data"
