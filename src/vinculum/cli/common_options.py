"""The options that every command takes, before or after the command word."""

from __future__ import annotations

import argparse

from vinculum.cli import option_types

DEFAULT_UMASK = 0o077
DEFAULT_LOCK_WAIT_S = 1
# Those that Borg does not have: of all commands, and of single ones or what stands in front of them.
_OWN_OPTIONS = frozenset(("--connections", "--threads"))
_OWN_OPTIONS_OF = {
    "": frozenset(("--completion",)),
    "extract": frozenset(("--compare", "--continue", "--delete", "--into", "--stats")),
}


def own_options(command: str) -> frozenset[str]:
    """The options of a command that Borg does not have."""
    return _OWN_OPTIONS | _OWN_OPTIONS_OF.get(command, frozenset())


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds the common options as a group of their own."""
    group = parser.add_argument_group("Common options")
    add = group.add_argument
    add("-h", "--help", action="help", help="show this text and exit")
    _add_log_levels(group)
    add(
        "--debug-topic",
        metavar="TOPIC",
        dest="debug_topics",
        action="append",
        default=[],
        help="debug notes about TOPIC only, such as files_cache: why `create` reads each file",
    )
    add("-p", "--progress", action="store_true", help="show how far the work has come")
    add("--iec", action="store_true", help="count in units of 1024 (1 KiB = 1024 B)")
    add("--log-json", action="store_true", help="write messages as JSON, one object per line")
    add(
        "--lock-wait",
        metavar="SECONDS",
        type=int,
        default=DEFAULT_LOCK_WAIT_S,
        help="how long to wait for a lock (default: %(default)d)",
    )
    add("--bypass-lock", dest="lock", action="store_false", default=True, help="do not lock the repository")
    add("--show-version", action="store_true", help="log the version first")
    add("--show-rc", action="store_true", help="log the exit code at the end")
    add(
        "--umask",
        metavar="M",
        type=option_types.octal,
        default=DEFAULT_UMASK,
        help="permission bits that new files shall not have (local only, default: 0077)",
    )
    add("--remote-path", metavar="PATH", help="the borg program to run on the other side (default: borg)")
    _add_transfer_limits(group)
    add("--consider-part-files", action="store_true", help="treat part files like any other file")
    add(
        "--debug-profile",
        metavar="FILE",
        help="write a profile of this run to FILE; as Python's profiler does if it ends in .pyprof",
    )
    add(
        "--threads",
        metavar="N",
        type=option_types.positive_int,
        help="work on N things at the same time (default: as many as there are cores, or what VINCULUM_THREADS says)",
    )
    add(
        "--connections",
        metavar="N",
        type=option_types.positive_int,
        help="reach the other side by N sessions at once for bulk data (default: what VINCULUM_CONNECTIONS says, or as many as"
        " help, by one connection of ssh)",
    )
    add("--rsh", metavar="RSH", help="the command that connects to the other side (default: ssh)")


def _add_log_levels(group: argparse._ArgumentGroup) -> None:
    for flags, level, help_text in (
        (["--critical"], "critical", "show critical messages only"),
        (["--error"], "error", "show errors, but no warnings"),
        (["--warning"], "warning", "show warnings and errors (default)"),
        (["--info", "-v", "--verbose"], "info", "show more of what is going on"),
        (["--debug"], "debug", "show everything"),
    ):
        group.add_argument(*flags, dest="log_level", action="store_const", const=level, default="warning", help=help_text)


def _add_transfer_limits(group: argparse._ArgumentGroup) -> None:
    for name, metavar, help_text in (
        ("ratelimit", "RATE", "limit of the upload rate in KiB/s (default: 0, no limit)"),
        ("buffer", "SIZE", "size of the upload buffer in MiB (default: 0, none)"),
    ):
        group.add_argument(
            f"--remote-{name}",
            metavar=metavar,
            dest=f"upload_{name}",
            type=int,
            help=f"old name of --upload-{name}",
        )
        group.add_argument(f"--upload-{name}", metavar=metavar, dest=f"upload_{name}", type=int, help=help_text)
