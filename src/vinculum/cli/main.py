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
    code = main()
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except (OSError, ValueError):
        sys.exit(code)  # Python has a way to deal with output that is lost
    os._exit(code)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    if arguments is None:
        arguments = sys.argv[1:]
    program = program_name(sys.argv[0])
    if arguments in (["--version"], ["-V"]):
        sys.stdout.write(version_line(program) + "\n")
        return 0
    from vinculum.cli import execution, signals  # not at the top: `--version` does without argparse and all that

    code = execution.execute(program, arguments)
    signals.ignore_for_good()
    return code
