"""`borg config`: get, set or delete settings of a repository or its cache."""

from __future__ import annotations

import sys

from vinculum.cli import locations
from vinculum.errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session
    from vinculum.operations.configure import Settings

SUMMARY = "Get, set or delete settings of a repository, or of its cache."
OPERANDS = "[REPOSITORY] [NAME] [VALUE]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("-c", "--cache", action="store_true", help="look at this client's cache instead of the repository")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("-d", "--delete", action="store_true", help="remove the setting")
    ways.add_argument("-l", "--list", action="store_true", help="show all settings of the repository")
    parser.add_location(locations.REPOSITORY, "the repository (default: BORG_REPO)")
    parser.add_argument("name", metavar="NAME", nargs="?", help="the setting, as NAME or SECTION.NAME")
    parser.add_argument("value", metavar="VALUE", nargs="?", help="its new value")


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.operations.configure import cache_settings, repository_settings

    # The config is replaced as a whole, so that reading it is safe without a lock.
    with session.open_local_repository(exclusive=True, may_bypass=True) as store:
        if args.name is None and not args.list:
            raise CommandError("No config key name was provided.")
        if not args.cache:
            _apply(args, repository_settings(store))
            return
    with session.open_cache("write", may_bypass=True) as opened:
        _apply(args, cache_settings(opened.cache.directory))


def _apply(args: argparse.Namespace, settings: Settings) -> None:
    if args.delete:
        settings.delete(args.name)
    elif args.list:
        sys.stdout.write(settings.describe() + "\n")
    elif args.value:
        settings.set(args.name, args.value)
    else:
        sys.stdout.write(settings.get(args.name) + "\n")
