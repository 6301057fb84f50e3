"""What `borg delete` does with its options: some archives, or everything there is of a repository."""

from __future__ import annotations

from vinculum.cli import interruption
from vinculum.cli.choosing import filters_archives, wanted_archives
from vinculum.cli.describing import sizes_of
from vinculum.errors import CancelledByUser, CommandError, Error, NoManifestError
from vinculum.operations.delete import Deletion
from vinculum.ui import statistics_text
from vinculum.ui.archive_keys import archive_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from vinculum.cli.session import Session
    from vinculum.operations.opened import OpenArchives, OpenCache
    from vinculum.repository.store import Store
    from vinculum.ui.reporter import Reporter

_VARIABLE = "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING"


def run(args: argparse.Namespace, session: Session) -> None:
    named = [args.location.archive] if args.location.archive else []
    named += args.archives
    if filters_archives(args) and named:
        raise CommandError("Mixing archive filters and explicitly named archives is not supported.")
    if not named and not filters_archives(args):
        _delete_repository(args, session)
        return
    with session.open_manifest("delete", exclusive=True) as archives:
        names = named or [entry.name for entry in wanted_archives(args).select(archives.manifest.archives.values())]
        if not names:
            return
        if args.forced >= 2:
            _drop_from_manifest(args, session, archives, names)
            return
        with session.with_cache(archives) as opened:
            _delete_archives(args, session, opened, names)


def begin_deletion(args: argparse.Namespace, session: Session, opened: OpenCache, *, show_progress: bool = True) -> Deletion:
    """A deletion as the options that `delete` and `prune` share want it."""
    return Deletion(
        opened,
        session.sink,
        forced=bool(args.forced),
        with_parts=args.consider_part_files,
        checkpoint_interval_s=args.checkpoint_interval,
        workarounds=session.workarounds,
        show_progress=show_progress,
    )


def report(args: argparse.Namespace, session: Session, opened: OpenCache, deletion: Deletion) -> None:
    """The statistics, if the user asked for them."""
    if not args.stats and not args.quick_stats:
        return
    table = []
    if not args.quick_stats:
        usage = sizes_of(args, session, opened).of_repository()
        table = statistics_text.repository_rows(usage, iec=args.iec)
    deleted = statistics_text.deleted_row(deletion.statistics, iec=args.iec)
    for line in (statistics_text.RULE, statistics_text.HEADER, deleted, *table, statistics_text.RULE):
        session.sink.info(line, "stats")


def _delete_archives(args: argparse.Namespace, session: Session, opened: OpenCache, names: list[str]) -> None:
    sink = session.sink
    deletion = begin_deletion(args, session, opened)
    message = "Would delete archive" if args.dry_run else "Deleting archive"
    with interruption.noted() as stop_requested:
        for number, name in enumerate(names, 1):
            place = f"({number}/{len(names)})"
            entry = opened.manifest.archives.get(name)
            if entry is None:
                _tell_not_found(sink, name, place, opened.manifest.archives)
                continue
            sink.info(f"{message}: {archive_line(entry)} {place}", "list")
            if args.dry_run:
                continue
            deletion.delete(entry)
            if stop_requested() or deletion.checkpoint_is_due:
                deletion.save()
            if stop_requested():
                raise Error("Got Ctrl-C / SIGINT.")
        deletion.save()
    report(args, session, opened, deletion)


def _tell_not_found(sink: Reporter, name: str, place: str, archives: Iterable[str]) -> None:
    sink.warning(f"Archive {name} not found {place}.")
    if sink.for_people:
        from vinculum.cli import mistyped  # only when something went wrong

        sink.advise(mistyped.archive(name, archives))


def _drop_from_manifest(args: argparse.Namespace, session: Session, opened: OpenArchives, names: list[str]) -> None:
    """For archives too damaged to be deleted: only their entries go, what they refer to stays for `check --repair`."""
    sink, manifest = session.sink, opened.manifest
    message = "Would delete" if args.dry_run else "Deleted archive"
    found = False
    for number, name in enumerate(names, 1):
        place = f"({number}/{len(names)})"
        entry = manifest.archives.pop(name, None)
        if entry is None:
            _tell_not_found(sink, name, place, manifest.archives)
            continue
        found = True
        sink.info(f"{message}: {archive_line(entry)} {place}", "list")
    if args.dry_run:
        sink.info("Finished dry-run.")
    elif found:
        opened.commit()
        sink.warning('Done. Run "borg check --repair" to clean up the mess.', 0)
    else:
        sink.warning("Aborted.", 0)


def _delete_repository(args: argparse.Namespace, session: Session) -> None:
    sink = session.sink
    with session.open_repository(exclusive=True) as store:
        repository_id = store.id
        if not args.cache_only:
            if not args.forced:
                question = _question(args, session, store)
                if not session.prompter.confirm(question, _VARIABLE, accept=frozenset(("YES",))):
                    raise CancelledByUser
            if args.dry_run:
                sink.info("Would delete repository.")
                sink.info(f"Would {'keep' if args.keep_security_info else 'delete'} security info.")
            else:
                store.destroy()
                sink.info("Repository deleted.")
                if not args.keep_security_info:
                    session.forget_security_record(repository_id)
        if args.dry_run:
            sink.info("Would delete cache.")
        else:
            session.forget_cache(repository_id)
            sink.info("Cache deleted.")


def _question(args: argparse.Namespace, session: Session, store: Store) -> str:
    try:
        entries = list(session.read_manifest(store).archives.values())
    except NoManifestError:
        entries = None
    many = "all archives it may contain" if entries is None else f"{len(entries)} archives it contains"
    lines = [
        f"You requested to completely DELETE the following repository *including* {many}:",
        statistics_text.RULE,
        f"Repository ID: {store.id.hex()}",
        f"Location: {session.canonical_location}",
    ]
    if args.output_list:
        lines += ["", "Archives:"]
        if entries is None:
            lines.append("The repository has no manifest, so nobody can tell what it contains.")
        elif entries:
            lines += map(archive_line, sorted(entries, key=lambda entry: entry.time))
        else:
            lines.append("This repository seems to not have any archives.")
    return "\n".join([*lines, statistics_text.RULE, "Type 'YES' if you understand this and want to continue: "])
