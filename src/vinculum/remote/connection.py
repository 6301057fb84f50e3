"""A conversation with a server: calls go out without waiting for the replies to those before.

Everything is moved by `exchange`, which sends and receives at the same time: a server that writes blocks until we read. What
was sent without waiting may fail later; that surfaces at the next call, at the latest before a commit is sent.
"""

from __future__ import annotations

import itertools
import math
import time
from codecs import getincrementaldecoder

from vinculum._native import encode_calls, encode_puts
from vinculum.errors import (
    ConnectionClosed,
    ConnectionClosedWithHint,
    ServerOutdated,
    UnexpectedDataFromServer,
)
from vinculum.formats.ids import ID_BYTES
from vinculum.remote import versions
from vinculum.remote.calls import Ledger
from vinculum.remote.failures import rebuild
from vinculum.remote.foreign_text import harmless
from vinculum.remote.framing import MAX_REPLY_ARRAY, MalformedStream, MessageSplitter, unpack_message
from vinculum.remote.messages import (
    Failure,
    MalformedMessage,
    encode_request,
    encode_tuple_request,
    parse_reply,
)
from vinculum.remote.outbox import Outbox
from vinculum.remote.rate_limit import RateLimit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vinculum._native import Blob, SealedBatch
    from vinculum.errors import Error
    from vinculum.remote.calls import Calls
    from vinculum.remote.relay import Relay
    from vinculum.remote.transport import Transport
    from vinculum.remote.versions import Version

CLOSE_S = 30.0  # how long a server may take to put things in order at the end
_LAST_WORDS_S = 2.0  # for the child to end after its output has, so that we can say why
_TICK_S = 0.05
_MOST_EXCHANGES = 100
_SHOWN_BYTES = 128
_NOT_FOUND = 127  # what shells say where there is no such program


