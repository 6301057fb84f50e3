"""Entry point of the program.

Only what `--version` needs may be imported here at the top: everything else waits until a command is known to run.
"""

from __future__ import annotations

import os
import sys

from vinculum import BORG_VERSION, __version__


def program_name(argv0: str) -> str:
    """What to call ourselves: the name we were started by, `borg` if that is no name for a program."""
    name = os.path.basename(argv0)
    return "borg" if name in ("", "-c", "-m", "__main__.py") else name


def version_line(program: str) -> str:
    """The text of `--version`. Programs that look for Borg's version find it first where they started `borg`."""
    if program == "vinculum":
        return f"vinculum {__version__} (borg {BORG_VERSION})"
    return f"{program} {BORG_VERSION} (vinculum {__version__})"


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    if arguments is None:
        arguments = sys.argv[1:]
    program = program_name(sys.argv[0])
    if arguments in (["--version"], ["-V"]):
        sys.stdout.write(version_line(program) + "\n")
        return 0
    from vinculum.cli import execution  # not at the top: `--version` does without argparse and all that

    return execution.execute(program, arguments)
