"""Whatever stops a repair, doing it again leaves what it would have left at once; and nothing whole is lost on the way."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from random import Random

import pytest

from support.damage import Forger, flip, forged, segments
from support.fault_bench import FaultBench
from support.faulty_storage import CommitWatch
from support.filled_repositories import Objects, content_of, numbered_id, put_in_transactions, small_content
from support.keys import given
from support.programs import PASSPHRASE, Program
from support.store_oracle import CONFIG
from vinculum.archive.archive import load_archive
from vinculum.archive.archive_filter import ArchiveFilter
from vinculum.archive.item_stream import read_items
from vinculum.archive.manifest import Manifest
from vinculum.errors import Error
from vinculum.events import NullSink
from vinculum.keys.passphrase import PassphraseSource
from vinculum.operations.check.check import CheckOptions, check_archives
from vinculum.operations.doors import Doors
from vinculum.repository.location import Location
from vinculum.repository.repository import Repository
from vinculum.repository.storage import LocalStorage
from vinculum.repository.store import MANIFEST_KEY

OBJECTS: Objects = {numbered_id(number): small_content(number) for number in range(9)} | {MANIFEST_KEY: b"second"}
LOST = numbered_id(4)
WHOLE = {id: content for id, content in OBJECTS.items() if id != LOST}
FAULTS = [None, errno.EIO, errno.ENOSPC]


def _repair(repository: Repository) -> None:
    assert repository.check(repair=True)


def _repair_again(path: Path) -> None:
    with Repository(str(path), exclusive=True) as repository:
        _repair(repository)
        assert repository.check()


# -- the repository ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["damage", "damage, no commit"])
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small segments, one of which has lost one of its objects; perhaps there is no COMMIT left either."""
    path = tmp_path_factory.mktemp("prepared") / "repo"
    Repository.create(str(path))
    (path / "config").write_text(CONFIG.format(segments_per_dir=4, max_segment_size=400))
    put_in_transactions(path, (b"first", range(6)), (b"second", range(6, 9)))
    victim = next(segment for segment in segments(path) if LOST in segment.read_bytes())
    flip(victim, victim.read_bytes().index(LOST) + 40)
    if "no commit" in request.param:
        for segment in segments(path):
            if segment.stat().st_size == 17:
                segment.unlink()
    return path


@pytest.mark.parametrize("fault", FAULTS, ids=["killed", "EIO", "ENOSPC"])
def test_failure_at_any_call_loses_nothing_that_was_whole(bench: FaultBench, fault: int | None) -> None:
    struck = set()
    # A kill is the hardest case; for errors every other call has to do, tests take time.
    for strike in bench.strikes(_repair, fault, every=1 if fault is None else 2):
        struck.add(strike.call)
        _repair_again(strike.path)
        assert content_of(strike.path) == WHOLE, str(strike)
        assert not list(strike.path.glob("data/*/*.tmp")), f"left behind {strike}"
    if fault is None:
        assert struck >= {"create", "file.write", "file.sync", "file.close", "sync_directory", "write", "rename", "delete"}


@pytest.mark.parametrize("seed", range(2))
def test_power_cut_at_any_call_loses_nothing_that_was_whole(bench: FaultBench, seed: int) -> None:
    random = Random(seed)
    for strike in bench.power_cuts(_repair, lambda: random.random() < 0.7):
        _repair_again(strike.path)
        assert content_of(strike.path) == WHOLE, str(strike)


def test_what_a_killed_repair_left_is_never_read_wrongly(bench: FaultBench) -> None:
    """Who reads without repairing first gets each object as it was, or an error."""
    for strike in bench.strikes(_repair, None):
        try:
            found = content_of(strike.path)
        except Error:
            continue
        assert found.items() <= OBJECTS.items(), str(strike)


def test_borg_can_go_on_where_a_repair_was_killed(bench: FaultBench, borg145: Program) -> None:
    unsafe = {"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes", "BORG_CHECK_I_KNOW_WHAT_I_AM_DOING": "YES"}
    for strike in bench.strikes(_repair, None, every=11):
        borg145.run("check", "--repair", "--repository-only", strike.path, **unsafe)
        assert content_of(strike.path) == WHOLE, str(strike)


def test_nothing_is_committed_before_it_is_durable(bench: FaultBench) -> None:
    path = bench.copy()
    watch = CommitWatch(LocalStorage(str(path)))
    assert bench.attempt(_repair, path, watch)
    assert content_of(path) == WHOLE


# -- archives ----------------------------------------------------------------------------------------------------------


class _Doors(Doors):
    @property
    def passphrases(self) -> PassphraseSource:
        return given(PASSPHRASE)


def _doors(store: Repository) -> Doors:
    return _Doors(Location.parse(store.path), NullSink())


def _check_archives(store: Repository, *, repair: bool) -> bool:
    options = CheckOptions(repair=repair, verify_data=True, archive=None, choice=ArchiveFilter(), checks_all=True)
    return check_archives(store, _doors(store), options)


def _files(path: Path) -> dict[str, dict[bytes, tuple[int | None, bool]]]:
    """Per archive the files, their sizes, and whether they are marked as damaged."""
    with Repository(str(path)) as store:
        key = _doors(store).open_key(store, store.get(MANIFEST_KEY))
        found = {}
        for entry in Manifest.load(store, key).archives.values():
            items = [item for window in read_items(store, key, load_archive(store, key, entry).items) for item in window]
            found[entry.name] = {item.path: (item.size, item.chunks_healthy is not None) for item in items}
        return found


def test_archives_are_mended_at_once_or_not_at_all(
    vinculum: Program,
    workplace: Path,
    tmp_path: Path,
    client_env: dict[str, str],  # noqa: ARG001
) -> None:
    path = tmp_path / "repo"
    vinculum.run("init", "-e", "none", path)
    for name in "abc":
        (workplace / name).write_bytes(os.urandom(20_000))
    for archive in ("one", "two"):
        vinculum.run("create", f"{path}::{archive}", *"abc")

    def lose_content(forger: Forger) -> None:
        store, key = forger.store, forger.key
        (items,) = read_items(store, key, forger.item_ids("one"))
        assert items[1].chunks is not None
        store.delete(items[1].chunks.ids())

    forged(lose_content)(path)
    damaged = _files(path)
    bench = FaultBench(path, tmp_path / "bench")
    (tmp_path / "bench").mkdir()
    mended = {name: {**files, b"b": (20_000, True)} for name, files in damaged.items()}
    assert mended != damaged

    def work(store: Repository) -> None:
        assert _check_archives(store, repair=True)

    seen = []
    for strike in bench.strikes(work, None):
        found = _files(strike.path)
        seen.append(found)
        assert found in (damaged, mended), str(strike)
        with Repository(str(strike.path), exclusive=True) as store:
            work(store)
            assert _check_archives(store, repair=False), str(strike)
        assert _files(strike.path) == mended, str(strike)
    assert damaged in seen
    assert mended in seen
    shutil.rmtree(bench.copy())
