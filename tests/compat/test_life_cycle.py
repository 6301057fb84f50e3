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
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from reference import retention
from support.archives import chunk_references
from support.changing_tree import KINDS, NAMES, change
from support.fork_servers import Servers
from support.holdings import LISTED, Holdings, held_by_directory, held_by_listing, held_by_tar, to_seconds, without
from support.household import PROGRAMS, Household
from support.programs import Program, client_environment
from vinculum.repository.repository import Repository
from vinculum.repository.store import MANIFEST_KEY

EXAMPLES = int(os.environ.get("VINCULUM_LIFE_CYCLES", "0"))
"""How many lives to live; 0 means the few that never change."""
IN_MEMORY = Path("/dev/shm")
"""Nothing here is about disks, and there are many commits."""
ALONE = "1.4.5"
MODES = ["none", "repokey", "repokey-blake2", "keyfile", "authenticated"]
FIRST_ARCHIVE = datetime(2023, 12, 24, 22, 30, tzinfo=UTC)
UNIT = timedelta(hours=7)

OPTIONS = [
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
RECREATIONS = [
    [],
    ["--compression=none", "--recompress=always"],
    ["--compression=zlib,1", "--recompress=if-different"],
    ["--chunker-params=fixed,4096"],
]

programs = st.sampled_from(["vinculum", *PROGRAMS])
modern_programs = st.sampled_from(PROGRAMS[:2])
picks = st.integers(0, 5)
series = st.sampled_from("xy")
globs = st.sampled_from(["*", "x-*", "y-*"])
exclusions = st.sampled_from([None, "tree/d", "tree/a"])
counts = st.dictionaries(
    st.sampled_from(["secondly", "daily", "weekly", "monthly", "yearly"]), st.integers(1, 4), min_size=1, max_size=3
)


BACKUPS = {
    "program": programs,
    "changed": st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(NAMES), st.integers(0, 9)), max_size=4),
    "distance": st.integers(0, 99),
    "series": series,
    "options": st.sampled_from(OPTIONS),
    "excluded": exclusions,
    "visiting": st.booleans(),
}


