"""`borg recreate`: make archives anew, with fewer files or otherwise stored."""

from __future__ import annotations

from vinculum.cli import locations, option_actions, option_groups, option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Make archives anew, with fewer files or otherwise stored."
OPERANDS = "[REPOSITORY_OR_ARCHIVE] [PATH ...]"


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    option_groups.add_status_list(parser)
    add("-n", "--dry-run", action="store_true", help="show what would be done, but do nothing")
    add("-s", "--stats", action="store_true", help="show statistics of each new archive (at --info)")
    option_groups.add_tag_exclusion(option_groups.add_exclusion(parser))
    _add_making(parser)
    parser.add_location(locations.REPOSITORY_OR_ARCHIVE, "what to recreate")
    add("paths", metavar="PATH", nargs="*", type=option_types.path, help="what to keep; may be patterns")


def _add_making(parser: CommandParser) -> None:
    group = parser.add_argument_group("Archive options")
    add = group.add_argument
    add(
        "--target",
        metavar="TARGET",
        type=option_types.archive_name,
        help="make a further archive of that name and keep the old one (of a single archive only)",
    )
    option_groups.add_checkpoint_interval(group)
    add(
        "--comment",
        metavar="COMMENT",
        type=locations.placeholders,
        help="a comment to keep with the archive instead of the one it has",
    )
    option_groups.add_timestamp(group)
    option_groups.add_compression(group)
    add(
        "--recompress",
        metavar="MODE",
        nargs="?",
        choices=("never", "if-different", "always"),
        default="never",
        const="if-different",
        help="which chunks to compress anew: never (default), if-different (from what --compression says), always",
    )
    add(
        "--chunker-params",
        metavar="PARAMS",
        type=option_types.chunker_params,
        action=option_actions.OnlyOnce,
        help="cut files anew by these parameters (default: leave them as they are cut)",
    )


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.cli import recreating  # the parser's --help does without

    recreating.run(args, session)
