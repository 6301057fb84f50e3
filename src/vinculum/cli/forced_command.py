"""`borg serve` as a forced command of ssh: what the client really called is in SSH_ORIGINAL_COMMAND.

The key's owner gets what the forced command says. Of the client's own options only those count that concern nobody else: how
much it wants to be told.
"""

from __future__ import annotations

import shlex

from vinculum.cli.parser import find_command, parse_options
from vinculum.errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

_CLIENTS_OPTIONS = ("log_level", "lock_wait", "debug_topics")


def take_over(args: argparse.Namespace, original: str) -> None:
    """Takes the client's options out of its command line, defaults included; if that is no `serve`, it is ignored.

    SystemExit or CommandError if it is no command line.
    """
    try:
        words = shlex.split(original)
    except ValueError as error:
        raise CommandError(f"SSH_ORIGINAL_COMMAND: {error}") from None
    while words and "=" in words[0]:
        del words[0]  # settings of variables, as a shell would understand them
    name, rest, before = find_command(args.program, words[1:])
    if name != "serve":
        return
    asked = parse_options(args.program, name, rest, before)[1]
    for option in _CLIENTS_OPTIONS:
        setattr(args, option, getattr(asked, option))
