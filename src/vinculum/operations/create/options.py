"""What a user can choose about a backup; the command line and the Python API both end up here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from vinculum import _native

DEFAULT_CHUNKER: _native.BuzhashParams = ("buzhash", 19, 23, 21, 4095)


class StandardInput(NamedTuple):
    """How content from a pipe is archived."""

    name: bytes = b"stdin"
    user: str | None = None  # None: this process's
    group: str | None = None
    mode: int = 0o660


class CreateOptions(NamedTuple):
    """Everything about one archive but what goes into it."""

    name: str
    item_options: _native.ItemOptions
    chunker_params: _native.BuzhashParams | _native.FixedParams = DEFAULT_CHUNKER
    sparse: bool = False
    comment: str = ""
    timestamp: datetime | None = None
    checkpoint_interval_s: int = 1800
    standard_input: StandardInput = StandardInput()
    cmdline: tuple[bytes, ...] = ()
    hostname: str = ""
    username: str = ""
    reads_all_because: str = ""  # if the files cache is not asked about any file, for somebody who wonders
    threads: int = 0  # 1: nothing happens at the same time; else kernels use as many as they were told to
