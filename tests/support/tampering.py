"""Real system calls that fail or take long: strace tampers with those that concern chosen files, and writes down that it did.

The program keeps its process id (strace is the grandchild), so that signals go to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from support.programs import Program

_TAMPERED = re.compile(r"\((?:INJECTED|DELAYED)[^)]*\)")


class Tampering(NamedTuple):
    """What happens to a system call: an error instead of it, or a delay before it."""

    call: str
    """Several with commas between; a question mark before one that older kernels lack."""
    when: str
    """Which calls of each thread: `3`, `3+` from the third on, `3+2` every other from the third on."""
    error: str = ""
    delay_us: int = 0

    def option(self) -> str:
        effect = f"error={self.error}" if self.error else f"delay_enter={self.delay_us}"
        return f"--inject={self.call}:{effect}:when={self.when}"


def tampered(program: Program, tamperings: Iterable[Tampering], paths: Iterable[Path], log: Path) -> Program:
    """The program with those calls tampered with that name one of the files, or have it open.

    Names matter as they are passed: of a file that is reached through its open directory, the last part.
    """
    options = ["-D", "-f", "--seccomp-bpf", "--quiet=all", "-y", "-o", str(log)]
    for path in paths:
        options += ["-P", str(path), "-P", path.name]
    tamperings = list(tamperings)
    options.append("--trace=" + ",".join(sorted({call for tampering in tamperings for call in tampering.call.split(",")})))
    return program.behind("strace", *options, *(tampering.option() for tampering in tamperings))


def count_tampered(log: Path) -> int:
    """How often it happened."""
    return len(_TAMPERED.findall(log.read_text(errors="replace"))) if log.exists() else 0
