"""Options that several commands share: choosing files by patterns, choosing archives, making an archive."""

from __future__ import annotations

from vinculum.cli import locations, option_actions, option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def add_exclusion(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Include/exclude options; they become `args.pattern_sources`, a list of (option, text) in command line order.

    Options are "exclude", "exclude-from", "pattern" and "patterns-from"; files are read later.
    """
    group = parser.add_argument_group("Include/Exclude options")
    parser.set_defaults(pattern_sources=[])

    def add(*flags: str, metavar: str, help_text: str) -> None:
        group.add_argument(
            *flags,
            metavar=metavar,
            dest="pattern_sources",
            action=option_actions.PatternSource,
            const=flags[-1].removeprefix("--"),
            default=[],
            help=help_text,
        )

    add("-e", "--exclude", metavar="PATTERN", help_text="leave out what matches PATTERN")
    add("--exclude-from", metavar="EXCLUDEFILE", help_text="leave out what matches a line of EXCLUDEFILE")
    add("--pattern", metavar="PATTERN", help_text="take or leave what matches PATTERN (begins with + - or !)")
    add("--patterns-from", metavar="PATTERNFILE", help_text="roots and patterns from PATTERNFILE, one per line")
    return group


def add_strip_components(group: argparse._ArgumentGroup) -> None:
    """How much of the archived paths is left out."""
    group.add_argument(
        "--strip-components",
        metavar="NUMBER",
        type=int,
        default=0,
        help="drop so many leading parts of each path; what has no more parts than that is left out",
    )


def add_tag_exclusion(group: argparse._ArgumentGroup) -> None:
    """Options that leave out directories because of a file in them."""
    add = group.add_argument
    add("--exclude-caches", action="store_true", help="leave out directories with a CACHEDIR.TAG file")
    add("--exclude-if-present", metavar="NAME", action="append", help="leave out directories that contain NAME")
    add("--keep-exclude-tags", action="store_true", help="keep the NAME or CACHEDIR.TAG of directories left out")


def add_archive_filters(parser: argparse.ArgumentParser, *, sort: bool = True, first_last: bool = True) -> None:
    """Options that choose archives of a repository."""
    group = parser.add_argument_group("Archive filters", "These choose archives where a whole repository is given.")
    names = group.add_mutually_exclusive_group()
    names.add_argument(
        "-P",
        "--prefix",
        metavar="PREFIX",
        type=locations.placeholders,
        action=option_actions.OnlyOnce,
        help="archives whose names begin with PREFIX (deprecated, use -a 'PREFIX*')",
    )
    names.add_argument(
        "-a",
        "--glob-archives",
        metavar="GLOB",
        type=locations.placeholders,
        action=option_actions.OnlyOnce,
        help="archives whose names match the shell pattern GLOB",
    )
    if sort:
        group.add_argument(
            "--sort-by",
            metavar="KEYS",
            type=option_types.sort_keys,
            default=("timestamp",),
            help="order of the archives, a list out of timestamp, archive, name, id (default: timestamp)",
        )
    if first_last:
        ends = group.add_mutually_exclusive_group()
        ends.add_argument(
            "--first", metavar="N", type=option_types.positive_int, default=0, help="the first N of the chosen archives"
        )
        ends.add_argument(
            "--last", metavar="N", type=option_types.positive_int, default=0, help="the last N of the chosen archives"
        )


def add_deletion(parser: argparse.ArgumentParser) -> None:
    """Options of the commands that delete archives."""
    add = parser.add_argument
    add("-n", "--dry-run", action="store_true", help="show what would be done, but do nothing")
    add("-s", "--stats", action="store_true", help="show statistics of what was deleted")
    add("--quick-stats", action="store_true", help="show statistics of what was deleted alone, not of the whole repository")
    add("--save-space", action="store_true", help="has no effect: deleting works with little space anyway")
    add_checkpoint_interval(parser)


def add_checkpoint_interval(group: argparse._ActionsContainer) -> None:
    """How often long work is saved."""
    group.add_argument(
        "-c",
        "--checkpoint-interval",
        metavar="SECONDS",
        type=int,
        default=1800,
        help="how often to save what has been done so far (default: %(default)d)",
    )


def add_old_flag(group: argparse._ActionsContainer, flag: str, dest: str, replacement: str) -> None:
    """A flag under its old name; without a replacement, a flag that has no effect any more."""
    group.add_argument(
        flag,
        dest=dest,
        action="store_true",
        help=f"old name of {replacement}" if replacement else "does nothing any more, as it is the default",
    )


def add_archive_output(parser: argparse.ArgumentParser) -> None:
    """What is told about a new archive."""
    add = parser.add_argument
    add("-s", "--stats", action="store_true", help="show statistics of the new archive")
    add("--quick-stats", action="store_true", help="show statistics of the archive alone, not of the whole repository")
    add_status_list(parser)
    add("--json", action="store_true", help="statistics as JSON on stdout (implies --stats)")


def add_status_list(parser: argparse.ArgumentParser) -> None:
    """Listing files as they go into an archive."""
    add = parser.add_argument
    add("--list", dest="output_list", action="store_true", help="list files with their status")
    add(
        "--filter",
        metavar="STATUSCHARS",
        dest="output_filter",
        action=option_actions.OnlyOnce,
        help="list only files whose status is one of these letters",
    )


def add_archive_making(parser: argparse.ArgumentParser, *, fills_comment: bool = True) -> None:
    """How a new archive is made; the comment may have placeholders."""
    group = parser.add_argument_group("Archive options")
    comment_type = locations.placeholders if fills_comment else str
    group.add_argument("--comment", metavar="COMMENT", type=comment_type, default="", help="a comment to keep with the archive")
    add_timestamp(group)
    add_checkpoint_interval(group)
    group.add_argument(
        "--chunker-params",
        metavar="PARAMS",
        type=option_types.chunker_params,
        action=option_actions.OnlyOnce,
        default=option_types.DEFAULT_CHUNKER_PARAMS,
        help="how to cut files into chunks (default: buzhash,19,23,21,4095)",
    )
    add_compression(group)


def add_timestamp(group: argparse._ActionsContainer) -> None:
    """Another time for an archive than now."""
    group.add_argument(
        "--timestamp",
        metavar="TIMESTAMP",
        type=option_types.timestamp,
        help="time of the archive: UTC as yyyy-mm-ddThh:mm:ss, or a file whose time to take",
    )


def add_compression(group: argparse._ActionsContainer) -> None:
    """How chunks are compressed."""
    group.add_argument(
        "-C",
        "--compression",
        metavar="COMPRESSION",
        type=option_types.compression,
        default="lz4",
        help='how to compress (default: lz4), see "borg help compression"',
    )
