"""What `borg benchmark crud` does: runs commands as if they had been typed, and measures each from its start to its end.

The archives and files it makes are gone afterwards, also if something fails or the user interrupts it.
"""

from __future__ import annotations

import os
import sys
import time

from vinculum.cli.parser import parse_command_line
from vinculum.cli.session import Session
from vinculum.operations.benchmark_files import Sample, sample_files
from vinculum.ui.formatting import format_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

_SAMPLES = (
    Sample("Z-BIG", 10, 100_000_000, random=False),
    Sample("R-BIG", 10, 100_000_000, random=True),
    Sample("Z-MEDIUM", 1000, 1_000_000, random=False),
    Sample("R-MEDIUM", 1000, 1_000_000, random=True),
    Sample("Z-SMALL", 10000, 10_000, random=False),
    Sample("R-SMALL", 10000, 10_000, random=True),
)
# Borg's variable for trying the command itself out.
_TEST_VARIABLE = "_BORG_BENCHMARK_CRUD_TEST"
_TEST_SAMPLES = (Sample("Z-TEST", 1, 1, random=False), Sample("R-TEST", 1, 1, random=True))
_ARCHIVE = "borg-benchmark-crud"


def run(args: argparse.Namespace, session: Session) -> None:
    before = _archives(session)
    try:
        for sample in _TEST_SAMPLES if _TEST_VARIABLE in session.environment else _SAMPLES:
            with sample_files(os.path.abspath(args.path), sample) as path:
                timings = _measure(args, session, path)
            for letter, seconds in timings.items():
                sys.stdout.write(f"{_row(letter, sample, seconds)}\n")
            sys.stdout.flush()
    finally:
        left = sorted(name for name in _archives(session) - before if name.startswith(_ARCHIVE))
        if left:
            _time(args, session, "delete", _as_typed(session.canonical_location), *left)


def _archives(session: Session) -> set[str]:
    with session.open_archives("read") as opened:
        return set(opened.manifest.archives)


def _measure(args: argparse.Namespace, session: Session, path: str) -> dict[str, float]:
    """Seconds to create, read, update and delete an archive of what is at `path`."""
    archive = f"{_as_typed(session.canonical_location)}::{_ARCHIVE}"
    create = ("create", "--compression=none")
    # Without the files cache, so that everything is read.
    created = _time(args, session, *create, "--files-cache=disabled", f"{archive}1", path)
    # The files cache is filled by a backup of its own.
    _time(args, session, *create, f"{archive}2", path)
    _time(args, session, "delete", f"{archive}2")
    updated = _time(args, session, *create, f"{archive}3", path)
    _time(args, session, "delete", f"{archive}3")
    read = _time(args, session, "extract", "--dry-run", f"{archive}1")
    deleted = _time(args, session, "delete", f"{archive}1")
    return {"C": created, "R": read, "U": updated, "D": deleted}


def _time(args: argparse.Namespace, session: Session, *words: str) -> float:
    """Runs another command in this process; returns how many seconds that took."""
    connection = [
        f"--{name.replace('_', '-')}={getattr(args, name)}"
        for name in ("rsh", "remote_path", "lock_wait")
        if getattr(args, name) is not None
    ]
    start = time.monotonic()
    command, own_args = parse_command_line(args.program, [*connection, *words])
    with Session(own_args, session.sink, session.prompter, session.environment) as inner:
        command.run(own_args, inner)
    return time.monotonic() - start


def _as_typed(location: str) -> str:
    """A location as an argument, where braces would be placeholders."""
    return location.replace("{", "{{").replace("}", "}}")


def _row(letter: str, sample: Sample, seconds: float) -> str:
    rate = sample.files * sample.size_bytes / 1e6 / seconds
    kind = "random" if sample.random else "all-zero"
    return (
        f"{letter}-{sample.name:<10} {rate:9.2f} MB/s "
        f"({sample.files} * {format_size(sample.size_bytes)} {kind} files: {seconds:.2f}s)"
    )
