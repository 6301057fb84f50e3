"""Entry point of the program.

Only what `--version` needs may be imported here at the top: everything else waits until a command is known to run.
"""

from __future__ import annotations

import os
import sys

from vinculum.cli.program import program_name, version_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def run() -> NoReturn:
    """The program: runs one command and ends the process with its exit code, at once.

    Otherwise Python would take apart everything there is before the system does so, which for short commands is a tenth of all
    their time. Nothing waits for that: whatever has an end was ended by the command, or is ended by the system.
    """
    _replace_closed_streams()
    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 2
    os._exit(code)


def _replace_closed_streams() -> None:
    """Takes the places of standard streams that were closed when the program began.

    Whatever is opened next would have these places otherwise, a segment perhaps, and be written to by who means a terminal.
    What is to be printed still fails, as nobody would get it; a log that nobody wants does not.
    """
    for name, mode, allowed in (("stdin", "r", os.O_RDONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, allowed), mode, closefd=False))


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    if arguments is None:
        arguments = sys.argv[1:]
    program = program_name(sys.argv[0])
    if arguments in (["--version"], ["-V"]):
        return _print(version_line(program) + "\n")
    from vinculum.cli import execution, signals  # not at the top: `--version` does without argparse and all that

    code = execution.execute(program, arguments)
    signals.ignore_for_good()
    return code


def _print(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2
    return 0
