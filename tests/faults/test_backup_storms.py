"""Backups in foul weather: system calls that fail or hang back, files that change and vanish, signals at any moment.

Each ends in an archive that holds what it has to, or in a clean error, and never hangs; the next goes on from there. Usually
these are the same few dozen runs. For others, as many as there is time for:

    VINCULUM_STORMS=1000 .venv/bin/pytest tests/faults/test_backup_storms.py
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.archives import chunk_references, list_archives
from support.fork_servers import Servers
from support.household import Household
from support.programs import Program, client_environment, oracle_program, vinculum_program
from support.restless_tree import LARGE_BYTES, SKIPPED_SUFFIX, Commotion, RestlessTree
from support.tampering import Tampering, count_tampered, tampered

RUNS_PER_REPOSITORY = 8
BATCHES = -(-int(os.environ.get("VINCULUM_STORMS", "32")) // RUNS_PER_REPOSITORY)
IN_MEMORY = Path("/dev/shm")
LONGEST_S = 60

TUNED = """
import json, os, sys, time
sys.argv[0] = "borg"
tuning = json.loads(os.environ.pop("TUNING"))
speed, monotonic = tuning.pop("clock"), time.monotonic
time.monotonic = lambda: monotonic() * speed
from vinculum.operations.create import content, gathering, reading
for name, value in tuning.items():
    module, _, constant = name.partition(".")
    setattr({"content": content, "gathering": gathering, "reading": reading}[module], constant, value)
