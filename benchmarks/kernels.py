"""The kernels alone over the content of a tree, on all cores: what remains of a backup if everything else costs nothing.

    python benchmarks/kernels.py TREE

Cuts, identifies, compresses and encrypts every new chunk (repokey-blake2, lz4), and keeps nothing. Prints the seconds that this
took, on the clock and of all cores; reading the files is not among them.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vinculum._native import ChunkBatch, Chunker, ChunkIndex, Compressor, IdHasher, Sealer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vinculum._native import Blob

# Enough for every core to be busy, little enough to stay out of the way of the tree's own memory.
BATCH_BYTES = 64 * 2**20
BATCH_FILES = 4096
# A file up to this size is one chunk, whatever it contains.
SMALLEST_CHUNK = 2**19


class Kernels:
    """The steps of Borg's pipeline; the times add up over all batches."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0
        self._chunker = Chunker(("buzhash", 19, 23, 21, 4095), 12345)
        self._hasher = IdHasher("blake2b", b"k" * 128)
        self._sealer = Sealer(4, "aes-ctr-blake2b", b"e" * 32, b"m" * 128, Compressor("lz4"))
        self._known = ChunkIndex()
        self._threads = ThreadPoolExecutor(len(os.sched_getaffinity(0)))

    def run(self, pieces: list[bytes]) -> None:
        small = [piece for piece in pieces if len(piece) <= SMALLEST_CHUNK]
        large = [piece for piece in pieces if len(piece) > SMALLEST_CHUNK]
        with self._timed():
            cuts = list(self._threads.map(self._chunker.cut, large))
        parts: list[Blob] = [*small]
        parts += [part for piece, sizes in zip(large, cuts, strict=True) for part in _apart(piece, sizes)]
        with self._timed():
            new = self._known.claim(ChunkBatch.of(parts, self._hasher))
            self._known.settle(self._sealer.seal(new, 0))

    @contextmanager
    def _timed(self) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += time.process_time() - cpu


def _apart(piece: bytes, sizes: list[int]) -> Iterator[bytes]:
    start = 0
    for size in sizes:
        yield piece[start : start + size]
        start += size


def batches(tree: Path) -> Iterator[list[bytes]]:
    """The content of all files in pieces; a file bigger than a batch counts as several."""
    batch: list[bytes] = []
    size = 0
    for directory, _, names in os.walk(tree):
        for name in names:
            path = Path(directory, name)
            if not stat.S_ISREG(path.lstat().st_mode):
                continue
            with open(path, "rb") as file:
                while piece := file.read(BATCH_BYTES // 4):
                    batch.append(piece)
                    size += len(piece)
                    if len(batch) == BATCH_FILES or size >= BATCH_BYTES:
                        yield batch
                        batch, size = [], 0
    yield batch


def main() -> None:
    kernels = Kernels()
    for batch in batches(Path(sys.argv[1])):
        kernels.run(batch)
    print(kernels.wall_s, kernels.cpu_s)


if __name__ == "__main__":
    main()
