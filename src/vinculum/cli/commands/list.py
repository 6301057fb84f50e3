"""`borg list`: the archives of a repository, or the files in an archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vinculum.cli import option_groups, option_types

if TYPE_CHECKING:
    from vinculum.cli.parser import CommandParser

SUMMARY = "List the archives of a repository, or the files in an archive."
OPERANDS = "[REPOSITORY_OR_ARCHIVE] [PATH ...]"


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--consider-checkpoints", action="store_true", help="list checkpoint archives too")
    add("--short", action="store_true", help="print names only")
    add("--format", metavar="FORMAT", help="how to print each archive or file, see below")
    add("--json", action="store_true", help="list a repository as JSON; keys used in FORMAT are added")
    add("--json-lines", action="store_true", help="list an archive as one JSON object per file; keys used in FORMAT are added")
    parser.add_location(option_types.REPOSITORY_OR_ARCHIVE, "what to list")
    parser.add_argument("paths", metavar="PATH", nargs="*", type=option_types.path, help="files to list; may be patterns")
    option_groups.add_archive_filters(parser)
    option_groups.add_exclusion(parser)
