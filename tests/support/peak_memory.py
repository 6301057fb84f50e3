"""How much memory a program had at once, at most."""

from __future__ import annotations

import sys
from typing import NamedTuple

from support.programs import Completed, Program

# Its own child alone: of one that the test's process started, the system would count that process's memory, too.
MEASURE = """\
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print("", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, sep="\\n")
sys.exit(code)
"""


def measured(program: Program) -> Program:
    """The same program, which says at last how much it had; `peak_mib` finds that in its output."""
    return program.behind(sys.executable, "-c", MEASURE)


def peak_mib(output: bytes) -> float:
    return int(output.split()[-1]) / 1024


class Peak(NamedTuple):
    """A finished call, and what it took."""

    mib: float
    done: Completed


def run_measured(program: Program, *args: str, code: int | None = 0, timeout_s: float = 600, **environment: str) -> Peak:
    """Runs it to the end like `Program.run`."""
    done = measured(program).run(*args, code=code, timeout_s=timeout_s, **environment)
    return Peak(peak_mib(done.stdout), done)
