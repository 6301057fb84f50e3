"""How large a stored object may be, envelope included: as large as an entry of a segment that has room for it."""

from __future__ import annotations

MAX_DATA = 20_971_479  # bytes: 20 MiB without what stands in front of it there
