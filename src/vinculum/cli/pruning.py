"""What `borg prune` does with its options: a plan, then the deletions."""

from __future__ import annotations

from vinculum.cli import interruption
from vinculum.cli.deleting import begin_deletion, report
from vinculum.errors import CommandError, Error
from vinculum.operations.retention import PERIODS, Plan, Rules, is_checkpoint, make_plan
from vinculum.ui.archive_keys import archive_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.archive.manifest import ArchiveEntry, Manifest
    from vinculum.cli.session import Session
    from vinculum.events import Sink
    from vinculum.operations.opened import OpenCache

_OPERATION = "prune"
_KEEP_OPTIONS = (
    *("within", "last", "secondly", "minutely", "hourly", "daily"),
    *("weekly", "monthly", "13weekly", "3monthly", "yearly"),
)


def run(args: argparse.Namespace, session: Session) -> None:
    rules = Rules({rule: getattr(args, rule) for rule in PERIODS}, args.within or 0)
    with session.open_archives("delete", exclusive=True) as archives:
        if not rules.keep_something:
            *names, last = (f'"keep-{name}"' for name in _KEEP_OPTIONS)
            raise CommandError(f"At least one of the {', '.join(names)}, or {last} settings must be specified.")
        glob = f"{args.prefix}*" if args.prefix is not None else args.glob_archives
        plan = make_plan(archives.manifest.archives.values(), glob, rules)
        _announce(session.sink, archives.manifest, plan)
        with session.with_cache(archives) as opened:
            _prune(args, session, opened, plan)


def _announce(sink: Sink, manifest: Manifest, plan: Plan) -> None:
    all_checkpoints = sum(is_checkpoint(name) for name in manifest.archives)
    checkpoints, kept = len(plan.checkpoints), int(plan.kept_checkpoint is not None)
    complete = len(plan.entries) - checkpoints
    sink.info(
        f"Repository contains {len(manifest.archives) - all_checkpoints} normal archives and "
        f"{all_checkpoints} checkpoint archives."
    )
    sink.info(f"Applying rules to the matching {complete} archives and {checkpoints} checkpoints...")
    sink.info(
        f"Keeping {len(plan.kept)} archives and {kept} checkpoints, "
        f"pruning {complete - len(plan.kept)} archives and {checkpoints - kept} checkpoints."
    )


def _prune(args: argparse.Namespace, session: Session, opened: OpenCache, plan: Plan) -> None:
    sink = session.sink
    deletion = begin_deletion(args, session, opened, show_progress=False)
    doomed, number = len(plan.doomed), 0
    with interruption.noted() as stop_requested:
        for entry in plan.entries:
            if plan.keeps(entry):
                what = _why_kept(plan, entry)
            else:
                number += 1
                sink.progress(_OPERATION, number, doomed, "")
                what = "Would prune:" if args.dry_run else f"Pruning archive ({number}/{doomed}):"
                if not args.dry_run:
                    deletion.delete(entry)
                    if stop_requested() or deletion.checkpoint_is_due:
                        deletion.save()
            sink.info(f"{what:<44} {archive_line(entry)}", "list")
            if stop_requested():
                break
        sink.finished(_OPERATION)
        if stop_requested():
            raise Error("Got Ctrl-C / SIGINT.")
        deletion.save()
    report(args, session, opened, deletion)


def _why_kept(plan: Plan, entry: ArchiveEntry) -> str:
    if entry == plan.kept_checkpoint:
        return "Keeping checkpoint archive:"
    reason = plan.kept[entry.id]
    return f"Keeping archive (rule: {reason.rule} #{reason.number}):"
