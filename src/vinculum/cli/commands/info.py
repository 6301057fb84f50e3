"""`borg info`: facts about a repository or about archives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vinculum.cli import option_groups, option_types

if TYPE_CHECKING:
    from vinculum.cli.parser import CommandParser

SUMMARY = "Show sizes and other facts about a repository or archives."
OPERANDS = "[REPOSITORY_OR_ARCHIVE]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_location(option_types.REPOSITORY_OR_ARCHIVE, "what to show")
    option_groups.add_archive_filters(parser)
