"""`borg create`: back up files into a new archive."""

from __future__ import annotations

from vinculum.cli import locations, option_actions, option_groups, option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Back up files into a new archive."
OPERANDS = "ARCHIVE [PATH ...]"


def add_arguments(parser: CommandParser) -> None:
    _add_output(parser)
    _add_input(parser)
    _add_exclusion(parser)
    _add_file_system(parser)
    option_groups.add_archive_making(parser)
    parser.add_location(locations.ARCHIVE, "the archive to make")
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", type=option_types.path, action=option_actions.Roots, help="what to back up"
    )


def _add_output(parser: CommandParser) -> None:
    add = parser.add_argument
    add("-n", "--dry-run", action="store_true", help="walk and choose files, but store nothing")
    option_groups.add_archive_output(parser)
    add(
        "--no-cache-sync",
        action="store_true",
        help="do without a cache if it would have to be brought up to date first: no statistics, no files cache",
    )


def _add_input(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--stdin-name", metavar="NAME", default="stdin", help="path in the archive for data from stdin (default: stdin)")
    add("--stdin-user", metavar="USER", default="root", help="owner of data from stdin (default: root)")
    add("--stdin-group", metavar="GROUP", default="root", help="group of data from stdin (default: root)")
    add("--stdin-mode", metavar="M", type=option_types.octal, default=0o660, help="mode of data from stdin (default: 0660)")
    add("--content-from-command", action="store_true", help="run PATH as a command and back up what it prints")
    add("--paths-from-stdin", action="store_true", help="back up exactly the paths listed on stdin")
    add("--paths-from-command", action="store_true", help="run PATH as a command and back up exactly the paths it prints")
    add("--paths-delimiter", metavar="DELIM", help="what separates such paths (default: \\n)")


def _add_exclusion(parser: CommandParser) -> None:
    group = option_groups.add_exclusion(parser)
    option_groups.add_tag_exclusion(group)
    add = group.add_argument
    add("--exclude-nodump", action="store_true", help="leave out files flagged NODUMP")
    add("--exclude-dataless", action="store_true", help="leave out files flagged DATALESS (macOS)")


def _add_file_system(parser: CommandParser) -> None:
    group = parser.add_argument_group("File system options")
    add = group.add_argument
    add("-x", "--one-file-system", action="store_true", help="do not go into other file systems")
    option_groups.add_old_flag(group, "--numeric-owner", "numeric_ids", "--numeric-ids")
    add("--numeric-ids", action="store_true", help="store user and group ids without names")
    option_groups.add_old_flag(group, "--noatime", "noatime", "")
    add("--atime", action="store_true", help="store access times")
    add("--noctime", action="store_true", help="do not store change times")
    add("--nobirthtime", action="store_true", help="do not store creation times")
    option_groups.add_old_flag(group, "--nobsdflags", "noflags", "--noflags")
    add("--noflags", action="store_true", help="do not store file flags such as NODUMP and IMMUTABLE")
    add("--noacls", action="store_true", help="do not store ACLs")
    add("--noxattrs", action="store_true", help="do not store extended attributes")
    add("--sparse", action="store_true", help="look for holes in files (fixed chunker only)")
    add(
        "--files-cache",
        metavar="MODE",
        dest="files_cache_mode",
        type=option_types.files_cache_mode,
        action=option_actions.OnlyOnce,
        default="ctime,size,inode",
        help="how to recognise unchanged files (default: ctime,size,inode)",
    )
    add(
        "--files-changed",
        metavar="MODE",
        choices=("ctime", "mtime", "disabled"),
        action=option_actions.OnlyOnce,
        default="ctime",
        help="how to notice that a file changes while it is read: ctime, mtime or disabled (default: ctime)",
    )
    add("--read-special", action="store_true", help="read devices and FIFOs as if they were regular files")


def run(args: argparse.Namespace, session: Session) -> None:
    session.begin_unlocking()
    from vinculum.cli import creating  # the parser's --help does without

    creating.run(args, session)
