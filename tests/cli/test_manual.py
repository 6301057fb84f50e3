"""Whatever the manual shows of the program is typed at a terminal, page by page, and has to print what the page says.

VINCULUM_MANUAL=write writes what is printed into the pages, where it is something else. Read what that changes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.console import Console
from support.programs import PROJECT
from support.sessions import Block, Command, agrees, count_of_borg_blocks, read_sessions, render, with_blocks

DOCS = PROJECT / "docs"
PAGES = [
    page
    for page in sorted([*PROJECT.glob("*.md"), *DOCS.rglob("*.md")])
    if read_sessions(text := page.read_text()) or count_of_borg_blocks(text)
]
WRITES = os.environ.get("VINCULUM_MANUAL") == "write"


@pytest.fixture(scope="module")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled once for all machines."""
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture
def console(tmp_path: Path, bytecode: Path) -> Iterator[Console]:
    """A new machine."""
    with Console(tmp_path / "machine", bytecode) as console:
        yield console


def as_printed(console: Console, block: Block) -> Block:
    """The block with what its commands print now. Each has to succeed, unless the next one asks how it ended."""
    commands = []
    for command, following in zip(block.commands, [*block.commands[1:], None], strict=True):
        printed, code = console.type(command.text)
        asked = following is not None and following.text.startswith("echo $?")
        assert code == 0 or asked, f"exit code {code} of\n{command.text}\n{printed}{console.server_log()}"
        as_shown = command.shown is None or agrees(command.shown, printed)
        commands.append(command if as_shown else Command(command.text, printed))
    return block._replace(commands=commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_commands_print_what_the_page_shows(page: Path, console: Console) -> None:
    text = page.read_text()
    shown = read_sessions(text)
    printed = [as_printed(console, block) for block in shown]
    if WRITES:
        page.write_text(with_blocks(text, printed))
    assert [render(block) for block in shown] == [render(block) for block in printed]
    first = [block.commands[0] for block in printed]
    run = [command for command in first if command.text.startswith("borg ") and command.shown is not None]
    assert len(run) == count_of_borg_blocks(text)


def test_translations_show_the_same() -> None:
    english, korean = ((DOCS / "manual" / f"quick-start{suffix}.md").read_text() for suffix in ("", "-ko"))
    assert [render(block) for block in read_sessions(korean)] == [render(block) for block in read_sessions(english)]


def test_blocks_are_counted_however_they_are_written() -> None:
    """The count must not rely on how sessions are found, or it could not tell that one was overlooked."""
    fenced = "Text.\n\n```console\n$ borg list repo\n```\n\n1. Step\n   ```sh\n   borg create x\n   ```\n"
    assert count_of_borg_blocks(fenced) == 2
    assert count_of_borg_blocks("Text.\n\n    borg init repo\n    borg list repo\n\nborg is the program.\n") == 1
    assert [len(block.commands) for block in read_sessions(fenced)] == [1]
