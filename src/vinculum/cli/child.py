"""Programs that we start: for their output (content or paths to back up), or on the user's behalf."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from vinculum.errors import CommandError
from vinculum.keys.passphrase import child_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK_BYTES = 64 * 1024


@contextmanager
def output_of(command: list[str]) -> Iterator[IO[bytes]]:
    """The standard output of a program that never sees our passphrase. CommandError if it cannot start or fails."""
    # Ctrl-C reaches the whole process group, and the program must live until we have made our checkpoint: it inherits that
    # interrupts are ignored. (A function run in the child before exec would not be safe, as there are threads.)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=child_environment(os.environ))
    except OSError as error:
        raise CommandError(f"Failed to execute command: {error}") from None
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        assert process.stdout is not None
        try:
            yield process.stdout
        except BaseException:
            process.kill()
            raise
        code = process.wait()
    if code != 0:
        raise CommandError(f"Command {command[0]!r} exited with status {code}")


def blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """What comes out of a pipe, as it comes."""
    while block := os.read(stream.fileno(), _BLOCK_BYTES):
        yield block


def run_to_the_end(command: list[str]) -> int:
    """The exit code of a program that has our streams. CommandError if it cannot start, or a signal ends it."""
    try:
        code = subprocess.run(command, env=child_environment(os.environ), check=False).returncode
    except (OSError, ValueError) as error:
        raise CommandError(f"Error while trying to run '{command[0]}': {error}") from None
    if code < 0:
        raise CommandError(f"Error while trying to run '{command[0]}': it was ended by signal {-code}")
    return code
