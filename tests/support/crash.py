"""Sudden death of this process, played: from one chosen system call on, none works any more, not even for cleaning up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CALLS = ("open", "write", "writev", "copy_file_range", "rename", "mkdir", "rmdir", "unlink", "fsync")


class Died(BaseException):
    """Not an Exception: nothing may handle it."""


class Crash:
    """Counts the system calls that change things; dies at number `at`, a write in the middle of its data."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.calls: list[str] = []

    @property
    def happened(self) -> bool:
        return len(self.calls) > self.at

    def guard(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.happened:
                raise Died
            self.calls.append(name)
            if not self.happened:
                return original(*args, **kwargs)
            if name == "writev":
                os.pwrite(args[0], bytes(args[1][0])[: len(args[1][0]) // 2], os.lseek(args[0], 0, os.SEEK_CUR))
            raise Died

        return call


@contextmanager
def crash_at(number: int) -> Iterator[Crash]:
    """Dies at the call with this number inside the block; the death is over behind it."""
    crash = Crash(number)
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, crash.guard(name, getattr(os, name)))
        try:
            yield crash
        except Died:
            pass
