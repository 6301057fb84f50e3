"""The files cache as slowly and plainly as it can be written: a dict of records and a small msgpack codec.

The oracle for the kernel `FilesCache`, as far as it can be reached without a batch of files: loading and saving.
"""

from __future__ import annotations

from typing import NamedTuple

import msgpack


class Record(NamedTuple):
    path_hash: bytes
    age: int
    inode: int
    size: int
    cmtime: int
    ids: list[bytes]


class Malformed(Exception):
    """The bytes are not a sequence of records."""


def pack_record(record: Record) -> bytes:
    cmtime: int | bytes = record.cmtime
    bits = record.cmtime.bit_length()
    if bits > 63:
        cmtime = record.cmtime.to_bytes((bits + 9) // 8, "little", signed=True)
    fields = [record.path_hash, [record.age, record.inode, record.size, cmtime, record.ids]]
    packed: bytes = msgpack.packb(fields, use_bin_type=False)
    return packed


def load_and_save(data: bytes, ttl: int) -> bytes:
    """What remains of the file after a run that read no file and found none unchanged."""
    records: dict[bytes, Record] = {}
    reader = _Reader(data)
    while reader.at < len(data):
        record = reader.record()
        records[record.path_hash] = record._replace(age=record.age + 1)
    return b"".join(pack_record(record) for record in records.values() if record.age < ttl)


class _Reader:
    """Takes one value after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        self.at += count
        if len(taken) < count:
            raise Malformed("end")
        return taken

    def number(self, count: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(count), "big", signed=signed)

    def value(self) -> int | bytes | range:
        """An integer, raw bytes, or the range of an array whose elements follow."""
        tag = self.number(1)
        if tag < 0x80:
            return tag
        if tag >= 0xE0:
            return tag - 256
        if 0xA0 <= tag <= 0xBF:
            return self.take(tag & 0x1F)
        if 0x90 <= tag <= 0x9F:
            return range(tag & 0x0F)
        if 0xCC <= tag <= 0xD3:
            return self.number(1 << (tag & 3), signed=tag >= 0xD0)
        if 0xD9 <= tag <= 0xDB:
            return self.take(self.number(1 << (tag - 0xD9)))
        if 0xDC <= tag <= 0xDD:
            return range(self.number(2 << (tag - 0xDC)))
        raise Malformed(tag)

    def array(self) -> range:
        value = self.value()
        if not isinstance(value, range):
            raise Malformed(value)
        return value

    def id(self) -> bytes:
        value = self.value()
        if not isinstance(value, bytes) or len(value) != 32:
            raise Malformed(value)
        return value

    def natural(self) -> int:
        value = self.value()
        if not isinstance(value, int) or value < 0:
            raise Malformed(value)
        return value

    def time(self) -> int:
        value = self.value()
        if isinstance(value, range):
            raise Malformed(value)
        if isinstance(value, bytes):
            value = int.from_bytes(value, "little", signed=True)
        if not -(2**127) <= value < 2**127:
            raise Malformed(value)
        return value

    def record(self) -> Record:
        if self.array() != range(2):
            raise Malformed("pair")
        path_hash = self.id()
        if self.array() != range(5):
            raise Malformed("record")
        age, inode, size, cmtime = self.natural(), self.natural(), self.natural(), self.time()
        return Record(path_hash, age, inode, size, cmtime, [self.id() for _ in self.array()])
