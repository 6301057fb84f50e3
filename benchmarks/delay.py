"""A link that takes its time: a proxy for TCP that passes everything on, each byte so much later, as many as come.

    python benchmarks/delay.py SECONDS PORT        prints the port that leads to PORT here, and serves until killed

It holds bytes back, not senders: what limits a program on such a link is how often it waits for an answer, and how much its
transport lets be under way.
"""

from __future__ import annotations

import collections
import socket
import sys
import threading
import time

PIECE_BYTES = 1 << 20
# What comes within that time travels together, so that the proxy takes little of the cores that others are measured on.
GATHER_S = 0.001
# Far more than any window of ssh's, so that it is never what limits.
UNDER_WAY_BYTES = 1 << 28


class Direction:
    """One half of a connection: a thread takes in, a thread gives out."""

    def __init__(self, source: socket.socket, target: socket.socket, delay_s: float) -> None:
        self._source = source
        self._target = target
        self._delay_s = delay_s
        self._under_way: collections.deque[tuple[float, bytes]] = collections.deque()
        self._bytes = 0
        self._changed = threading.Condition()
        for work in (self._take_in, self._give_out):
            threading.Thread(target=work, daemon=True).start()

    def _take_in(self) -> None:
        piece = b"more"
        while piece:
            try:
                piece = self._source.recv(PIECE_BYTES)
            except OSError:
                piece = b""
            with self._changed:
                self._under_way.append((time.monotonic() + self._delay_s, piece))
                self._bytes += len(piece)
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._bytes < UNDER_WAY_BYTES)
            time.sleep(GATHER_S)

    def _give_out(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._under_way)
                due, piece = self._under_way.popleft()
                self._bytes -= len(piece)
                self._changed.notify_all()
            time.sleep(max(due - time.monotonic(), 0))
            try:
                if not piece:
                    self._target.shutdown(socket.SHUT_WR)
                    return
                self._target.sendall(piece)
            except OSError:
                return


def main() -> None:
    delay_s, port = float(sys.argv[1]), int(sys.argv[2])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        while True:
            near, _ = listening.accept()
            far = socket.create_connection(("127.0.0.1", port))
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE_BYTES)
            Direction(near, far, delay_s)
            Direction(far, near, delay_s)


if __name__ == "__main__":
    main()
