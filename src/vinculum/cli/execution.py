"""Runs one command from its arguments to its exit code.

This is the only place that catches everything: expected trouble becomes one line, a bug a traceback with the facts to report.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import nullcontext

from vinculum import BORG_VERSION, __version__
from vinculum.cli import exit_codes, old_options, signals
from vinculum.cli.parser import parse_command_line
from vinculum.cli.session import Session
from vinculum.errors import Error, InvalidPlaceholder
from vinculum.platform import last_resorts
from vinculum.ui.logging_setup import open_reporter
from vinculum.ui.prompts import Prompter
from vinculum.ui.reporter import DEBUG, LEVELS

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from contextlib import AbstractContextManager

    from vinculum.cli.parser import Command
    from vinculum.ui.reporter import Reporter


def execute(program: str, arguments: list[str]) -> int:
    """Runs the command that `arguments` call for; whatever happens, the result is an exit code."""
    modern = exit_codes.is_modern(os.environ)
    for hint in old_options.hints(arguments):
        sys.stderr.write(f"{hint}\n")
    _let_stdout_take_any_text()
    try:
        command, args = parse_command_line(program, arguments)
        if getattr(args, "stats", False) and getattr(args, "quick_stats", False):
            args.complain("argument --quick-stats: not allowed with argument --stats")
        original = os.environ.get("SSH_ORIGINAL_COMMAND")
        if original and _is_server(args):
            from vinculum.cli.forced_command import take_over  # servers only

            take_over(args, original)
    except SystemExit as end:
        return _flush_stdout(end.code if isinstance(end.code, int) else exit_codes.ERROR)
    except Error as error:
        sys.stderr.write(f"{error}\n")
        _advise_on_placeholders(error)
        return exit_codes.of_error(error, modern=modern)
    except KeyboardInterrupt:
        return exit_codes.SIGNAL_BASE + 2
    try:
        reporter = _open_reporter(args)
    except (OSError, KeyError, ValueError) as error:
        sys.stderr.write(f"{program}: error: cannot set up logging as {os.environ.get('BORG_LOGGING_CONF')} says: {error}\n")
        return exit_codes.ERROR
    os.umask(args.umask)
    if args.show_version:
        reporter.log(LEVELS["info"], f"borgbackup version {BORG_VERSION} (vinculum {__version__})", "show-version")
    if getattr(args, "dry_run", False):
        _drop_statistics(args, reporter)
    code = _run(command, args, reporter, modern=modern)
    last_resorts.run()
    code = _flush_stdout(code)
    if args.show_rc:
        level, text = exit_codes.describe(code)
        reporter.log(LEVELS[level], text, "show-rc")
    reporter.close()
    return code


def _let_stdout_take_any_text() -> None:
    """Names may hold bytes that are not text, or characters that the locale does not have: neither ends a listing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        keeps_bytes = sys.stdout.encoding.lower().replace("-", "") == "utf8"
        sys.stdout.reconfigure(errors="surrogateescape" if keeps_bytes else "replace")


def _open_reporter(args: argparse.Namespace) -> Reporter:
    topics = []
    if getattr(args, "output_list", False):
        topics.append("list")
    if getattr(args, "stats", False) or getattr(args, "quick_stats", False):
        topics.append("stats")
    if args.show_rc:
        topics.append("show-rc")
    if args.show_version:
        topics.append("show-version")
    return open_reporter(
        level=args.log_level,
        topics=topics,
        debug_topics=args.debug_topics,
        status_filter=getattr(args, "output_filter", None),
        progress=args.progress,
        iec=args.iec,
        as_json=args.log_json,
        logging_config=os.environ.get("BORG_LOGGING_CONF"),
        for_clients=_is_server(args),
    )


def _is_server(args: argparse.Namespace) -> bool:
    return getattr(args, "is_server", False)


def _drop_statistics(args: argparse.Namespace, reporter: Reporter) -> None:
    """There are none of what was not done; scripts that ask for them nevertheless shall not fail."""
    for option in ("stats", "quick_stats"):
        if getattr(args, option, False):
            reporter.warning(f"Ignoring --{option.replace('_', '-')}. It is not supported when using --dry-run.", 0)
            setattr(args, option, False)


def _run(command: Command, args: argparse.Namespace, reporter: Reporter, *, modern: bool) -> int:
    """Until a signal ends it; signals that come when the work is done come too late."""
    try:
        code = _work(command, args, reporter, modern=modern)
        signals.ignore()
        return code
    except KeyboardInterrupt:
        reporter.error("Keyboard interrupt", "KeyboardInterrupt")
        return exit_codes.SIGNAL_BASE + 2
    except signals.Terminated as end:
        reporter.error(end.text, end.msgid)
        return exit_codes.SIGNAL_BASE + end.number


def _work(command: Command, args: argparse.Namespace, reporter: Reporter, *, modern: bool) -> int:
    prompter = Prompter(os.environ, write_record=getattr(reporter, "write_record", None))
    try:
        signals.install(reporter.tell_progress)
        before_work = getattr(command, "before_work", None)
        code: int | None = None if before_work is None else before_work(args)
        if code is not None:
            return code
        with _profiled(args.debug_profile, reporter), Session(args, reporter, prompter, os.environ) as session:
            code = command.run(args, session)
        return exit_codes.of_warnings(reporter.warning_codes, modern=modern) if code is None else code
    except Error as error:
        reporter.error(str(error), error.msgid)
        _advise(reporter, error, args)
        if reporter.level <= DEBUG:
            reporter.debug(_traceback())
        return exit_codes.of_error(error, modern=modern)
    except SystemExit as end:
        # A command found fault with its arguments.
        return end.code if isinstance(end.code, int) else exit_codes.ERROR
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        _discard_stdout()
        return exit_codes.of_warnings(reporter.warning_codes, modern=modern)
    except OSError as error:
        reporter.error(f"Error: {error}", type(error).__qualname__)
        _advise(reporter, error, args)
        if reporter.level <= DEBUG:
            reporter.debug(_traceback())
        return exit_codes.ERROR
    except Exception as error:
        from vinculum.cli.system_facts import system_facts  # only when something went wrong

        reporter.error(
            f"Internal error, please report it: {error!r}\n{_traceback()}\n{system_facts()}", type(error).__qualname__
        )
        return exit_codes.ERROR


def _advise(reporter: Reporter, error: Exception, args: argparse.Namespace) -> None:
    if reporter.for_people:
        from vinculum.cli import advice  # only when something went wrong

        reporter.advise(advice.about(error, args, os.environ))


def _advise_on_placeholders(error: Error) -> None:
    """They are filled in while arguments are parsed, before anything is known of how to report."""
    if isinstance(error, InvalidPlaceholder) and sys.stderr.isatty():
        from vinculum.cli import mistyped  # only when something went wrong

        sys.stderr.write(mistyped.placeholder(str(error.facts[0])))


def _profiled(path: str | None, reporter: Reporter) -> AbstractContextManager[None]:
    if not path:
        return nullcontext()
    from vinculum.cli.profiling import profiled

    return profiled(path, reporter)


def _flush_stdout(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()
    except OSError as error:
        _discard_stdout()
        sys.stderr.write(f"Error: {error}\n")
        return code or exit_codes.ERROR
    return code


def _discard_stdout() -> None:
    # Python flushes stdout once more when it ends, and would complain then.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _traceback() -> str:
    import traceback  # only when something went wrong

    return traceback.format_exc()
