"""From the options of `check` to what is checked, in which order, and what the exit code says about it."""

from __future__ import annotations

from vinculum.cli import exit_codes
from vinculum.cli.choosing import filters_archives, wanted_archives
from vinculum.errors import CancelledByUser, CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.session import Session
    from vinculum.repository.store import Store

_VARIABLE = "BORG_CHECK_I_KNOW_WHAT_I_AM_DOING"
_QUESTION = """This is a potentially dangerous function.
check --repair might lead to data loss (for kinds of corruption it is not
capable of dealing with). BE VERY CAREFUL!

Type 'YES' if you understand this and want to continue: """


def run(args: argparse.Namespace, session: Session) -> int | None:
    """Returns the code of a warning if something is wrong, still."""
    _refuse_contradictions(args)
    if not args.repository_only:
        session.begin_unlocking()
    with session.open_repository(exclusive=True, may_bypass=not args.repair) as store:
        if args.repair and not session.prompter.confirm(_QUESTION, _VARIABLE, accept=frozenset(("YES",))):
            raise CancelledByUser
        if not args.archives_only and not store.check(repair=args.repair, max_duration_s=args.max_duration):
            return exit_codes.WARNING
        if args.repository_only:
            if args.archives_only:
                session.sink.warning("With both --repository-only and --archives-only nothing is checked.", 0)
            return None
        return None if _check_archives(args, session, store) else exit_codes.WARNING


def _refuse_contradictions(args: argparse.Namespace) -> None:
    if args.repository_only and (args.verify_data or filters_archives(args)):
        raise CommandError(
            "--repository-only contradicts --first, --last, --glob-archives, --prefix and --verify-data arguments."
        )
    if args.repair and args.max_duration:
        raise CommandError("--repair does not allow --max-duration argument.")
    if args.max_duration and not args.repository_only:
        raise CommandError("--repository-only is required for --max-duration support.")


def _check_archives(args: argparse.Namespace, session: Session, store: Store) -> bool:
    from vinculum.operations.check.check import CheckOptions, check_archives

    archive = session.location.archive or None
    options = CheckOptions(
        repair=args.repair,
        verify_data=args.verify_data,
        archive=archive,
        choice=wanted_archives(args),
        checks_all=archive is None and not filters_archives(args),
    )
    return check_archives(store, session, options)