from vinculum.cli.main import main
sys.exit(main())
"""
"""Our program with bundles and large files as small as wanted, and a clock that makes a second as short as wanted."""

SIGNALS = {"INT": signal.SIGINT, "TERM": signal.SIGTERM, "HUP": signal.SIGHUP}


class Storm(NamedTuple):
    """What one run has to get through."""

    roots: list[str]
    options: list[str]
    tuning: dict[str, float]
    tamperings: list[Tampering]
    targets: list[str]
    """What the tamperings are about."""
    stirs: bool
    pause_s: float
    fifos: bool
    signals: list[str]
    patience_bytes: int
    """So much it may say before it gets the signals."""
    gap_s: float
    forgets: bool
    """Whether all archives are deleted before: the files cache then knows chunks that are gone."""


def draw(chance: random.Random, tree: RestlessTree) -> Storm:
    fifos = chance.random() < 0.3
    options = ["--checkpoint-interval", chance.choice(["0", "1", "1800"])]
    options += chance.choice([["--threads", "1"], ["--threads", "2"], ["--threads", "3"], ["--threads", "8"], []])
    options += ["--chunker-params", chance.choice(["10,14,12,4095", "10,14,12,4095", "12,16,14,4095", "fixed,16384"])]
    options += ["--compression", chance.choice(["none", "lz4", "auto,zstd,3"])]
    options += chance.choice([[], ["--files-cache", "disabled"], ["--files-cache", "mtime,size"], ["--sparse"]])
    tuning = {
        "clock": chance.choice([1, 50]),
        "gathering.MAX_ENTRIES": chance.choice([1, 7, 40, 2048]),
        "gathering.MAX_LISTINGS": chance.choice([2, 96]),
        "reading.SMALL_FILE_BYTES": chance.choice([1000, LARGE_BYTES // 4, 8 << 20]),
        "reading.BATCH_BYTES": chance.choice([1 << 17, 16 << 20]),
        "content.BATCH_BYTES": 1 << 14,
    }
    return Storm(
        roots=chance.choice(
            [["tree"]] * 3
            + [["tree", "tree/large"], ["tree/links", "tree"], ["tree/many", "tree/large", "tree/links/further", "tree/links"]]
            + [["tree/nest", "tree", "tree/many/small-001"], ["tree/./links", "tree"]]
        ),
        options=[*options, "--exclude", f"sh:**/*{SKIPPED_SUFFIX}", *(["--read-special"] if fifos else [])],
        tuning=tuning,
        **_draw_tamperings(chance, tree),
        stirs=chance.random() < 0.5,
        pause_s=chance.choice([0, 0.001, 0.01]),
        fifos=fifos,
        signals=chance.choice(
            [[]] * 6 + [["INT"], ["INT"], ["INT", "INT"], ["INT", "INT", "INT"], ["TERM"], ["INT", "TERM"], ["HUP"]]
        ),
        patience_bytes=chance.choice([0, 500, 2_000, 8_000, 16_000, 30_000]),
        gap_s=chance.choice([0, 0.001, 0.02, 0.1]),
        forgets=chance.random() < 0.2,
    )


def _draw_tamperings(chance: random.Random, tree: RestlessTree) -> dict[str, Any]:
    """Errors for a few files and directories, delays for a few."""
    if chance.random() < 0.2:
        return {"tamperings": [], "targets": []}
    large = [path for path in tree.still if len(tree.still[path]) >= LARGE_BYTES // 2]
    linked = [path for path in tree.still if "-link-" in path]
    directories = sorted(tree.directories - {"tree", "tree/left out.skip"})
    pool = [*chance.sample(sorted(tree.still), 4), *large, *linked, *chance.sample(directories, 2), "tree/fifos/fifo-1"]
    first = chance.choice(["1", "2", "1+", "2+", "3+2"])
    tamperings = [
        chance.choice(
            [
                Tampering("read", first, "EIO"),
                Tampering("read", first, "EIO"),
                Tampering("read", first, "EINTR"),
                Tampering("openat", first, chance.choice(["EIO", "EACCES", "ENOENT", "EMFILE"])),
                Tampering("statx", first, "EIO"),
                Tampering("getdents64", first, "EIO"),
                Tampering("close", first, "EIO"),
                Tampering("flistxattr", first, "EIO"),
                Tampering("readlinkat", first, "EIO"),
            ]
        )
        for _ in range(chance.randint(0, 2))
    ]
    if chance.random() < 0.5:
        call = chance.choice(["read", "read", "openat", "getdents64"])
        tamperings.append(Tampering(call, "1+", delay_us=chance.choice([1_000, 5_000, 20_000])))
    # strace can tamper with each call in one way only.
    unlike = {tampering.call: tampering for tampering in tamperings}
    return {"tamperings": list(unlike.values()), "targets": chance.sample(pool, chance.randint(1, 4)) if unlike else []}


class Run(NamedTuple):
    """How a run ended, and what it said."""

    code: int
    records: list[dict[str, Any]]
    noise: str

    def failed(self) -> Counter[str]:
        return Counter(record["path"] for record in self.records if record.get("status") == "E")

    def warnings(self) -> list[str]:
        return [record["message"] for record in self.records if record.get("levelname") == "WARNING"]

    def errors(self) -> list[str]:
        return [record["message"] for record in self.records if record.get("levelname") in ("ERROR", "CRITICAL")]


class Voyage:
    """A repository, a client and a tree that one storm after the other passes over."""

    def __init__(self, servers: Servers, place: Path, number: int) -> None:
        self.place = place
        self.chance = random.Random(f"storms {number}")
        self.tree = RestlessTree(place, number)
        self.household = Household(servers, place, place)
        self.ours = vinculum_program(self.household.home, place).with_environment(BORG_HOST_ID="home", PYTHONFAULTHANDLER="1")
        self.ours = Program("tuned", [sys.executable, "-c", TUNED], self.ours.environment, place)
        self.borg = oracle_program("1.4.5", self.household.home, place).with_environment(BORG_HOST_ID="home")
        self.household.run("1.4.5", "init", "-e", self.chance.choice(["none", "repokey", "repokey-blake2"]), "REPO")
        self.tampered_calls = 0

    # -- one run -----------------------------------------------------------------------------------------------------------

    def weather(self, number: int) -> None:
        """One storm, and what is left after it."""
        self.tree.settle()
        storm = draw(self.chance, self.tree)
        if storm.forgets:
            for name in list_archives(self.borg, self.household.repository):
                self.household.run("vinculum", "delete", f"REPO::{name}")
        if storm.fifos:
            self.tree.add_fifos()
        name = f"run-{number}"
        try:
            with Commotion(self.tree, stirs=storm.stirs, pause_s=storm.pause_s):
                run = self._create(storm, name)
            try:
                self._assert_sound(storm, name, run)
            except AssertionError as error:
                told = "\n".join(json.dumps(record) for record in run.records if record.get("status", "E") == "E")
                raise AssertionError(f"{error}\nafter {storm}\nexit code {run.code}\n{told}\n{run.noise}") from error
        finally:
            self.tree.remove_fifos()

    def _create(self, storm: Storm, name: str) -> Run:
        log, said = self.place / "strace.log", self.place / "said"
        log.unlink(missing_ok=True)
        program = self.ours.with_environment(TUNING=json.dumps(storm.tuning))
        if storm.tamperings:
            program = tampered(program, storm.tamperings, [self.place / target for target in storm.targets], log)
        words = [
            "create",
            "--info",
            "--list",
            "--log-json",
            *storm.options,
            f"{self.household.repository}::{name}",
            *storm.roots,
        ]
        with said.open("wb") as stream:
            process = subprocess.Popen(
                [*program.call, *words],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                cwd=program.cwd,
                env=program.environment,
            )
            try:
                self._pester(process, storm, said)
                process.wait(LONGEST_S)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)  # faulthandler tells where all threads are
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)
                process.kill()
                process.wait()
                pytest.fail(f"It hung.\n{storm}\n{said.read_text(errors='replace')[-6000:]}")
        self.tampered_calls += count_tampered(log)
        return _parse(process.returncode, said.read_text(errors="surrogateescape"))

    def _pester(self, process: subprocess.Popen[bytes], storm: Storm, said: Path) -> None:
        """Sends the signals when their time has come; whoever is not even ready to work is not disturbed."""
        end = time.monotonic() + LONGEST_S
        for number, name in enumerate(storm.signals):
            if number:
                time.sleep(storm.gap_s)
            while process.poll() is None and said.stat().st_size <= storm.patience_bytes and time.monotonic() < end:
                time.sleep(0.002)
            if process.poll() is None:
                process.send_signal(SIGNALS[name])

    # -- what must hold after it -------------------------------------------------------------------------------------------

    def _assert_sound(self, storm: Storm, name: str, run: Run) -> None:
        assert not self._left_locks(), self._left_locks()
        assert "Traceback" not in run.noise
        assert "Internal error" not in str(run.errors())
        shown = json.loads(self.household.run("1.4.5", "list", "--json", "--consider-checkpoints", "REPO").out)["archives"]
        names = {archive["name"] for archive in shown}
        if name in names:
            if not storm.signals:
                assert run.code == (1 if run.warnings() else 0)
            self._assert_complete(storm, run, self._members(name))
        else:
            assert self._is_clean_end(storm, run)
        for checkpoint in [other for other in names if other.startswith(f"{name}.checkpoint")]:
            assert name not in names
            self._members(checkpoint)

    def _left_locks(self) -> list[str]:
        places = self.household.repository, self.household.home / ".cache" / "borg"
        return [str(path) for place in places for path in place.rglob("lock.*")]

    def _is_clean_end(self, storm: Storm, run: Run) -> bool:
        """Whether the run may have ended without its archive, and said why."""
        ends = {"INT": (130, "Keyboard interrupt"), "TERM": (143, "Received SIGTERM"), "HUP": (129, "Received SIGHUP.")}
        allowed = [ends[name] for name in storm.signals]
        if "INT" in storm.signals:
            allowed.append((2, "Error: Got Ctrl-C / SIGINT."))
        return any(run.code == code and run.errors()[-1:] == [text] for code, text in allowed)

    def _members(self, archive: str) -> dict[str, list[tuple[str, Any]]]:
        """Path -> (type, content or target) of each occurrence, all of it found to be what may be there."""
        content = self.household.run("1.4.5", "export-tar", f"REPO::{archive}", "-").stdout
        found: dict[str, list[tuple[str, Any]]] = {}
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for member in tar:
                path = member.name
                if member.islnk():
                    assert member.linkname in found, f"{path} is a link to {member.linkname}, which is not there"
                    assert found[member.linkname][-1][0] == "file", f"{path} is a link to something else"
                    held: tuple[str, Any] = found[member.linkname][-1]
                elif member.isreg():
                    file = tar.extractfile(member)
                    assert file is not None
                    held = "file", file.read()
                else:
                    held = {tarfile.DIRTYPE: "directory", tarfile.SYMTYPE: "symlink"}[member.type], member.linkname
                if held[0] == "file" and ".borg_part_" not in path:
                    assert self.tree.may_hold(self._place_of(path), held[1]), f"{path} never held these {len(held[1])} bytes"
                found.setdefault(path, []).append(held)
        return found

    @staticmethod
    def _place_of(path: str) -> str:
        return path if path.startswith("tree") else f"tree/{path}"

    def _assert_complete(self, storm: Storm, run: Run, members: dict[str, list[tuple[str, Any]]]) -> None:
        failed = run.failed()
        things = {
            **dict.fromkeys(self.tree.directories, "directory"),
            **dict.fromkeys(self.tree.still, "file"),
            **dict.fromkeys(self.tree.fifos, "file"),
            **dict.fromkeys(self.tree.symlinks, "symlink"),
        }
        missing = []
        for path, kind in things.items():
            chances = _chances(path, storm.roots) if SKIPPED_SUFFIX not in path else 0
            found = Counter(held for name in {path, path.removeprefix("tree/")} for held, _ in members.get(name, []))
            excused = sum(failed[above] for above in _lineage(path))
            if found[kind] + excused < chances or found.total() > chances:
                missing.append(f"{path} should be there {chances} times, is {found}")
        assert not missing, "\n".join(missing)
        known = {*things, *self.tree.restless, "tree/restless", "tree/restless/moving", "tree/restless/moved"}
        strange = {self._place_of(path).replace("/moved/", "/moving/") for path in members} - known
        assert not {path for path in strange if ".borg_part_" not in path}
        targets = set(storm.targets)
        unlucky = {path for path in failed if not path.startswith("tree/restless") and not targets & {*_lineage(path)}}
        assert not unlucky, f"nothing was wrong with {unlucky}"

    # -- after all of them -------------------------------------------------------------------------------------------------

    def assert_at_rest(self) -> None:
        """The repository is sound, and the cache counts what is in it."""
        self.household.run("1.4.5", "check", "--verify-data", "REPO")
        self.household.run("vinculum", "info", "REPO")  # a run that was ended late may have left a cache that is to be renewed
        self.household.run("1.4.5", "info", "REPO", visiting=True)  # which makes a cache
        visitor = self.borg.with_environment(**client_environment(self.household.visitor))
        counted = chunk_references(visitor, self.household.visitor)
        ours = chunk_references(self.borg, self.household.home)
        wrong = {id: (ours.get(id), counted.get(id)) for id in {*ours, *counted} if ours.get(id) != counted.get(id)}
        assert not wrong, f"{len(wrong)} of {len(counted)} chunks are counted wrongly: {dict(list(wrong.items())[:5])}"
        shutil.rmtree(self.household.visitor)
        self.household.visitor.mkdir()


def _parse(code: int, said: str) -> Run:
    records, noise = [], []
    for line in said.splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            noise.append(line)
    return Run(code, records, "\n".join(noise))


def _lineage(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _chances(path: str, roots: list[str]) -> int:
    """How many times the path is walked over: what was a root is not gone into again."""
    chances = 0
    done: set[str] = set()
    for root in (root.replace("/./", "/") for root in roots):
        if path == root or path.startswith(f"{root}/"):
            below = [above for above in _lineage(path) if above.startswith(f"{root}/")]
            chances += not done & {*below}
        done.add(root)
    return chances


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    servers = Servers(tmp_path_factory.mktemp("servers"))
    yield servers
    servers.close()


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_backup_gets_through_or_ends_cleanly(batch: int, servers: Servers) -> None:
    place = Path(tempfile.mkdtemp(prefix="storm-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
    try:
        voyage = Voyage(servers, place, batch)
        for number in count():
            voyage.weather(number)
            if number % 4 == 3:
                voyage.assert_at_rest()
            if number + 1 >= RUNS_PER_REPOSITORY and voyage.tampered_calls:
                break
    finally:
        shutil.rmtree(place)
