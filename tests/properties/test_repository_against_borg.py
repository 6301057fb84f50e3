"""Random operations on our store and on Borg's, compared byte for byte: segments, index, hints, integrity, config."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.store_oracle import CONFIG, Session, StoreOracle, files_of, run_ours

MANIFEST_KEY = bytes(32)
IDS = [MANIFEST_KEY, *(hashlib.sha256(bytes([number])).digest() for number in range(10))]
# Ids that want the same bucket, so that deleting leaves tombstones in probe paths.
IDS += [IDS[1][:4] + hashlib.sha256(bytes([number])).digest()[4:] for number in range(20, 24)]

ids = st.sampled_from(IDS)
steps = st.one_of(
    st.tuples(st.just("put"), ids, st.binary(max_size=150)),
    st.tuples(st.just("put"), ids, st.binary(max_size=150)),
    st.tuples(st.just("delete"), ids),
    st.tuples(st.just("get"), ids),
    st.just(("rollback",)),
)
changes = st.tuples(st.just("put"), ids, st.binary(max_size=150))


def _closed(steps: list[tuple[bytes, ...]], last: tuple[bytes, ...], ends_with_commit: bool) -> Session:
    # Borg cannot commit without a transaction.
    return [*steps, last, *([("commit",), ("list",)] if ends_with_commit else [])]


def _compacted(steps: list[tuple[bytes, ...]], last: tuple[bytes, ...], threshold: int, cleanup: list[bytes]) -> Session:
    return [*steps, last, ("compact", bytes([threshold]), *cleanup), ("list",)]


sessions = st.builds(_closed, st.lists(steps, max_size=12), changes, st.booleans())
compactions = st.builds(
    _compacted,
    st.lists(steps, max_size=6),
    changes,
    st.sampled_from([0, 10, 50, 90, 100]),
    st.sampled_from([[], [], [b"cleanup commits"]]),
)
histories = st.lists(sessions, min_size=1, max_size=6)
# Without any commit Borg refuses to begin a second transaction; the first session therefore starts with one.
# It stores an object that stays: once all are deleted, Borg takes its empty index for none and reads the old one again.
_FIRST: Session = [("put", hashlib.sha256(b"stays").digest(), b""), ("put", MANIFEST_KEY, b"manifest"), ("commit",)]
long_histories = st.lists(st.one_of(sessions, sessions, compactions), min_size=2, max_size=10)


@pytest.fixture(scope="module")
def store_oracle(borg145_python: Path) -> Iterator[StoreOracle]:
    with StoreOracle(borg145_python) as running:
        yield running


def _state_files(path: Path) -> list[Path]:
    return [file for kind in ("index", "hints", "integrity") for file in path.glob(f"{kind}.*")]


def _directories_of(path: Path) -> list[str]:
    return sorted(str(place.relative_to(path)) for place in path.rglob("*") if place.is_dir())


def _spoil(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _harm(path: Path, harm: str, older: dict[str, bytes]) -> None:
    """Does to a closed repository what crashes, bad disks and other programs do."""
    kind, _, act = harm.partition(" ")
    if kind == "last-segment":
        last = max(path.glob("data/*/*"), key=lambda file: int(file.name))
        last.write_bytes(last.read_bytes() + b"garbage" if act == "garbage" else b"")
    elif harm == "all older":
        for file in _state_files(path):
            file.unlink()
        for name, content in older.items():
            (path / name).write_bytes(content)
    else:
        for file in _state_files(path):
            if file.name.startswith(kind) or kind == "all":
                if act == "missing":
                    file.unlink()
                else:
                    _spoil(file)


HARMS = [
    "all missing",
    "all older",
    "index missing",
    "index spoilt",
    "hints missing",
    "hints spoilt",
    "integrity missing",
    "integrity spoilt",
    "last-segment garbage",
    "last-segment empty",
]
reads = st.lists(st.one_of(st.tuples(st.just("get"), ids), st.just(("list",))), max_size=2)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.builds(_closed, st.lists(changes, max_size=12), changes, st.just(True)),
    second=st.builds(_closed, st.lists(steps, max_size=12), changes, st.booleans()),
    harm=st.sampled_from(HARMS),
    reads=reads,
    third=st.builds(_closed, st.lists(steps, max_size=5), changes, st.just(True)),
)
def test_damaged_or_stale_state_is_rebuilt_as_by_borg(
    store_oracle: StoreOracle, first: Session, second: Session, harm: str, reads: Session, third: Session
) -> None:
    config = CONFIG.format(segments_per_dir=2, max_segment_size=300)
    if harm.endswith("spoilt"):
        # Borg 1.4.5 loses the object if it meets the damage in a put; its programs always read something first.
        reads = [("list",), *reads]
    with tempfile.TemporaryDirectory() as directory:
        theirs, ours = Path(directory, "theirs"), Path(directory, "ours")
        store_oracle.run(theirs, config, [first])
        older = {file.name: file.read_bytes() for file in _state_files(theirs)}
        store_oracle.run(theirs, config, [second])
        shutil.copytree(theirs, ours)
        for path in (theirs, ours):
            _harm(path, harm, older)
        expected = store_oracle.run(theirs, config, [[*reads, *third]])
        assert run_ours(ours, config, [[*reads, *third]]) == expected
        assert files_of(ours) == files_of(theirs)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.builds(_closed, st.lists(changes, max_size=12), changes, st.just(True)),
    history=histories,
    segments_per_dir=st.integers(1, 4),
    max_segment_size=st.sampled_from([1, 100, 300, 5000]),
)
def test_same_operations_give_the_same_files_as_borg(
    store_oracle: StoreOracle, first: Session, history: list[Session], segments_per_dir: int, max_segment_size: int
) -> None:
    config = CONFIG.format(segments_per_dir=segments_per_dir, max_segment_size=max_segment_size)
    with tempfile.TemporaryDirectory() as directory:
        theirs, ours = Path(directory, "theirs"), Path(directory, "ours")
        expected = store_oracle.run(theirs, config, [first, *history])
        assert run_ours(ours, config, [first, *history]) == expected
        assert files_of(ours) == files_of(theirs)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    history=long_histories,
    last=compactions,
    segments_per_dir=st.integers(1, 4),
    max_segment_size=st.sampled_from([1, 100, 300, 5000]),
)
def test_compaction_leaves_the_same_files_as_borg(
    store_oracle: StoreOracle, history: list[Session], last: Session, segments_per_dir: int, max_segment_size: int
) -> None:
    config = CONFIG.format(segments_per_dir=segments_per_dir, max_segment_size=max_segment_size)
    with tempfile.TemporaryDirectory() as directory:
        theirs, ours = Path(directory, "theirs"), Path(directory, "ours")
        sessions = [[*_FIRST, *history[0]], *history[1:], last]
        expected = store_oracle.run(theirs, config, sessions)
        assert run_ours(ours, config, sessions) == expected
        assert files_of(ours) == files_of(theirs)
        assert _directories_of(ours) == _directories_of(theirs)