class Archived(NamedTuple):
    """What the model knows of an archive."""

    time: datetime
    comment: str
    holds: Holdings


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
        changed = [("write", name, 9 - number) for number, name in enumerate(NAMES)]
        self.create(program, changed, 50, "x", [], None, visiting=False)

    @rule(**BACKUPS)
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
            change(self._tree, kind, name, content, next(self._numbers))
        number = next(self._numbers)
        name, comment = f"{series}-{number}", "" if number % 3 else f"the {number}th"
        # Several archives per day, days without any, and no two at one time: which of those comes first, nobody says.
        moment = FIRST_ARCHIVE + distance * UNIT + timedelta(seconds=number)
        patterns = [] if excluded is None else [f"--exclude={excluded}"]
        described = [f"--timestamp={moment:%Y-%m-%dT%H:%M:%S}", f"--comment={comment}"]
        self._both(program, "create", *options, *patterns, *described, f"REPO::{name}", "tree", visiting=visiting)
        self._archives[name] = Archived(moment, comment, without(held_by_directory(self._tree), excluded))
        self._agree(name)

    @rule(**BACKUPS)
    def create_more(self, **drawn: Any) -> None:
        """Once more, since everything else takes away or needs what there is."""
        self.create(**drawn)

    @precondition(lambda self: self._archives)
    @rule(program=programs, some=st.lists(picks, min_size=1, max_size=3))
    def delete(self, program: str, some: list[int]) -> None:
        doomed = sorted({self._some(pick) for pick in some})
        self._both(program, "delete", f"REPO::{doomed[0]}", *doomed[1:])
        for name in doomed:
            del self._archives[name]
        self._agree()

    @rule(program=programs, glob=globs.filter(lambda glob: glob != "*"))
    def delete_by_name(self, program: str, glob: str) -> None:
        self._both(program, "delete", "-a", glob, "REPO")
        for name in self._matching(glob):
            del self._archives[name]
        self._agree()

    @precondition(lambda self: self._archives)
    @rule(
        program=programs,
        glob=globs,
        counts=counts,
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
    @rule(program=programs, helper=modern_programs, pick=picks, series=series)
    def rename(self, program: str, helper: str, pick: int, series: str) -> None:
        old, new = self._some(pick), f"{series}-{next(self._numbers)}"
        self._both(program, "rename", f"REPO::{old}", new)
        self._authenticate(program, helper)
        self._archives[new] = self._archives.pop(old)
        self._agree(new)

    @precondition(lambda self: self._archives)
    @rule(
        program=programs,
        helper=modern_programs,
        pick=picks,
        moved_to=st.none() | series,
        options=st.sampled_from(RECREATIONS),
        excluded=exclusions,
        comment=st.sampled_from([None, "", "anew"]),
    )
    def recreate(
        self,
        program: str,
        helper: str,
        pick: int,
        moved_to: str | None,
        options: list[str],
        excluded: str | None,
        comment: str | None,
    ) -> None:
        old = self._some(pick)
        new = old if moved_to is None else f"{moved_to}-{next(self._numbers)}"
        changes = [*options, *([] if excluded is None else [f"--exclude={excluded}"])]
        described = [] if comment is None else [f"--comment={comment}"]
        renamed = [] if moved_to is None else [f"--target={new}"]
        wishes = [*changes, *described, *renamed]
        self._both(program, "recreate", *wishes, f"REPO::{old}", code=0 if wishes else 2)
        self._authenticate(program, helper)
        time, old_comment, holds = self._archives[old]
        self._archives[new] = Archived(time, old_comment if comment is None else comment, without(holds, excluded))
        self._agree(old, new)

    def _authenticate(self, program: str, helper: str) -> None:
        """What Borg 1.2.4 changes in an archive, newer programs do not believe before they were told to."""
        if program == "1.2.4":
            self._shared.run(helper, "upgrade", "--archives-tam", "REPO")

    @precondition(lambda self: self._archives)
    @rule(exporter=programs, importer=programs, pick=picks, series=series)
    def copy_as_tar(self, exporter: str, importer: str, pick: int, series: str) -> None:
        old, number = self._some(pick), next(self._numbers)
        new, moment = f"{series}-{number}", FIRST_ARCHIVE + timedelta(seconds=number)
        self._both(exporter, "export-tar", f"REPO::{old}", f"HOME/{new}.tar")
        self._both(importer, "import-tar", f"--timestamp={moment:%Y-%m-%dT%H:%M:%S}", f"REPO::{new}", f"HOME/{new}.tar")
        self._archives[new] = Archived(moment, "", to_seconds(self._archives[old].holds))
        self._agree(new)

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
        """The counts that all of them kept together are those that Borg finds without them, and nothing is there for nobody."""
        self._shared.run(last, "info", "REPO")
        borg = Program("borg-1.4.5", [], client_environment(self._shared.home), self._place)
        kept = chunk_references(borg, self._shared.home)
        self._shared.lose_cache()
        self._shared.run(ALONE, "info", "REPO")
        counted = chunk_references(borg, self._shared.home)
        assert {id: entry[0] for id, entry in kept.items()} == {id: entry[0] for id, entry in counted.items()}
        with Repository(str(self._shared.repository), lock=False) as store:
            assert {id.hex() for id in store.list()} == {MANIFEST_KEY.hex(), *counted}


@pytest.fixture
def local_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The model lives in the time zone of the programs."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", client_environment(tmp_path)["TZ"])
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("local_time")
def test_every_program_does_every_step(servers: Servers) -> None:
    """What chance may leave out."""
    life = LifeCycle(servers)
    try:
        life.begin("1.2.4", "keyfile", 50_000)
        for number, (program, other) in enumerate(zip(PROGRAMS, PROGRAMS[1:] + PROGRAMS[:1], strict=True)):
            for distance, visiting in enumerate((False, True, False)):
                changed = [("write", "a", number + distance), ("link", "d/e", distance), ("symlink", "d/f", number)]
                life.create(
                    program, changed, number + 4 * distance, "xyx"[distance], OPTIONS[distance], None, visiting=visiting
                )
            life.rename(program, "vinculum", 0, "y")
            life.recreate(program, "vinculum", 1, None, RECREATIONS[number + 1], "tree/d", "anew")
            life.recreate(program, "1.4.5", 0, "x", RECREATIONS[0], "tree/a", None)
            life.copy_as_tar(program, other, 2, "y")
            life.refuse(program, 0)
            life.change_passphrase(program, f"of {program}")
            life.save_key(program, other)
            life.configure(program, "additional_free_space 20M", other)
            life.delete(program, [0, 1])
            life.compact(program, None, cleanup=bool(number))
            life.drop_cache(program, "lose")
            life.prune(program, "y-*", {"daily": 2, "weekly": 1})
            life.delete_by_name(other, "y-*")
    finally:
        life.teardown()


@pytest.mark.usefixtures("local_time")
def test_all_programs_agree_through_all_of_it(servers: Servers) -> None:
    run_state_machine_as_test(
        lambda: LifeCycle(servers),
        settings=settings(
            max_examples=EXAMPLES or 5,
            stateful_step_count=15,
            derandomize=not EXAMPLES,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # Making a failure small takes minutes, which are for those who look for one.
            phases=[Phase.reuse, Phase.generate, *([Phase.shrink] if EXAMPLES else [])],
            report_multiple_bugs=False,
        ),
    )
