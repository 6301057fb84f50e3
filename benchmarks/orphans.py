"""Programs that go to the background: whoever starts them becomes the parent of what goes there, and can ask what it took."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Processes that go to the background become children of this one, so that it can ask the system what they took."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise SystemExit("cannot become the parent of what goes to the background")


def the_orphan() -> int:
    """The process that a program left to us, after those that only led to it."""
    for _ in range(100):
        children = [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
        ended = [pid for pid in children if os.waitpid(pid, os.WNOHANG)[0]]
        if len(children) - len(ended) == 1:
            return next(pid for pid in children if pid not in ended)
        time.sleep(0.01)
    raise SystemExit("nobody, or more than one, went to the background")