class Connection:
    """Confined to one thread. `name` is what the user calls the repository.

    One that `is_patient` waits for room for what it is told to send; otherwise that stays here until it is attended to.
    """

    def __init__(
        self, transport: Transport, relay: Relay, name: str, *, limit: RateLimit, buffer_bytes: int, is_patient: bool = True
    ) -> None:
        self._transport = transport
        self._relay = relay
        self._name = name
        self._limit = limit
        self._buffer_bytes = buffer_bytes
        self._is_patient = is_patient
        self._splitter = MessageSplitter(max_array=MAX_REPLY_ARRAY)
        self._ledger = Ledger()
        self._outbox = Outbox()
        self._is_dead = False
        self._is_established = False
        self.server_version: Version = versions.OLDEST
        self.moved_bytes = 0  # in both directions
        self.quickest_reply_s = math.inf  # how long the quickest of all calls took, which is at least a round trip

    # -- calls ---------------------------------------------------------------------------------------------------------

    def negotiate(self) -> None:
        """The first thing to do: each side tells its version. Errors of the connection; ServerOutdated for Borg 1.0."""
        self.finish_negotiating(self.start_negotiating())

    def start_negotiating(self) -> Calls:
        """Tells our version. What other calls ask for before `finish_negotiating`, every server must know."""
        calls = self._ledger.begin(1, are_wanted=True)
        self._outbox.append(encode_tuple_request(calls.next, "negotiate", [versions.client_data()]))
        return calls

    def finish_negotiating(self, calls: Calls) -> None:
        """Waits for the other side's version."""
        try:
            self.server_version = versions.peer_version(self.values(calls)[0], "server")
        except ValueError as error:
            raise UnexpectedDataFromServer(error) from None
        if self.server_version <= versions.OLDEST:
            raise ServerOutdated("this client", "1.0", "1.1.0")
        self._is_established = True

    def call(self, method: str, **arguments: object) -> object:
        """Calls and waits for what comes of it."""
        began = time.monotonic()
        value = self.call_many(method, [arguments])[0]
        self.note_reply(time.monotonic() - began)
        return value

    def note_reply(self, seconds: float) -> None:
        """An answer took so long to come."""
        self.quickest_reply_s = min(self.quickest_reply_s, seconds)

    def call_many(self, method: str, calls: Iterable[Mapping[str, object]]) -> list[object]:
        """What comes of many calls, in their order; the first that fails raises."""
        return self.values(self.start(method, calls))

    def start(self, method: str, calls: Iterable[Mapping[str, object]]) -> Calls:
        """Lets calls go out now whose replies are wanted later; they are kept until then."""
        self._check_failure()
        arguments = list(calls)
        started = self._ledger.begin(len(arguments), are_wanted=True)
        for number, named in enumerate(arguments, started.next):
            self._outbox.append(encode_request(number, method, named))
        self._send_all_but(0)
        return started

    def start_for_each(self, method: bytes, ids: bytes) -> Calls:
        """The same for a call for each of n ids."""
        self._check_failure()
        started = self._ledger.begin(len(ids) // ID_BYTES, are_wanted=True)
        self._outbox.append([encode_calls(method, started.next, ids)])
        self._send_all_but(0)
        return started

    def finish(self, started: Calls) -> list[object]:
        """What came of what was started, in order: values, and a `Failure` where there is none."""
        while not started.is_answered:
            self.exchange()
        assert started.results is not None
        return started.results

    def values(self, started: Calls) -> list[object]:
        """The same; the first that failed raises."""
        results = self.finish(started)
        if started.has_failures:
            raise self.error_of(next(result for result in results if isinstance(result, Failure)))
        return results

    def send(self, method: str, calls: Iterable[Mapping[str, object]]) -> None:
        """Calls without waiting for what comes of it; returns when no more is left to be sent than the buffer may hold.

        Raises what came of calls before these.
        """
        for arguments in calls:
            sent = self._ledger.begin(1, are_wanted=False)
            self._outbox.append(encode_request(sent.next, method, arguments))
            self._send_most()

    def send_puts(self, sealed: SealedBatch, start: int = 0, stop: int | None = None) -> None:
        """The same for a put of each object of a batch, or of those from `start` to `stop`."""
        self._put(sealed, start, len(sealed) if stop is None else stop, are_wanted=False)

    def start_puts(self, sealed: SealedBatch, start: int, stop: int) -> Calls:
        """The same; what comes of them is for the caller to look at."""
        return self._put(sealed, start, stop, are_wanted=True)

    def _put(self, sealed: SealedBatch, start: int, stop: int, *, are_wanted: bool) -> Calls:
        sent = self._ledger.begin(stop - start, are_wanted=are_wanted)
        self._outbox.append([encode_puts(sent.next, sealed, start, stop)])
        self._send_most()
        return sent

    @property
    def unsent_bytes(self) -> int:
        """How much of what was called is still here."""
        return self._outbox.waiting_bytes + self._transport.unsent_bytes

    @property
    def unanswered(self) -> int:
        """How many calls were not answered yet."""
        return self._ledger.unanswered

    @property
    def pause_s(self) -> float:
        """After what time the limit of the rate allows more of what waits to be sent; 0 if that is not what it waits for."""
        return self._limit.delay_s() if self._outbox.waiting_bytes else 0.0

    @property
    def is_dead(self) -> bool:
        return self._is_dead

    @property
    def descriptors(self) -> list[int]:
        """What can be read once there is something to attend to."""
        return self._transport.descriptors

    def attend(self) -> None:
        """Takes what has come meanwhile, and sends what there is room for, without waiting.

        Only so much at a time: who never stops talking shall not keep others waiting.
        """
        for _ in range(_MOST_EXCHANGES):
            if not self.exchange(may_wait=False):
                return

    def settle(self) -> None:
        """Waits until everything that was sent is answered; raises the first failure."""
        while self._ledger.unanswered:
            self.exchange()
        self._check_failure()

    def error_of(self, failure: Failure) -> Error:
        """The exception that a failure stands for here."""
        return rebuild(failure, self._name)

    def require(self, what: str, since: Version) -> None:
        """ServerOutdated if the server is older than that."""
        if self.server_version < since:
            raise ServerOutdated(what, versions.format_version(self.server_version), versions.format_version(since))

    def _check_failure(self) -> None:
        failed = self._ledger.take_failure()
        if failed is not None:
            raise self.error_of(failed)

    # -- moving bytes --------------------------------------------------------------------------------------------------

    def _send_most(self) -> None:
        self._send_all_but(self._buffer_bytes)
        self._check_failure()

    def _send_all_but(self, size: int) -> None:
        """Sends until no more than that is left, or, without patience, what there is room for."""
        self.exchange(may_wait=False)
        while self._is_patient and self._outbox.waiting_bytes > size:
            self.exchange()

    def exchange(self, *, may_wait: bool = True) -> bool:
        """Waits until something can be sent or was received (unless it should not wait), and does that; False if it did not."""
        if self._is_dead:
            raise ConnectionClosed
        allowance = self._limit.allowance()
        may_write = self._outbox.waiting_bytes > 0 and allowance != 0
        timeout_s = self._limit.delay_s() if self._outbox.waiting_bytes and not may_write else None
        ready = self._transport.wait(to_write=may_write, timeout_s=timeout_s if may_wait else 0)
        if ready.stderr:
            self._relay.feed(self._transport.read_messages() or b"")
        if ready.stdout:
            data = self._transport.read()
            if data is not None:
                if not len(data):
                    raise self._end()
                self._receive(data)
        if ready.stdin:
            try:
                self._write(allowance)
            except BrokenPipeError:
                raise self._end() from None
        return ready.stderr or ready.stdout or ready.stdin

    def _write(self, allowance: int | None) -> None:
        written = self._transport.write(self._outbox.head(allowance))
        self._limit.spend(written)
        self.moved_bytes += written
        self._outbox.drop(written)

    def _receive(self, data: Blob) -> None:
        self.moved_bytes += len(data)
        try:
            for run in self._splitter.feed(data).replies():
                if run[0] == "acknowledged":
                    self._ledger.take(run[1], itertools.repeat(None), run[2])
                elif run[0] == "objects":
                    self._ledger.take(run[1], run[2], len(run[2]))
                else:
                    reply = parse_reply(unpack_message(run[2]))
                    self._ledger.take(reply.msgid, [reply if isinstance(reply, Failure) else reply.value], 1)
        except (MalformedStream, MalformedMessage):
            self._is_dead = True
            raise UnexpectedDataFromServer(_shown(data)) from None

    # -- the end -------------------------------------------------------------------------------------------------------

    def _end(self) -> Error:
        """What to tell the user after the other side has hung up; its last words come first."""
        self._is_dead = True
        deadline = time.monotonic() + _LAST_WORDS_S
        # Not until stderr ends: a process of ssh's that outlives this connection may keep it open.
        while self._transport.exit_code is None and time.monotonic() < deadline:
            ready = self._transport.wait(to_write=False, timeout_s=_TICK_S)
            if ready.stdout:
                self._transport.read()
            if ready.stderr:
                self._relay.feed(self._transport.read_messages() or b"")
        self._relay.feed(self._transport.read_messages() or b"")
        self._relay.finish()
        if self._is_established:
            return ConnectionClosed()
        if self._transport.exit_code == _NOT_FOUND:
            return ConnectionClosedWithHint("There is no such program on the server; --remote-path says where Borg is.")
        return ConnectionClosedWithHint("Is borg working on the server?")

    def abandon(self) -> None:
        """Ends the conversation at once, whatever the server is doing."""
        self._is_dead = True
        self._transport.close()

    def close(self) -> None:
        """Ends the conversation. The server forgets what was not committed and gives its locks back before this returns."""
        self._is_dead = True
        self._outbox.clear()
        self._transport.stop_writing()
        deadline = time.monotonic() + CLOSE_S
        while self._transport.exit_code is None and time.monotonic() < deadline:
            ready = self._transport.wait(to_write=False, timeout_s=_TICK_S)
            if ready.stderr:
                self._relay.feed(self._transport.read_messages() or b"")
            if ready.stdout and (data := self._transport.read()) is not None and not len(data):
                self._transport.await_exit(_TICK_S)
        self._relay.feed(self._transport.read_messages() or b"")
        self._relay.finish()
        self._transport.close()


def _shown(data: Blob) -> str:
    """The beginning of what is no message, for the user to recognise: mostly the output of a shell's startup file."""
    head = bytes(memoryview(data)[:_SHOWN_BYTES])
    try:
        return harmless(getincrementaldecoder("utf-8")().decode(head, final=len(data) <= _SHOWN_BYTES).strip())
    except UnicodeDecodeError:
        return head.hex(" ")
