"""The reference: a page for each command, topic and kind of exit code, made of the program's own parsers, help and errors.

`write_pages` is called when the manual is built; what it writes is not kept in the repository. Nothing here knows a command by
name: what the program offers is what is described.
"""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import NamedTuple

from help_prose import escape, inline, render_help
from source_map import source_map

from vinculum import errors
from vinculum.cli import common_options, registry
from vinculum.cli.parser import CommandParser, build_parser, load_command, read_help
from vinculum.cli.program import COMMANDS_OF_PROGRAMS

PROGRAM = "borg"
COMMON = "Common options"
BUILT_IN_GROUPS = {"positional arguments": "Operands", "options": "Options"}


class Page(NamedTuple):
    """One page of the reference, which is a page of the system's manual as well."""

    name: str
    title: str
    summary: str
    section: int
    body: str


def all_pages() -> list[Page]:
    """In the order in which they are listed."""
    commands = map(_command_page, registry.COMMANDS)
    return [_overview(), *commands, *map(_topic_page, registry.TOPICS), _borgfs_page(), _vinculum_page()]


def write_pages(directory: Path) -> list[Page]:
    """Makes `directory` hold exactly the pages and a list of them; files that are as they should be are not touched."""
    directory.mkdir(parents=True, exist_ok=True)
    pages = all_pages()
    files = {f"{page.name}.rst": _heading(page.title, "=") + page.body for page in pages}
    files["index.rst"] = _index(pages)
    files["exit-codes.rst"] = _exit_codes()
    files["source-map.rst"] = source_map(Path(__file__).resolve().parent.parent)
    for stale in {path.name for path in directory.iterdir()} - files.keys():
        (directory / stale).unlink()
    for name, text in files.items():
        path = directory / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    return pages


# -- pages -----------------------------------------------------------------------------------------------------------------


def _overview() -> Page:
    listed = {**registry.COMMANDS, **{f"help {name}": ("", text) for name, text in registry.TOPICS.items()}}
    names = "".join(f"``{PROGRAM} {name}``\n    {escape(summary)}\n" for name, (_, summary) in listed.items())
    body = (
        _lead("Deduplicating, encrypted backups.")
        + _synopsis(f"{PROGRAM} [common options] <command> [options] [arguments]")
        + _heading("Commands", "-")
        + names
        + "\n"
        + _heading(COMMON, "-")
        + "These may stand before or after the command.\n\n"
        + f".. program:: {PROGRAM}\n\n"
        + _actions(_common_parser(), COMMON)
    )
    return Page(PROGRAM, PROGRAM, "deduplicating backups", 1, body)


def _command_page(name: str) -> Page:
    command = load_command(name)
    body = _lead(escape(command.SUMMARY))
    body += _synopsis(f"{PROGRAM} [common options] {name} [options] {command.OPERANDS}".rstrip())
    body += f".. program:: {PROGRAM} {name}\n\n"
    body += _arguments(build_parser(PROGRAM, name, command))
    body += _heading("Description", "-") + render_help(read_help(name))
    page_name = f"{PROGRAM}-{name.replace(' ', '-')}"
    return Page(page_name, f"{PROGRAM} {name}", registry.COMMANDS[name][1], 1, body)


def _borgfs_page() -> Page:
    """What mount(8) and fstab want of a command is one word."""
    program, name = "borgfs", COMMANDS_OF_PROGRAMS["borgfs"]
    command = load_command(name)
    body = _synopsis(f"{program} [options] {command.OPERANDS}")
    body += _heading("Description", "-") + f"The same as :doc:`{PROGRAM}-{name}`, as a program of its own.\n\n"
    body += f".. program:: {program}\n\n"
    body += _arguments(build_parser(program, name, command))
    return Page(program, program, registry.COMMANDS[name][1], 1, body)


