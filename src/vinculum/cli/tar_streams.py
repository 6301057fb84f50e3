"""Where a tar goes to or comes from: a file, stdin or stdout, with a filter program (mostly a compressor) in between.

Whatever happens, no filter outlives its block, and one that failed never goes unnoticed.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from vinculum.errors import Error
from vinculum.keys.passphrase import child_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

AUTOMATIC = "auto"
STANDARD = "-"
_COMPRESSORS = {
    "gzip": (".tar.gz", ".tgz"),
    "bzip2": (".tar.bz2", ".tbz"),
    "xz": (".tar.xz", ".txz"),
    "lz4": (".tar.lz4",),
    "zstd": (".tar.zstd", ".tar.zst"),
}
_BUFFER_BYTES = 1 << 20


def filter_command(choice: str, path: str, *, decompress: bool) -> str:
    """The command line of the filter: as chosen, or what the name of the file asks for; empty for none."""
    if choice != AUTOMATIC:
        return choice
    for program, endings in _COMPRESSORS.items():
        if path.endswith(endings):
            return f"{program} -d" if decompress else program
    return ""


@contextmanager
def written(path: str, command: str) -> Iterator[IO[bytes]]:
    """A stream whose bytes end up in `path`. Error if the filter fails or nobody takes them."""
    with _opened(path, "wb", sys.stdout) as target:
        if not command:
            try:
                yield target
                target.flush()
            except BrokenPipeError:
                raise Error("whoever reads the tar has stopped before its end") from None
            return
        process = _start(command, stdin=subprocess.PIPE, stdout=target)
        stream = process.stdin
        assert stream is not None
        try:
            yield stream
            stream.close()
        except BrokenPipeError:
            with suppress(BrokenPipeError):
                stream.close()
            raise Error(f"filter {command} stopped before the end of the tar, rc={process.wait()}") from None
        except BaseException:
            _end(process, stream)
            raise
        _check(command, process)


@contextmanager
def read(path: str, command: str) -> Iterator[IO[bytes]]:
    """A stream with the bytes of `path`. Error if the filter fails, which is known when the block is left."""
    with _opened(path, "rb", sys.stdin) as source:
        if not command:
            yield source
            return
        process = _start(command, stdin=source, stdout=subprocess.PIPE)
        stream = process.stdout
        assert stream is not None
        try:
            yield stream
            while stream.read(_BUFFER_BYTES):
                pass  # what follows the end of the tar: to a filter, a closed pipe would be a failure
        except BaseException:
            _end(process, stream)
            raise
        stream.close()
        _check(command, process)


@contextmanager
def _opened(path: str, mode: str, standard: IO[str]) -> Iterator[IO[bytes]]:
    if path == STANDARD:
        yield standard.buffer  # type: ignore[attr-defined]
        return
    with open(path, mode, buffering=_BUFFER_BYTES) as file:
        yield file


def _start(command: str, *, stdin: IO[bytes] | int, stdout: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """The filter, which sees neither our passphrase nor Ctrl-C: it has to live until we are done with it."""
    try:
        words = shlex.split(command)
        if not words:
            raise ValueError("it is empty")
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which a child inherits
        try:
            return subprocess.Popen(words, stdin=stdin, stdout=stdout, bufsize=_BUFFER_BYTES, env=child_environment(os.environ))
        finally:
            signal.signal(signal.SIGINT, before)
    except (OSError, ValueError) as error:
        raise Error(f"filter {command}: process creation failed: {error}") from None


def _end(process: subprocess.Popen[bytes], stream: IO[bytes]) -> None:
    process.kill()
    with suppress(OSError):
        stream.close()
    process.wait()


def _check(command: str, process: subprocess.Popen[bytes]) -> None:
    code = process.wait()
    if code:
        raise Error(f"filter {command} failed, rc={code}")
