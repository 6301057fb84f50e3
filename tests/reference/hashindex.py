"""The index table as slowly and plainly as it can be written: a list of buckets, and Borg's rules one by one.

The oracle for the kernels `RepositoryIndex` and `ChunkIndex`; knows values only as bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

MAX_VALUE = 2**32 - 1025
EMPTY = b"\xff\xff\xff\xff"
DELETED = b"\xfe\xff\xff\xff"
SIZES = [
    1031, 2053, 4099, 8209, 16411, 32771, 65537, 131101, 262147, 445649, 757607, 1287917, 2189459, 3065243, 4291319,
    6007867, 8410991, 11775359, 16485527, 23079703, 27695653, 33234787, 39881729, 47858071, 57429683, 68915617,
]  # fmt: skip
"""Enough of the sizes for tests."""


class Bucket(NamedTuple):
    key: bytes
    value: bytes

    @property
    def is_empty(self) -> bool:
        return self.value[:4] == EMPTY

    @property
    def is_deleted(self) -> bool:
        return self.value[:4] == DELETED

    @property
    def is_used(self) -> bool:
        return not self.is_empty and not self.is_deleted


class Table:
    """Keys of 32 bytes to values of `value_size` bytes."""

    def __init__(self, value_size: int, capacity: int = 0) -> None:
        self.value_size = value_size
        self.buckets = [self.unused()] * next(size for size in SIZES if size >= capacity)

    @classmethod
    def from_bytes(cls, data: bytes) -> Table:
        """The table in a well-formed file."""
        _, _, count, key_size, value_size = struct.unpack("<8siibb", data[:18])
        width = key_size + value_size
        table = cls(value_size)
        table.buckets = [
            Bucket(data[start : start + 32], data[start + 32 : start + width]) for start in range(18, len(data), width)
        ]
        assert len(table.buckets) == count
        if table.count_empty() < table.least_empty():
            table.rebuild(count)
        return table

    def to_bytes(self) -> bytes:
        return self.header(len(self), len(self.buckets)) + b"".join(key + value for key, value in self.buckets)

    def to_compact_bytes(self) -> bytes:
        used = [bucket for bucket in self.buckets if bucket.is_used]
        return self.header(len(used), max(len(used), 1)) + b"".join(key + value for key, value in used or [self.unused()])

    def header(self, entries: int, buckets: int) -> bytes:
        return struct.pack("<8siibb", b"BORG_IDX", entries, buckets, 32, self.value_size)

    def unused(self) -> Bucket:
        return Bucket(bytes(32), EMPTY + bytes(self.value_size - 4))

    def __len__(self) -> int:
        return sum(bucket.is_used for bucket in self.buckets)

    def count_empty(self) -> int:
        return sum(bucket.is_empty for bucket in self.buckets)

    def least_empty(self) -> int:
        return 1 + int(len(self.buckets) * (1.0 - 0.93))

    def probe(self, key: bytes) -> Iterator[int]:
        """The buckets in which the key may be, each once."""
        home = int.from_bytes(key[:4], "little")
        for step in range(len(self.buckets)):
            yield (home + step) % len(self.buckets)

    def find(self, key: bytes) -> int | None:
        """Where the key is, after moving it to the first deleted bucket that was passed."""
        deleted = None
        for index in self.probe(key):
            bucket = self.buckets[index]
            if bucket.is_empty:
                return None
            if bucket.is_deleted:
                deleted = index if deleted is None else deleted
            elif bucket.key == key:
                if deleted is None:
                    return index
                self.buckets[deleted] = bucket
                self.delete(index)
                return deleted
        return None

    def find_free(self, key: bytes) -> int | None:
        """The first deleted bucket on the way to an empty one, else that."""
        deleted = None
        for index in self.probe(key):
            if self.buckets[index].is_empty:
                return index if deleted is None else deleted
            if self.buckets[index].is_deleted and deleted is None:
                deleted = index
        return deleted

    def delete(self, index: int) -> None:
        key, value = self.buckets[index]
        self.buckets[index] = Bucket(key, DELETED + value[4:])

    def get(self, key: bytes) -> bytes | None:
        index = self.find(key)
        return None if index is None else self.buckets[index].value

    def set(self, key: bytes, value: bytes) -> None:
        index = self.find(key)
        if index is None:
            index = self.make_room(key)
        self.buckets[index] = Bucket(key, value)

    def make_room(self, key: bytes) -> int:
        if len(self) > int(len(self.buckets) * 0.75):
            self.rebuild(SIZES[self.step() + 1])
        free = self.find_free(key)
        if free is not None and self.buckets[free].is_empty and self.count_empty() <= self.least_empty():
            self.rebuild(len(self.buckets))
            free = self.find_free(key)
        assert free is not None
        return free

    def pop(self, key: bytes) -> bytes | None:
        index = self.find(key)
        if index is None:
            return None
        value = self.buckets[index].value
        self.delete(index)
        if len(self) < int(len(self.buckets) * 0.25) and len(self.buckets) > SIZES[0]:
            self.rebuild(SIZES[self.step() - 1])
        return value

    def step(self) -> int:
        return next(step for step, size in enumerate(SIZES) if size >= len(self.buckets))

    def rebuild(self, capacity: int) -> None:
        fresh = Table(self.value_size, capacity)
        for key, value in self.items():
            fresh.set(key, value)
        self.buckets = fresh.buckets

    def items(self) -> list[tuple[bytes, bytes]]:
        return [(bucket.key, bucket.value) for bucket in self.buckets if bucket.is_used]

    def keys(self, marker: bytes | None = None) -> list[bytes]:
        """All keys in table order, after `marker`."""
        index = -1 if marker is None else self.find(marker)
        assert index is not None
        return [bucket.key for bucket in self.buckets[index + 1 :] if bucket.is_used]


def foreign_file(value_size: int, buckets: int, entries: list[tuple[bytes, bytes]]) -> bytes:
    """An index file of any number of buckets, as another program might write it."""
    table = Table(value_size)
    table.buckets = [table.unused()] * buckets
    for key, value in entries:
        free = table.find_free(key)
        assert free is not None
        table.buckets[free] = Bucket(key, value)
    return table.to_bytes()
