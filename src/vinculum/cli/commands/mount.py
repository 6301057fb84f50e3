"""`borg mount` (and `borgfs`): show archives as a file system."""

from __future__ import annotations

import os
import time

from vinculum.cli import exit_codes, locations, option_actions, option_groups, option_types
from vinculum.errors import Error, RuntimeTrouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from vinculum._native import Appearance, FileSystem, FileTree
    from vinculum.archive.manifest import ArchiveEntry
    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session
    from vinculum.operations.mount.options import MountOptions
    from vinculum.operations.mount.server import Loading
    from vinculum.operations.mount.trees import TreeSource
    from vinculum.operations.opened import OpenArchives

SUMMARY = "Show a repository, or one archive, as a file system."
OPERANDS = "REPOSITORY_OR_ARCHIVE MOUNTPOINT [PATH ...]"

_CACHE_BYTES = 16 << 20
_LARGEST_CHUNK = 8 << 20  # what BORG_MOUNT_DATA_CACHE_ENTRIES counts
_IDLE_BYTES = 12 << 20  # enough for the buffers of one batch; a mount may stay for weeks
_READ_AHEAD_BYTES = 2 << 20  # two requests of the largest size
_THREADS = 2  # they never wait for anything
_NO_NAMES = frozenset(("", ".", ".."))


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--consider-checkpoints", action="store_true", help="show checkpoint archives, too")
    add("-f", "--foreground", action="store_true", help="stay in the foreground until it is unmounted")
    add(
        "-o",
        dest="mount_options",
        metavar="OPTIONS",
        action=option_actions.OnlyOnce,
        help="mount options, separated by commas",
    )
    option_groups.add_old_flag(parser, "--numeric-owner", "numeric_ids", "--numeric-ids")
    add("--numeric-ids", action="store_true", help="go by user and group ids, not by names")
    option_groups.add_archive_filters(parser)
    option_groups.add_strip_components(option_groups.add_exclusion(parser))
    parser.add_location(locations.REQUIRED_REPOSITORY_OR_ARCHIVE, "what to mount")
    add("mountpoint", metavar="MOUNTPOINT", help="the directory to mount on")
    add("paths", metavar="PATH", nargs="*", type=option_types.path, help="what to show; may be patterns")


def before_work(args: argparse.Namespace) -> int | None:
    """Lets the foreground wait for the mount; None in the process that mounts."""
    from vinculum.cli import background

    args.background = None
    if args.foreground:
        return None
    args.background, code = background.fork()
    return code if args.background is None else None


def run(args: argparse.Namespace, session: Session) -> int | None:
    session.begin_unlocking()
    from vinculum._native import keep_idle
    from vinculum.archive.chunk_reader import ChunkReader
    from vinculum.operations.mount.options import MountOptions
    from vinculum.operations.mount.server import Server
    from vinculum.platform import fuse

    options = MountOptions(args.mount_options)
    if options.versions and args.location.archive:
        raise Error("The option versions shows all archives of a repository in one: give the repository, not an archive.")
    directory = os.path.realpath(args.mountpoint)
    if not os.path.isdir(directory) or not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise RuntimeTrouble(f"{args.mountpoint}: Mount point must be a writable directory")
    keep_idle(_IDLE_BYTES)
    with session.open_archives("read") as opened:
        files, begin_loading = _file_system(args, session, opened, options)
        device = fuse.mount(directory, options.for_the_system())
        try:
            files.serve(
                device,
                threads=_THREADS,
                enforces_acls=not options.ignore_permissions,
                admits_root_only=options.allow_root,
            )
            fuse.read_ahead(directory, _READ_AHEAD_BYTES)
            if args.background is not None:
                args.background.leave_terminal(
                    exit_codes.of_warnings(session.sink.warning_codes, modern=exit_codes.is_modern(session.environment))
                )
            Server(files, ChunkReader(opened.store, opened.key), begin_loading, session.sink.warning).run()
        except KeyboardInterrupt:
            return 0  # how a mount in the foreground is meant to end
        finally:
            os.close(device)
            files.withdraw()
            if not files.has_ended:
                # Who is in there gets errors from now on, but nobody finds a dead directory.
                fuse.unmount(directory, lazily=True)
    return None


def _file_system(
    args: argparse.Namespace, session: Session, opened: OpenArchives, options: MountOptions
) -> tuple[FileSystem, Callable[[int], Loading]]:
    """What to mount, and how its archives are loaded when they are entered."""
    from vinculum._native import Appearance, FileSystem, FileTree
    from vinculum.cli.choosing import wanted_archives, wanted_files
    from vinculum.operations.mount.trees import TreeSource

    appearance = Appearance(
        default_owner=(os.getuid(), os.getgid()),
        uid=options.uid,
        gid=options.gid,
        umask=options.umask,
        numeric_ids=args.numeric_ids,
        strip=args.strip_components,
        with_parts=args.consider_part_files,
        versions=options.versions,
    )
    source = TreeSource(opened.store, opened.key, wanted_files(args), session.workarounds, session.sink.warning)
    cache_bytes = _cache_bytes(session.environment.get("BORG_MOUNT_DATA_CACHE_ENTRIES", ""))
    if args.location.archive:
        entries = [opened.manifest.archive(args.location.archive)]
    else:
        chosen = wanted_archives(args, consider_checkpoints=args.consider_checkpoints)
        entries = chosen.select(opened.manifest.archives.values())
    if args.location.archive or options.versions:
        tree = _whole_tree(appearance, source, entries)
        return FileSystem.of_tree(tree, cache_bytes, options.allow_damaged_files), _nothing
    entries = [entry for entry in entries if entry.name not in _NO_NAMES and not {"/", "\0"} & set(entry.name)]

    def begin_loading(number: int) -> Loading:
        entry = entries[number - 1]
        tree = FileTree(appearance, _nanoseconds(entry))
        return tree, source.grow(tree, entry)

    archives = [(os.fsencode(entry.name), _nanoseconds(entry)) for entry in entries]
    return FileSystem.of_archives(appearance, time.time_ns(), archives, cache_bytes, options.allow_damaged_files), begin_loading


def _whole_tree(appearance: Appearance, source: TreeSource, entries: list[ArchiveEntry]) -> FileTree:
    from vinculum._native import FileTree

    tree = FileTree(appearance, _nanoseconds(entries[-1]) if entries else time.time_ns())
    for entry in entries:
        for _ in source.grow(tree, entry):
            pass
    return tree


def _nothing(number: int) -> Loading:
    raise AssertionError(f"tree {number} was never promised")


def _nanoseconds(entry: ArchiveEntry) -> int:
    return int(entry.time.timestamp() * 1_000_000) * 1000


def _cache_bytes(entries: str) -> int:
    return int(entries) * _LARGEST_CHUNK if entries.isascii() and entries.isdecimal() and int(entries) else _CACHE_BYTES
