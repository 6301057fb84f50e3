"""A server in memory behind the interface of `remote.transport.Transport`, whose answers come in the pieces that tests want."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from vinculum._native import Bytes
from vinculum.errors import Error, ObjectNotFound
from vinculum.remote.failures import describe
from vinculum.remote.framing import MAX_REQUEST_ARRAY, MessageSplitter
from vinculum.remote.messages import Request, encode_failure, encode_result, parse_request
from vinculum.remote.methods import bind
from vinculum.remote.transport import Ready

Buffer = bytes | bytearray | memoryview | Bytes


class FakeServer:
    """Objects in a dict; remembers what it was asked."""

    def __init__(self) -> None:
        self.objects: dict[bytes, bytes] = {}
        self.requests: list[Request] = []
        self.failures: dict[int, Exception] = {}
        """What the request number so and so fails with."""

    def answer(self, request: Request) -> bytes:
        """The reply, as bytes."""
        self.requests.append(request)
        try:
            failure = self.failures.get(request.msgid)
            if failure is not None:
                raise failure
            buffers = encode_result(request, self._carry_out(request))
        except (Error, OSError) as error:
            buffers = encode_failure(request, describe(request.msgid, error))
        return b"".join(bytes(buffer) for buffer in buffers)

    def _carry_out(self, request: Request) -> object:
        given = bind(request)
        if request.method == "negotiate":
            return {"server_version": [1, 4, 5, -1]}
        if request.method == "open":
            return bytes(32)
        if request.method == "put":
            self.objects[given["id"]] = given["data"]
        elif request.method in {"get", "delete"}:
            if given["id"] not in self.objects:
                raise ObjectNotFound(given["id"].hex(), "/srv/repository")
            return self.objects[given["id"]] if request.method == "get" else self.objects.pop(given["id"]) and None
        elif request.method in {"list", "scan"}:
            ids = [*self.objects]
            start = 0 if given["marker"] is None else ids.index(given["marker"]) + 1
            return ids[start : start + given["limit"]]
        elif request.method == "__len__":
            return len(self.objects)
        return None


class FakeTransport:
    """Takes and gives as many bytes at a time as `sizes` say; `answer` turns a request into bytes."""

    def __init__(self, answer: Callable[[Request], bytes], sizes: Iterator[int], *, stderr: bytes = b"") -> None:
        self._answer = answer
        self._sizes = sizes
        self._splitter = MessageSplitter(max_array=MAX_REQUEST_ARRAY)
        self._to_client = b""
        self._stderr = stderr
        self.ends = False
        """The other side hangs up when everything was read."""
        self.exit_code: int | None = None
        self.is_closed = False

    def wait(self, *, to_write: bool, timeout_s: float | None) -> Ready:
        can_read = bool(self._to_client) or self.ends
        assert to_write or can_read or self._stderr or timeout_s is not None, "this would wait forever"
        if self.ends and not self._to_client:
            self.exit_code = 0
        return Ready(stdin=to_write, stdout=can_read, stderr=bool(self._stderr))

    def write(self, buffers: Sequence[Buffer]) -> int:
        if self.ends and not self._to_client:
            raise BrokenPipeError
        data = b"".join(bytes(buffer) for buffer in buffers)[: next(self._sizes)]
        for message in self._splitter.feed(data):
            self._to_client += self._answer(parse_request(message))
        return len(data)

    def read(self) -> bytes | None:
        size = next(self._sizes)
        data, self._to_client = self._to_client[:size], self._to_client[size:]
        return data

    def read_messages(self) -> bytes | None:
        data, self._stderr = self._stderr, b""
        return data

    def stop_writing(self) -> None:
        self.exit_code = 0

    def await_exit(self, timeout_s: float) -> int | None:  # noqa: ARG002
        return self.exit_code

    def close(self) -> None:
        self.is_closed = True
