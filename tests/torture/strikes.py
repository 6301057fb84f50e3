"""vinculum with a fault, as the environment orders it; started instead of the program, as client and as server.

    VINCULUM_STRIKE_CLIENT, VINCULUM_STRIKE_SERVER    an `Order` as JSON, for a process that does not `serve` or does
    VINCULUM_COUNTERS                                 a file to which is added what counters were taken to seal something

A process that is struck says so first, in the order's report: "struck CALL PATH". One that ends by itself says how many calls
it took: "ended COUNT". Words between `---` are commands that one process carries out after each other.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from torture.power import PowerCut
from torture.survey import survey
from torture.system_calls import WRITES, Call, SystemCalls
from vinculum.cli.execution import execute
from vinculum.keys import blob
from vinculum.objects.codec import ObjectCodec

CLIENT, SERVER, COUNTERS = "VINCULUM_STRIKE_CLIENT", "VINCULUM_STRIKE_SERVER", "VINCULUM_COUNTERS"
ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}
ENDS = ("kill", "power")
DELAY_S = 0.02


class Order(NamedTuple):
    """What is to happen."""

    kind: str
    """kill, power, EIO, ENOSPC, short, delay, nothing; or `later`: a kill from outside, at any moment."""
    at: int
    """The number of the call that it happens to (a power cut: behind the last one, if there are fewer)."""
    root: str
    """Where calls count."""
    report: str
    seed: int = 0
    after_s: float = 0
    """When a kill happens `later`."""

    def __str__(self) -> str:
        return json.dumps(self._asdict())


class Saboteur:
    """Counts calls and carries out an order."""

    def __init__(self, order: Order, calls: SystemCalls) -> None:
        self._order = order
        self._calls = calls
        self._power = PowerCut(order.root, calls, order.seed) if order.kind == "power" else None
        self._pid = os.getpid()
        self.count = 0

    def __call__(self, call: Call, act: Callable[[], Any]) -> Any:
        if os.getpid() != self._pid:
            return act()
        number = self.count
        self.count += 1
        if number == self._order.at and self._order.kind != "nothing":
            return self._strike(call, act)
        if self._power is None:
            return act()
        behind = self._power.note(call)
        result = act()
        behind()
        return result

    def end(self) -> None:
        """The command has come to its end."""
        if self._power is not None:
            self._power.cut()
        self.tell(f"ended {self.count}")

    def tell(self, text: str) -> None:
        fd = self._calls.open(self._order.report, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._calls.write(fd, f"{text}\n".encode())
        os.close(fd)

    def _strike(self, call: Call, act: Callable[[], Any]) -> Any:
        kind = self._order.kind
        self.tell(f"struck {call.name} {os.path.relpath(call.paths[-1], self._order.root)}")
        if kind == "delay":
            time.sleep(DELAY_S)
            return act()
        if kind == "short" and call.name != "file.write":
            return self._write_half(call) if call.content[1:] else act()
        if kind == "short":
            return act()  # Python's own files write all
        if self._power is not None:
            self._power.cut()
        elif call.name in WRITES:
            self._write_half(call)
        if kind in ENDS:
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()
        raise OSError(ERRORS[kind], os.strerror(ERRORS[kind]), call.paths[0])

    def _write_half(self, call: Call) -> int:
        content = call.content
        return int(self._calls.write(call.args[0], content[: (len(content) + 1) // 2])) if content else 0


def main() -> int:
    words = sys.argv[1:]
    blob.lock_blob.__kwdefaults__["iterations"] = 1  # what the key is derived by says nothing about crashes
    _note_counters(os.environ.get(COUNTERS))
    text = os.environ.get(SERVER if "serve" in words else CLIENT)
    if text is None:
        return _run(words)
    order = Order(**json.loads(text))
    calls = SystemCalls(order.root)
    saboteur = Saboteur(order, calls)
    if order.kind == "later":
        _let_kill(order, saboteur)
    else:
        calls.watch(saboteur)
    code = _run(words)
    saboteur.end()
    return code


def _run(words: list[str]) -> int:
    code = 0
    while words and code in (0, 1):
        end = words.index("---") if "---" in words else len(words)
        command, words = words[:end], words[end + 1 :]
        code = survey(*command[1:]) if command[0] == "survey" else execute("borg", command)
    return code


def _let_kill(order: Order, saboteur: Saboteur) -> None:
    """Leaves a process behind that kills this one, wherever it is then."""
    victim = os.getpid()
    if os.fork():
        return
    os.closerange(0, 64)
    time.sleep(order.after_s)
    if os.getppid() == victim:
        saboteur.tell("struck kill -9")
        os.kill(victim, signal.SIGKILL)
    os._exit(0)


def _note_counters(path: str | None) -> None:
    """Of everything that is sealed, before it is."""
    if path is None:
        return
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    reserve, write = ObjectCodec._reserve_counters, os.write

    def noted(codec: ObjectCodec, sealer: Any, chunks: Any) -> int:
        first = reserve(codec, sealer, chunks)
        write(fd, f"{first} {sealer.counters(chunks)}\n".encode())
        return first

    ObjectCodec._reserve_counters = noted  # type: ignore[method-assign]
