"""What the pages of the manual show of sessions at a terminal: commands, and what they print.

A session is a block of the language `console`: lines that begin with `$ ` are typed, those that begin with `> ` continue them,
all others are shown. A line `...` stands for any number of lines, and `...` inside of a line for anything. Shell commands
between `<!-- unseen` and `-->` are run at their place, too; no reader sees them. A block below `<!-- file NAME -->` is written
to that file.

What differs from one day to the next is not compared: times, durations, fingerprints, sizes in statistics, runs of spaces,
the order of lines.
"""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

from support.masks import Mask, masked

FENCE = re.compile(r"^( *)```(\S*) *$")
UNSEEN = "<!-- unseen"
FILE = re.compile(r"<!-- file (\S+) -->")
MASKS: tuple[Mask, ...] = (
    (re.compile(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "DATE"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?"), "TIME"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "DAY"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "FINGERPRINT"),
    (re.compile(r"\d+\.\d+ seconds"), "DURATION"),
    (re.compile(r"(?m)^((?:This|All) archives?:|Deleted data:).*$"), r"\1 SIZES"),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r"(?m) $"), ""),
)


class Command(NamedTuple):
    """What is typed, and what is shown of what comes of it; None if nobody sees that."""

    text: str
    shown: str | None


class Block(NamedTuple):
    """Commands that stand together, and the lines of the page between which they do."""

    line: int
    end: int
    indentation: str
    commands: list[Command]


def read_sessions(page: str) -> list[Block]:
    """All sessions of a page, and what is done unseen, in their order."""
    blocks: list[Block] = []
    lines = page.splitlines()
    file = None  # what the line before says of the block to come
    at = 0
    while at < len(lines):
        end = at
        if lines[at].startswith(UNSEEN):
            end = lines.index("-->", at)
            blocks.append(Block(at + 1, end, "", [Command("\n".join(lines[at + 1 : end]), None)]))
        elif fence := FENCE.match(lines[at]):
            indentation, language = fence.groups()
            end = lines.index(f"{indentation}```", at + 1)
            content = [line.removeprefix(indentation) for line in lines[at + 1 : end]]
            if language == "console":
                blocks.append(Block(at + 1, end, indentation, _read_commands(content)))
            elif file:
                blocks.append(Block(at + 1, end, "", [_write_file(file[1], content)]))
        file = FILE.match(lines[at])
        at = end + 1
    return blocks


def _write_file(name: str, lines: list[str]) -> Command:
    end = "END OF THE FILE"
    return Command("\n".join([f"cat >{name} <<'{end}'", *lines, end]), None)


def _read_commands(lines: list[str]) -> list[Command]:
    typed: list[list[str]] = []
    shown: list[list[str]] = []
    for line in lines:
        if line.startswith("$ "):
            typed.append([line[2:]])
            shown.append([])
        elif line.startswith("> ") and typed and not shown[-1]:
            typed[-1].append(line[2:])
        else:
            assert typed, f"nothing was typed before {line!r}"
            shown[-1].append(line)
    return [Command("\n".join(text), "\n".join(output)) for text, output in zip(typed, shown, strict=True)]


def count_of_borg_blocks(page: str) -> int:
    """How many blocks of code, fenced or indented, of whatever language, begin with a call of the program.

    Deliberately not made of what is above: it is to notice what that overlooks.
    """
    fenced = re.findall(r"(?m)^ *(?:```|~~~).*\n *(?:[$#] )?borg ", page)
    indented = re.findall(r"(?m)^\s*\n(?: {4,}|\t)(?:[$#] )?borg ", page)
    return len(fenced) + len(indented)


def mask(text: str) -> str:
    """The text without what differs from day to day."""
    return masked(text, MASKS).strip("\n")


def agrees(shown: str, printed: str) -> bool:
    """Whether the page shows what was printed."""
    pattern = "".join(
        "(?:.*\n)?" if line == "..." else re.escape(line).replace(r"\.\.\.", "[^\n]*") + "\n"
        for line in mask(shown).split("\n")
    )
    return re.fullmatch(pattern, mask(printed) + "\n", re.DOTALL) is not None or in_order(shown) == in_order(printed)


def in_order(text: str) -> list[str]:
    """The lines, sorted: inodes decide in which order files are listed."""
    return sorted(mask(text).split("\n"))


def render(block: Block) -> str:
    """The lines by which a page shows it."""
    text = ""
    for command in block.commands:
        text += "$ " + command.text.replace("\n", "\n> ") + "\n"
        if command.shown:
            text += "".join(f"{line.expandtabs().rstrip()}\n" for line in command.shown.strip("\n").split("\n"))
    return text


def with_blocks(page: str, blocks: list[Block]) -> str:
    """The page with these sessions in place of those that are there."""
    lines = page.splitlines(keepends=True)
    for block in reversed(blocks):
        if block.commands[0].shown is not None:
            lines[block.line : block.end] = textwrap.indent(render(block), block.indentation).splitlines(keepends=True)
    return "".join(lines)