def _vinculum_page() -> Page:
    body = (
        _synopsis("vinculum [common options] <command> [options] [arguments]")
        + _heading("Description", "-")
        + f"The same program as :doc:`{PROGRAM}`, under a name of its own, so that it can be installed beside a real Borg.\n\n"
        + f"Whatever is said of ``{PROGRAM}`` holds for ``vinculum``, on pages of the same name. One thing differs:\n"
        + "``vinculum --version`` begins with the version of this program, not with that of the Borg that it stands for.\n\n"
        + "Both programs may take turns on one repository, with the same keys, cache and environment variables. Where\n"
        + "``vinculum`` reaches a repository through ssh it starts ``borg`` there; ``--remote-path vinculum`` makes that\n"
        + "``vinculum``, too.\n\n"
    )
    return Page("vinculum", "vinculum", "deduplicating backups", 1, body)


def _arguments(parser: CommandParser) -> str:
    body = ""
    for group in parser._action_groups:
        listed = _actions(parser, group.title or "")
        if listed and group.title != COMMON:
            body += _heading(BUILT_IN_GROUPS.get(group.title or "", group.title or ""), "-")
            body += f"{escape(group.description)}\n\n" if group.description else ""
            body += listed
    return f"{body}Options of all commands: :doc:`{PROGRAM}`.\n\n"


def _topic_page(name: str) -> Page:
    summary = registry.TOPICS[name]
    body = _lead(f"{escape(summary).capitalize()}.") + _heading("Description", "-") + render_help(read_help(name))
    return Page(f"{PROGRAM}-{name}", f"{PROGRAM} help {name}", summary, 7, body)


def _index(pages: list[Page]) -> str:
    entries = "".join(f"   {page.name}\n" for page in pages)
    return (
        _heading("Commands", "=")
        + "Made of the program's own help: ``borg COMMAND --help`` says the same, and so do the pages of ``man``.\n\n"
        + f".. toctree::\n   :maxdepth: 1\n\n{entries}"
    )


def _exit_codes() -> str:
    rows = sorted({(kind.modern_code, kind.msgid, _explain(kind)) for kind in _all_errors()})
    table = ".. list-table::\n   :header-rows: 1\n   :widths: 10 35 55\n\n   * - code\n     - msgid\n     - message\n"
    table += "".join(f"   * - {code}\n     - ``{msgid}``\n     - {text}\n" for code, msgid, text in rows)
    return (
        _heading("Exit codes", "=")
        + ".. list-table::\n   :header-rows: 1\n\n   * - code\n     - meaning\n"
        + "".join(f"   * - {code}\n     - {text}\n" for code, text in _KINDS)
        + "\nFor more precise codes set ``BORG_EXIT_CODES=modern``. Errors then have these, and warnings have 100 to 127 of\n"
        + "their own where all warnings of a run are of one kind; the *msgid* is what ``--log-json`` calls them.\n\n"
        + table
    )


_KINDS = (
    ("0", "success"),
    ("1", "warning: the work was done, but something should be looked at"),
    ("2", "error: the work was not done, or not completely"),
    ("128 + N", "ended by signal N"),
)


def _all_errors() -> list[type[errors.Error]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.Error)]


def _explain(kind: type[errors.Error]) -> str:
    """The message with dots for facts."""
    return escape(kind.template.replace("{!r}", "{}").replace("{0}", "{}").replace("{}", "…").splitlines()[0])


# -- parts -----------------------------------------------------------------------------------------------------------------


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n\n"


def _lead(text: str) -> str:
    """What a page is about; a page of `man` says so beside its name."""
    return f".. only:: not man\n\n   {text}\n\n"


def _synopsis(usage: str) -> str:
    return _heading("Synopsis", "-") + f".. code-block:: none\n\n   {usage}\n\n"


def _common_parser() -> CommandParser:
    parser = CommandParser(PROGRAM, PROGRAM, "", "")
    common_options.add_to(parser)
    return parser


def _actions(parser: CommandParser, title: str) -> str:
    (group,) = [group for group in parser._action_groups if group.title == title]
    shown = [action for action in group._group_actions if action.help != argparse.SUPPRESS]
    return "".join(_action(parser, action) for action in shown)


def _action(parser: CommandParser, action: argparse.Action) -> str:
    help_text = inline(parser._get_formatter()._expand_help(action))
    if not action.option_strings:
        return f"``{action.metavar or action.dest}``\n   {help_text}\n\n"
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    flags = ", ".join(f"{flag}{value}" for flag in action.option_strings)
    return f".. option:: {flags}\n\n   {help_text}\n\n"
