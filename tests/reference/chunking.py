"""The cut rules as the specification states them, byte by byte: the oracle for the chunking kernel."""

from __future__ import annotations

import json
import os
from pathlib import Path

TABLE_FILE = Path(__file__).resolve().parents[1] / "golden" / "vectors" / "buzhash_table.json"
BASE = [int(value, 16) for value in json.loads(TABLE_FILE.read_bytes())["table"]]

Params = tuple[str, int, int, int, int] | tuple[str, int, int]


def rotate(value: int, bits: int) -> int:
    bits %= 32
    return ((value << bits) | (value >> (32 - bits))) & 0xFFFFFFFF


def buzhash(window: bytes, seed: int) -> int:
    value = 0
    for index, byte in enumerate(window):
        value ^= rotate(BASE[byte] ^ (seed & 0xFFFFFFFF), len(window) - 1 - index)
    return value


def slide(value: int, leaving: int, entering: int, window: int, seed: int) -> int:
    seed &= 0xFFFFFFFF
    return rotate(value, 1) ^ rotate(BASE[leaving] ^ seed, window) ^ BASE[entering] ^ seed


def cut(data: bytes, params: Params, seed: int) -> list[int]:
    """Sizes of the chunks of a whole file."""
    if params[0] == "fixed":
        return cut_fixed(len(data), params[1], params[2])
    _, min_exp, max_exp, mask_bits, window = params  # type: ignore[misc]
    sizes = []
    start = 0
    while start < len(data):
        size = buzhash_size(data[start : start + 2**max_exp + 1], 2**min_exp, 2**max_exp, 2**mask_bits - 1, window, seed)
        sizes.append(size)
        start += size
    return sizes


def buzhash_size(data: bytes, least: int, most: int, mask: int, window: int, seed: int) -> int:
    if len(data) <= least + window:
        return len(data)
    limit = min(len(data), most)
    value = buzhash(data[least : least + window], seed)
    for position in range(least, limit - window):
        if value & mask == 0:
            return position
        value = slide(value, data[position], data[position + window], window, seed)
    return limit


def cut_fixed(length: int, block: int, header: int = 0) -> list[int]:
    """Header and rest are cut into blocks, each from its own start."""
    if header:
        return cut_fixed(min(header, length), block) + cut_fixed(max(0, length - header), block)
    return [block] * (length // block) + [length % block] * (length % block > 0)


def cut_sparse(ranges: list[tuple[int, bool]], block: int) -> list[tuple[int, bool]]:
    """(size, is data) of the chunks of ranges given as (length, is data), each cut from its own start."""
    return [(size, is_data) for length, is_data in ranges for size in cut_fixed(length, block)]


def ranges_of(fd: int, start: int) -> list[tuple[int, bool]]:
    """(length, is data) of the ranges of an open file from `start` to its end."""
    size = os.fstat(fd).st_size
    ranges = []
    while start < size:
        try:
            data = os.lseek(fd, start, os.SEEK_DATA)
        except OSError:
            data = size
        if data > start:
            ranges.append((data - start, False))
            start = data
        else:
            hole = os.lseek(fd, start, os.SEEK_HOLE)
            ranges.append((hole - start, True))
            start = hole
    os.lseek(fd, 0, os.SEEK_SET)
    return ranges
