"""Entry point of the program.

Only what `--version` needs may be imported here at the top: everything else waits until a command is known to run.
"""

from __future__ import annotations

import sys

from vinculum.cli.program import program_name, version_line


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
