"""A disk in memory that is as small as one wants, whatever is on it already."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE_BYTES = 4096
ROOMY_BYTES = 64 << 20


class Disk:
    """Mounted at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def with_room_for(self, pages: int) -> Iterator[None]:
        """For as long as a block lasts."""
        if not self._used_bytes():
            ballast = self.root / "ballast" / "file"  # a disk of no size would be one without limits
            ballast.parent.mkdir(exist_ok=True)
            ballast.write_bytes(b"x")
        self._resize(self._used_bytes() + pages * PAGE_BYTES)
        try:
            yield
        finally:
            self._resize(ROOMY_BYTES)

    def _used_bytes(self) -> int:
        status = os.statvfs(self.root)
        return (status.f_blocks - status.f_bfree) * status.f_frsize

    def _resize(self, size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", self.root], check=True)
