"""The server's end of a pipe: reads what a client sends, hands requests to a `Server` in runs, writes the replies in order.

Memory is bounded by what is read at once, the largest message and the largest reply. Small replies travel together, as long as
requests are waiting.
"""

from __future__ import annotations

import os

from vinculum import BORG_VERSION
from vinculum.errors import UnexpectedDataFromClient
from vinculum.platform.files import write_all
from vinculum.remote.framing import MAX_REQUEST_ARRAY, MalformedStream, MessageSplitter
from vinculum.remote.messages import MalformedMessage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Blob
    from vinculum.remote.server import Server

_READ_BYTES = 1 << 20
_MAX_WAITING_BYTES = 64 * 1024


def serve(server: Server, requests_fd: int, replies_fd: int) -> None:
    """Answers until the client hangs up, then closes the server. UnexpectedDataFromClient if what comes is not the protocol."""
    for fd in (requests_fd, replies_fd):
        os.set_blocking(fd, True)
    try:
        _converse(server, requests_fd, _Replies(replies_fd))
        if not server.has_opened:
            # For people who try the command by hand, and for programs that look whether there is a server.
            write_all(replies_fd, f"Borg {BORG_VERSION}: Got connection close before repository was opened.\n".encode())
    finally:
        server.close()


def _converse(server: Server, requests_fd: int, replies: _Replies) -> None:
    splitter = MessageSplitter(max_array=MAX_REQUEST_ARRAY)
    while data := os.read(requests_fd, _READ_BYTES):
        try:
            for run in splitter.feed(data).requests():
                for buffers in server.answer_run(run):
                    replies.add(buffers)
        except (MalformedStream, MalformedMessage):
            replies.flush()
            raise UnexpectedDataFromClient(BORG_VERSION) from None
        replies.flush()


class _Replies:
    """Replies on their way out."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._waiting: list[Blob] = []
        self._bytes = 0

    def add(self, buffers: list[Blob]) -> None:
        self._waiting += buffers
        self._bytes += sum(map(len, buffers))
        if self._bytes > _MAX_WAITING_BYTES:
            self.flush()

    def flush(self) -> None:
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        write_all(self._fd, *waiting)
