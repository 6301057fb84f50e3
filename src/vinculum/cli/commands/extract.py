"""`borg extract`: restore files from an archive into the current directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vinculum.cli import option_groups, option_types

if TYPE_CHECKING:
    from vinculum.cli.parser import CommandParser

SUMMARY = "Restore files from an archive into the current directory."
OPERANDS = "ARCHIVE [PATH ...]"


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--list", dest="output_list", action="store_true", help="list files as they are restored")
    add("-n", "--dry-run", action="store_true", help="read everything, but write nothing")
    option_groups.add_old_flag(parser, "--numeric-owner", "numeric_ids", "--numeric-ids")
    add("--numeric-ids", action="store_true", help="go by user and group ids, not by names")
    option_groups.add_old_flag(parser, "--nobsdflags", "noflags", "--noflags")
    add("--noflags", action="store_true", help="do not restore file flags such as NODUMP and IMMUTABLE")
    add("--noacls", action="store_true", help="do not restore ACLs")
    add("--noxattrs", action="store_true", help="do not restore extended attributes")
    add("--stdout", action="store_true", help="write the content of all files to stdout instead")
    add("--sparse", action="store_true", help="leave holes where the data are all zeros")
    group = option_groups.add_exclusion(parser)
    group.add_argument(
        "--strip-components",
        metavar="NUMBER",
        type=int,
        default=0,
        help="drop so many leading parts of each path; what has no more parts than that is skipped",
    )
    parser.add_location(option_types.ARCHIVE, "the archive to restore from")
    parser.add_argument("paths", metavar="PATH", nargs="*", type=option_types.path, help="what to restore; may be patterns")
