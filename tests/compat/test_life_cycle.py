"""The whole life of a repository against a plain model: vinculum, Borg 1.4.5 and Borg 1.2.4 take turns as chance wants it.

They share one repository and one client. After each step all of them agree with the model on what there is; whatever was done
is also done by Borg 1.4.5 alone to a second repository, which in the end must be as big.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from reference import retention
from support.archives import chunk_references
from support.holdings import LISTED, Holdings, held_by_directory, held_by_listing, held_by_tar, to_seconds
from support.household import PROGRAMS, Household
from support.programs import Program, client_environment
from support.trees import random_content, set_mtime
from support.twins import Servers

EXAMPLES = int(os.environ.get("VINCULUM_LIFE_CYCLES", "0"))
"""How many lives to live; 0 means the few that never change."""
IN_MEMORY = Path("/dev/shm")
"""Nothing here is about disks, and there are many commits."""
ALONE = "1.4.5"
MODES = ["none", "repokey", "repokey-blake2", "keyfile", "authenticated"]
FIRST_MTIME_S = 1_600_000_000
FIRST_ARCHIVE = datetime(2023, 12, 24, 22, 30, tzinfo=UTC)
UNIT = timedelta(hours=7)

programs = st.sampled_from(PROGRAMS)
modern_programs = st.sampled_from(PROGRAMS[:2])
picks = st.integers(0, 5)
changes = st.tuples(
    st.sampled_from(["write", "write", "write", "remove", "mode", "link", "symlink"]),
    st.sampled_from(["a", "b", "d/e", "d/f", "d/g/h"]),
    st.integers(0, 9),
)
globs = st.sampled_from(["*", "x-*", "y-*"])


def without(holdings: Holdings, excluded: str | None) -> Holdings:
    """What is left if this path, and what is below it, is not archived."""
    return {path: held for path, held in holdings.items() if not f"{path}/".startswith(f"{excluded}/")}


class Archived(NamedTuple):
    """What the model knows of an archive."""

    time: datetime
    comment: str
    holds: Holdings


def change(tree: Path, kind: str, name: str, number: int, mtime_s: int) -> None:
    """Changes one file, if it is there as far as that takes it."""
    path = tree / name
    is_there = os.path.lexists(path)
    if kind in ("write", "symlink", "remove", "link") and is_there:
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "write":
        path.write_bytes(random_content(number, number * 9000))
    elif kind == "symlink":
        path.symlink_to(f"target-{number}")
    elif kind == "link":
        others = sorted(other for other in tree.rglob("*") if other.is_file() and not other.is_symlink())
        if others:
            path.hardlink_to(others[number % len(others)])
    elif kind == "mode" and is_there and not path.is_symlink():
        path.chmod(0o600 | number)
    # Listings round to microseconds, so there is nothing to round.
    directories = [tree, *(found for found in tree.rglob("*") if found.is_dir() and not found.is_symlink())]
    for touched in [path, *directories] if os.path.lexists(path) else directories:
        set_mtime(os.fsencode(touched), mtime_s * 10**9 + mtime_s % 10**6 * 1000)


class LifeCycle(RuleBasedStateMachine):
    def __init__(self, servers: Servers) -> None:
        super().__init__()
        self._servers = servers
        self._place = Path(tempfile.mkdtemp(prefix="life-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
        self._tree = self._place / "tree"
        self._archives: dict[str, Archived] = {}
        self._numbers = count(1)
        self._is_sound = False

    # -- what all steps have in common ------------------------------------------------------------------------------------

    def _both(self, program: str, *args: str, code: int = 0, visiting: bool = False, **environment: str) -> None:
        """The step itself: by the program that was drawn, and by Borg alone."""
        self._is_sound = False
        self._shared.run(program, *args, code=code, visiting=visiting, **environment)
        self._alone.run(ALONE, *args, code=code, visiting=visiting, **environment)

    def _some(self, pick: int) -> str:
        return sorted(self._archives)[pick % len(self._archives)]

    def _matching(self, glob: str) -> list[str]:
        return [name for name in self._archives if glob in ("*", f"{name[0]}-*")]

    def _agree(self, *touched: str) -> None:
        """Every program says that there are the archives of the model, and what those that were touched hold."""
        expected = sorted(
            f"{name} {archive.time.astimezone():%a, %Y-%m-%d %H:%M:%S} {archive.comment}"
            for name, archive in self._archives.items()
        )
        for program in PROGRAMS:
            listed = self._shared.run(program, "list", "--format={archive} {time} {comment}{NL}", "REPO").out
            assert sorted(listed.splitlines()) == expected, program
            for name in touched:
                held = held_by_listing(self._shared.run(program, "list", *LISTED, f"REPO::{name}").out)
                assert held == self._archives[name].holds, (program, name)
        self._is_sound = True

    # -- the steps --------------------------------------------------------------------------------------------------------

    @initialize(program=programs, mode=st.sampled_from(MODES), max_segment_size=st.sampled_from([50_000, 500_000_000]))
    def begin(self, program: str, mode: str, max_segment_size: int) -> None:
        self._mode = mode
        # Names of one length, so that what holds the path of its repository has one size.
        self._shared = Household(self._servers, self._place / "shared", self._place)
        self._alone = Household(self._servers, self._place / "single", self._place)
        self._both(program, "init", "-e", mode, "REPO")
        for household in (self._shared, self._alone):
            config = household.repository / "config"
            config.write_text(config.read_text().replace("524288000", str(max_segment_size)))
        for number, name in enumerate("ab"):
            change(self._tree, "write", name, 8 + number, FIRST_MTIME_S)
        self._agree()

    @rule(
        program=programs,
        changed=st.lists(changes, max_size=4),
        distance=st.integers(0, 99),
        series=st.sampled_from("xy"),
        options=st.sampled_from(
            [
                [],
                ["--compression=none"],
                ["--compression=zstd,3"],
                ["--compression=auto,zlib"],
                ["--chunker-params=buzhash,10,14,12,63"],
                ["--chunker-params=fixed,8192"],
                ["--files-cache=disabled"],
                ["--files-cache=mtime,size"],
                ["--no-cache-sync"],
            ]
        ),
        excluded=st.sampled_from([None, "tree/d", "tree/a"]),
        visiting=st.booleans(),
    )
    def create(
        self,
        program: str,
        changed: list[tuple[str, str, int]],
        distance: int,
        series: str,
        options: list[str],
        excluded: str | None,
        visiting: bool,
    ) -> None:
        for kind, name, content in changed:
            change(self._tree, kind, name, content, FIRST_MTIME_S + next(self._numbers))
        number = next(self._numbers)
        name, comment = f"{series}-{number}", "" if number % 3 else f"the {number}th"
        # Several archives per day, days without any, and no two at one time: which of those comes first, nobody says.
        moment = FIRST_ARCHIVE + distance * UNIT + timedelta(seconds=number)
        patterns = [] if excluded is None else [f"--exclude={excluded}"]
        described = [f"--timestamp={moment:%Y-%m-%dT%H:%M:%S}", f"--comment={comment}"]
        self._both(program, "create", *options, *patterns, *described, f"REPO::{name}", "tree", visiting=visiting)
        self._archives[name] = Archived(moment, comment, without(held_by_directory(self._tree), excluded))
        self._agree(name)

    @precondition(lambda self: self._archives)
    @rule(program=programs, some=st.lists(picks, min_size=1, max_size=3))
    def delete(self, program: str, some: list[int]) -> None:
        doomed = sorted({self._some(pick) for pick in some})
        self._both(program, "delete", f"REPO::{doomed[0]}", *doomed[1:])
        for name in doomed:
            del self._archives[name]
        self._agree()

    @rule(program=programs, glob=globs)
    def delete_by_name(self, program: str, glob: str) -> None:
        self._both(program, "delete", "-a", glob, "REPO")
        for name in self._matching(glob):
            del self._archives[name]
        self._agree()

    @precondition(lambda self: self._archives)
    @rule(
        program=programs,
        glob=globs,
        counts=st.dictionaries(
            st.sampled_from(["secondly", "daily", "weekly", "monthly", "yearly"]), st.integers(1, 4), min_size=1, max_size=3
        ),
    )
    def prune(self, program: str, glob: str, counts: dict[str, int]) -> None:
        self._both(program, "prune", "-a", glob, *(f"--keep-{rule}={number}" for rule, number in counts.items()), "REPO")
        names = sorted(self._matching(glob), key=lambda name: self._archives[name].time, reverse=True)
        kept = retention.keep([self._archives[name].time for name in names], counts, 0, datetime.now(UTC))
        for at, name in enumerate(names):
            if at not in kept:
                del self._archives[name]
        self._agree()

    @precondition(lambda self: self._archives)
    @rule(program=programs, helper=modern_programs, pick=picks, series=st.sampled_from("xy"))
    def rename(self, program: str, helper: str, pick: int, series: str) -> None:
        old, new = self._some(pick), f"{series}-{next(self._numbers)}"
        self._both(program, "rename", f"REPO::{old}", new)
        self._authenticate(program, helper)
        self._archives[new] = self._archives.pop(old)
        self._agree(new)

    def _authenticate(self, program: str, helper: str) -> None:
        """What Borg 1.2.4 changes in an archive, newer programs do not believe before they were told to."""
        if program == "1.2.4":
            self._shared.run(helper, "upgrade", "--archives-tam", "REPO")

    @precondition(lambda self: self._archives)
    @rule(program=programs, pick=picks)
    def refuse(self, program: str, pick: int) -> None:
        """A name that is taken."""
        name = self._some(pick)
        self._both(program, "create", f"REPO::{name}", "tree", code=2)
        self._both(program, "rename", f"REPO::{name}", self._some(pick + 1), code=2)
        self._agree(name)

    @rule(program=programs, threshold=st.sampled_from([None, 0, 50]), cleanup=st.booleans())
    def compact(self, program: str, threshold: int | None, cleanup: bool) -> None:
        options = [] if threshold is None else [f"--threshold={threshold}"]
        self._both(program, "compact", *options, *(["--cleanup-commits"] if cleanup else []), "REPO")
        self._agree(*self._archives)

    @precondition(lambda self: self._mode != "none")
    @rule(program=programs, passphrase=st.sampled_from(["other", "größer"]))
    def change_passphrase(self, program: str, passphrase: str) -> None:
        self._both(program, "key", "change-passphrase", "REPO", BORG_NEW_PASSPHRASE=passphrase)
        for household in (self._shared, self._alone):
            household.passphrase = passphrase
        self._agree()

    @precondition(lambda self: self._mode != "none")
    @rule(exporter=programs, importer=programs)
    def save_key(self, exporter: str, importer: str) -> None:
        self._both(exporter, "key", "export", "REPO", "HOME/copy")
        for household in (self._shared, self._alone):
            household.lose_key()
        self._both(importer, "key", "import", "REPO", "HOME/copy")
        self._agree()

    @rule(
        program=programs,
        setting=st.sampled_from(["additional_free_space 20M", "additional_free_space 0", "storage_quota 1G"]),
        reader=programs,
    )
    def configure(self, program: str, setting: str, reader: str) -> None:
        name, value = setting.split()
        self._both(program, "config", "REPO", name, value)
        assert self._shared.run(reader, "config", "REPO", name).out.strip() == value
        self._agree()

    @rule(program=programs, how=st.sampled_from(["delete", "lose"]))
    def drop_cache(self, program: str, how: str) -> None:
        if how == "delete":
            self._both(program, "delete", "--cache-only", "REPO")
        else:
            self._shared.lose_cache()
            self._alone.lose_cache()
        self._agree()

    # -- the end ----------------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if self._is_sound:
                self._look_back()
        finally:
            shutil.rmtree(self._place)

    def _look_back(self) -> None:
        last = PROGRAMS[next(self._numbers) % len(PROGRAMS)]
        self._agree(*self._archives)
        for number, name in enumerate(self._archives):
            exported = self._shared.run(PROGRAMS[number % len(PROGRAMS)], "export-tar", f"REPO::{name}", "-").stdout
            assert held_by_tar(exported) == to_seconds(self._archives[name].holds), name
        self._both(last, "compact", "REPO")
        assert self._shared.size() == pytest.approx(self._alone.size(), rel=0.01)
        for judge in PROGRAMS[1:]:
            self._shared.run(judge, "check", "--verify-data", "REPO")
        self._check_references(last)

    def _check_references(self, last: str) -> None:
        """The counts that all of them kept together are those that Borg finds without them."""
        self._shared.run(last, "info", "REPO")
        borg = Program("borg-1.4.5", [], client_environment(self._shared.home), self._place)
        kept = chunk_references(borg, self._shared.home)
        self._shared.lose_cache()
        self._shared.run(ALONE, "info", "REPO")
        counted = chunk_references(borg, self._shared.home)
        assert {id: entry[0] for id, entry in kept.items()} == {id: entry[0] for id, entry in counted.items()}


@pytest.fixture
def local_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The model lives in the time zone of the programs."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", client_environment(tmp_path)["TZ"])
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("local_time")
def test_all_programs_agree_through_all_of_it(servers: Servers) -> None:
    run_state_machine_as_test(
        lambda: LifeCycle(servers),
        settings=settings(
            max_examples=EXAMPLES or 10,
            stateful_step_count=12,
            derandomize=not EXAMPLES,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # Making a failure small takes minutes, which are for those who look for one.
            phases=[Phase.reuse, Phase.generate, *([Phase.shrink] if EXAMPLES else [])],
            report_multiple_bugs=False,
        ),
    )
