from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.memory_store import MemoryStore
from vinculum.errors import Error
from vinculum.keys.counters import LIMIT, RESERVATION, CounterAllocator, counter_after


@pytest.fixture
def nonce(tmp_path: Path) -> Path:
    return tmp_path / "security" / "nonce"


def allocator(store: MemoryStore, nonce: Path, first: int = 0) -> CounterAllocator:
    return CounterAllocator(store, str(nonce), first)


def test_first_use_reserves_in_both_places(nonce: Path) -> None:
    store = MemoryStore()
    counters = allocator(store, nonce)
    assert store.nonce is None
    assert not nonce.exists()
    assert counters.allocate(10) == 0
    assert store.nonce == 10 + RESERVATION
    assert nonce.read_bytes() == f"{10 + RESERVATION:016x}".encode()
    assert nonce.stat().st_mode & 0o777 == 0o600


def test_one_reservation_serves_many(nonce: Path) -> None:
    store = MemoryStore()
    counters = allocator(store, nonce)
    assert [counters.allocate(n) for n in (10, 5, 1)] == [0, 10, 15]
    assert len(store.reservations) == 1


def test_reservation_is_used_to_its_last_counter_but_no_further(nonce: Path) -> None:
    store = MemoryStore()
    counters = allocator(store, nonce)
    counters.allocate(1)
    assert counters.allocate(RESERVATION) == 1
    assert len(store.reservations) == 1
    assert counters.allocate(1) == RESERVATION + 1
    assert len(store.reservations) == 2


def test_nothing_needs_no_reservation(nonce: Path) -> None:
    store = MemoryStore()
    assert allocator(store, nonce, 7).allocate(0) == 7
    assert store.reservations == []


@pytest.mark.parametrize(("manifest", "repository", "security"), [(900, 5, 6), (5, 900, 6), (5, 6, 900), (900, None, None)])
def test_greatest_of_all_records_counts(nonce: Path, manifest: int, repository: int | None, security: int | None) -> None:
    store = MemoryStore()
    store.nonce = repository
    if security is not None:
        nonce.parent.mkdir()
        nonce.write_bytes(f"{security:016x}".encode())
    assert allocator(store, nonce, manifest).allocate(3) == 900


def test_newline_in_the_record_is_tolerated(nonce: Path) -> None:
    nonce.parent.mkdir()
    nonce.write_bytes(b"00000000000000ff\n")
    assert allocator(MemoryStore(), nonce).allocate(1) == 255


@pytest.mark.parametrize("content", [b"", b"ff", b"zzzzzzzzzzzzzzzz", b"0x00000000000001", b"00000000000000001"])
def test_damaged_record_is_an_error(nonce: Path, content: bytes) -> None:
    nonce.parent.mkdir()
    nonce.write_bytes(content)
    store = MemoryStore()
    with pytest.raises(Error, match="damaged"):
        allocator(store, nonce).allocate(1)
    assert store.reservations == []


def test_nothing_is_handed_out_if_the_reservation_fails(nonce: Path) -> None:
    store = MemoryStore()
    counters = allocator(store, nonce)
    store.fail_next_reservation = True
    with pytest.raises(OSError, match="space"):
        counters.allocate(4)
    assert not nonce.exists()
    assert counters.allocate(4) == 0
    assert store.nonce == 4 + RESERVATION


def test_other_writer_is_noticed(nonce: Path) -> None:
    class Sneaking(MemoryStore):
        def commit_nonce_reservation(self, next_unreserved: int, start_nonce: int | None) -> None:
            super().commit_nonce_reservation(next_unreserved, start_nonce)
            nonce.parent.mkdir()
            nonce.write_bytes(f"{next_unreserved:016x}".encode())

    with pytest.raises(Error, match="changed"):
        allocator(Sneaking(), nonce).allocate(1)


def test_counters_run_out_with_a_message_not_with_a_wrap(nonce: Path) -> None:
    store = MemoryStore()
    store.nonce = LIMIT - RESERVATION - 3
    assert allocator(store, nonce).allocate(2) == store.reservations[0].start
    with pytest.raises(Error, match="counters"):
        allocator(store, nonce).allocate(2)


def test_manifest_tells_what_it_used() -> None:
    stored = bytes(33) + (1000).to_bytes(8, "big") + bytes(100)
    assert counter_after(stored) == 1000 + 9  # 141 bytes


def test_threads_never_share_counters(nonce: Path) -> None:
    counters = allocator(MemoryStore(), nonce)
    taken: list[tuple[int, int]] = []

    def take() -> None:
        for count in range(1, 200):
            taken.append((counters.allocate(count), count))  # noqa: PERF401 (others append meanwhile)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken.sort()
    assert len(taken) == 4 * 199
    assert all(start + count == following for (start, count), (following, _) in pairwise(taken))


sessions = st.lists(
    st.tuples(
        st.sampled_from(["ends well", "dies", "dies while reserving", "loses its security record", "repository from backup"]),
        st.lists(st.sampled_from([1, 2, 1000, RESERVATION // 2, RESERVATION, RESERVATION + 1]), max_size=6),
    ),
    max_size=8,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(sessions)
def test_no_counter_is_used_twice_whatever_happens_between_sessions(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, list[int]]]
) -> None:
    nonce = tmp_path_factory.mktemp("client") / "nonce"
    store, manifest = MemoryStore(), 0
    used: list[tuple[int, int]] = []
    for fate, amounts in history:
        counters = allocator(store, nonce, manifest)
        before = store.nonce
        for amount in amounts:
            start = counters.allocate(amount)
            used.append((start, start + amount))
        if fate == "ends well" and used:
            manifest = max(manifest, used[-1][1])
        elif fate == "dies while reserving":
            store.fail_next_reservation = True
            with pytest.raises(OSError, match="space"):
                counters.allocate(3 * RESERVATION)
        elif fate == "loses its security record" and (store.nonce or 0) >= max((end for _, end in used), default=0):
            # Not while the repository is older than what was used: then nobody is left who knows.
            nonce.unlink(missing_ok=True)
        elif fate == "repository from backup" and nonce.exists():
            store.nonce = before
    used.sort()
    assert all(end <= following for (_, end), (following, _) in pairwise(used))
