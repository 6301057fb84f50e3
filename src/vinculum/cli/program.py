"""What the program calls itself, and its version: Borg's for programs that look for Borg's."""

from __future__ import annotations

import os

from vinculum import BORG_VERSION, __version__

# Names of ours that stand for a command.
COMMANDS_OF_PROGRAMS = {"borgfs": "mount"}


def program_name(argv0: str) -> str:
    """What to call ourselves: the name we were started by, `borg` if that is no name for a program."""
    name = os.path.basename(argv0)
    return "borg" if name in ("", "-c", "-m", "__main__.py") else name


def version_line(program: str) -> str:
    """The text of `--version`. Programs that look for Borg's version find it first where they started `borg`."""
    if program == "vinculum":
        return f"vinculum {__version__} (borg {BORG_VERSION})"
    return f"{program} {BORG_VERSION} (vinculum {__version__})"
