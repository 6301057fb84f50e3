"""What waits to be sent: buffers in order, of which a pipe takes as much as it has room for."""

from __future__ import annotations

from collections import deque

from vinculum._native import Bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Blob

# What is offered to a pipe at a time.
WRITE_BYTES = 1 << 20
WRITE_BUFFERS = 64


class Outbox:
    """Empty to begin with."""

    __slots__ = ("_queue", "waiting_bytes")

    def __init__(self) -> None:
        self._queue: deque[Bytes] = deque()
        self.waiting_bytes = 0

    def append(self, buffers: list[Blob]) -> None:
        """Puts them at the end."""
        for buffer in buffers:
            if len(buffer):  # what is empty, as the puts of an empty batch are, would never be sent
                self._queue.append(buffer if isinstance(buffer, Bytes) else Bytes(buffer))
                self.waiting_bytes += len(buffer)

    def clear(self) -> None:
        """Forgets what was not sent."""
        self._queue.clear()
        self.waiting_bytes = 0

    def head(self, allowance: int | None) -> list[Blob]:
        """What is to be sent next, not more than so many bytes (None: of any size that makes sense)."""
        most = WRITE_BYTES if allowance is None else min(allowance, WRITE_BYTES)
        found: list[Blob] = []
        for buffer in self._queue:
            if most <= 0 or len(found) == WRITE_BUFFERS:
                break
            found.append(buffer if allowance is None or len(buffer) <= most else buffer.slice(0, most))
            most -= len(buffer)
        return found

    def drop(self, size: int) -> None:
        """So many bytes of that were sent."""
        self.waiting_bytes -= size
        while size:
            first = self._queue.popleft()
            if len(first) > size:
                self._queue.appendleft(first.slice(size, len(first)))
                break
            size -= len(first)
