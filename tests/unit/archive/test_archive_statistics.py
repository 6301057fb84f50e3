"""Statistics add up, and say what an archive costs: its content, deduplicated against everything else."""

from __future__ import annotations

from support.memory_store import MemoryStore
from support.plain_key import PlainKey
from vinculum._native import ChunkIndex, ChunkList, encode_item
from vinculum.archive.statistics import Statistics, content_usage

KEY = PlainKey()
A, B, C = (bytes([n]) * 32 for n in range(3))


def test_files_and_parts_are_counted_apart() -> None:
    statistics = Statistics()
    content = ChunkList.of(A + B, [10, 20], [5, 6])
    statistics.add_files(2, 100, 50)
    statistics.add_files(1, content.size_bytes, content.csize_bytes)
    statistics.add_parts(3, content)
    statistics.add_parts(0, content)
    statistics.deduplicated_size += 7
    assert statistics.as_dict() == {"original_size": 130, "compressed_size": 61, "deduplicated_size": 7, "nfiles": 3}
    assert statistics.as_metadata() == {
        "size": 130,
        "csize": 61,
        "nfiles": 3,
        "size_parts": 30,
        "csize_parts": 11,
        "nfiles_parts": 3,
    }


def test_sums_and_differences_are_new_objects() -> None:
    one, two = Statistics(1, 2, 3, 4), Statistics(10, 20, 30, 40)
    two.add_parts(1, ChunkList.of(A, [7], [8]))
    assert (one + two).as_dict() == Statistics(11, 22, 33, 44).as_dict()
    assert one + two - two == one
    assert one + two != Statistics(11, 22, 33, 44), "parts count for equality"
    assert one == Statistics(1, 2, 3, 4)


def test_usage_counts_content_only_and_unique_is_what_no_other_archive_has() -> None:
    items = [
        encode_item({"path": b"one", "mode": 0o100644, "mtime": 0}, ChunkList.of(A + B + A, [10, 20, 10], [5, 6, 5])),
        encode_item({"path": b"two", "mode": 0o100644, "mtime": 0}, ChunkList.of(C, [30], [7])),
        encode_item({"path": b"dir", "mode": 0o040755, "mtime": 0}, None),
    ]
    store = MemoryStore()
    ids = store.store(KEY, b"".join(bytes(memoryview(item)) for item in items))
    chunks = ChunkIndex()
    chunks.add(A, 2, 10, 5)  # here alone, twice
    chunks.add(B, 3, 20, 6)  # elsewhere too
    chunks.add(C, 1, 30, 7)
    chunks.add(ids[0], 1, 999, 999)  # the item stream itself does not count
    assert content_usage(chunks, store, KEY, ids) == Statistics(10 + 20 + 10 + 30, 5 + 6 + 5 + 7, 5 + 7)
