"""Our client with a server that is infinitely far away: no answer comes before the client cannot but wait for it.

    python -m support.far_away FILE COMMAND...

runs the program like that, and writes into the file how often it had to wait. That is how many round trips a command needs,
however quick the machine is: what was asked for together is answered together.
"""

from __future__ import annotations

import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vinculum.cli.main import main
from vinculum.remote import connecting
from vinculum.remote.framing import MAX_REPLY_ARRAY, MessageSplitter
from vinculum.remote.transport import Ready, Transport

if TYPE_CHECKING:
    from vinculum._native import Blob, Bytes


class FarTransport(Transport):
    """A connection to a server that is started here as always; only its answers are held back."""

    round_trips = 0

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._asked = MessageSplitter(max_array=MAX_REPLY_ARRAY)
        self._answered = MessageSplitter(max_array=MAX_REPLY_ARRAY)
        self._open = 0  # requests without an answer
        self._arrived: deque[Bytes] = deque()

    def wait(self, *, to_write: bool, timeout_s: float | None) -> Ready:
        if timeout_s is None and not to_write and not self._arrived and self._open:
            self._let_answers_arrive()
        ready = super().wait(to_write=to_write, timeout_s=0 if self._arrived or self._open else timeout_s)
        ready.stdout = bool(self._arrived) or (ready.stdout and not self._open)
        return ready

    def _let_answers_arrive(self) -> None:
        FarTransport.round_trips += 1
        while self._open:
            data = super().read() if super().wait(to_write=False, timeout_s=None).stdout else None
            if data is not None:
                assert len(data), "the server has gone"
                self._arrived.append(data)
                self._open -= len(list(self._answered.feed(data)))

    def write(self, buffers: list[Blob]) -> int:
        taken = super().write(buffers)
        self._open += len(list(self._asked.feed(b"".join(map(bytes, buffers))[:taken])))
        return taken

    def read(self) -> Bytes | None:
        return self._arrived.popleft() if self._arrived else super().read()


if __name__ == "__main__":
    connecting.Transport = FarTransport  # type: ignore[misc]
    file, *words = sys.argv[1:]
    sys.argv[0] = "borg"
    code = main(words)
    Path(file).write_text(str(FarTransport.round_trips))
    sys.exit(code)
