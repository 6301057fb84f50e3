"""Command lines at random mean to us what they mean to Borg: options abbreviated, repeated, anywhere, and wrong ones.

Borg's own parser is asked what it makes of each: that it is wrong, or which value every option has. Usually a few are tried for
each command, with VINCULUM_COMMAND_LINES=1000 so many.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.programs import PROJECT, client_environment
from vinculum.cli import parser
from vinculum.errors import Error

LINES = int(os.environ.get("VINCULUM_COMMAND_LINES", "12"))
SURFACE: dict[str, Any] = json.loads((PROJECT / "tests" / "golden" / "surface" / "borg-1.4.5.json").read_text())
COMMON = {
    flags: option
    for flags, option in SURFACE[""]["options"].items()
    if not {"--help", "--version", "--bypass-lock"} & {*flags.split()}
}
ANYTHING = ["x", "7", "a/b", "-1", "two words", "{hostname}"]
WRONG = ["", "x", "-1", "zstd,99", "nosuch"]
# What becomes of these has no common form: patterns, sort keys, moments.
UNLIKE = {
    "-e",
    "--exclude",
    "--exclude-from",
    "--pattern",
    "--patterns-from",
    "--sort-by",
    "--timestamp",
    "-C",
    "--compression",
}
# Borg keeps the old name apart until it is used, and knows whether it may bypass locks as soon as it has parsed.
UNLIKE |= {"--nobsdflags", "--noflags", "--bypass-lock", "-h", "--help", "-V", "--version"}
COMMANDS = sorted(set(SURFACE) - {"", "help"})  # see test_surface for that one
TAKES = {"--exclude-from": [os.devnull], "--patterns-from": [os.devnull], "--pattern": ["+ x", "- sh:**/y", "! z"]}
"""What is looked at as soon as it is parsed, in Borg at least."""

ASK = """
import argparse, functools, json, sys
from borg.archiver import Archiver

Archiver.build_parser = functools.lru_cache(None)(Archiver.build_parser)
archiver = Archiver(prog="borg")

def actions(parser, words):
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and words:
            yield from actions(action.choices[words[0]], words[1:])
        elif action.option_strings:
            yield action
        elif not words and action.nargs != argparse.PARSER:
            yield action

def value(args, dest):
    for ending in ("_maincommand", "_midcommand", "_subcommand"):
        dest = dest.removesuffix(ending)
    found = getattr(args, dest, None)
    if hasattr(found, "canonical_path"):
        return [found.proto, found.user, found._host, found.port, found.path, found.archive]
    return found

for line in sys.stdin:
    command, words = json.loads(line)
    try:
        args = archiver.parse_args(words)
    except SystemExit as end:
        print(json.dumps(end.code))
        continue
    except Exception as error:
        print(json.dumps(repr(error)))
        continue
    found, operands = {}, []
    for action in actions(archiver.build_parser(), command.split()):
        for flag in action.option_strings:
            found[flag] = value(args, action.dest)
        if not action.option_strings:
            operands.append(value(args, action.dest))
    print(json.dumps([found, operands], default=lambda other: "<object>"))
"""


def command_line(command: str, chance: random.Random) -> list[str]:
    """Words that begin with `borg`'s first argument."""
    words = command.split()
    before = [option for _ in range(chance.choice((0, 0, 1, 2))) for option in option_words(COMMON, chance)]
    own = SURFACE[command]["options"]
    behind = [option_words(chance.choice((own, own, COMMON)) or COMMON, chance) for _ in range(chance.randrange(6))]
    required = [flags for flags, option in own.items() if option["required"]]
    behind += [option_words({flags: own[flags]}, chance) for flags in required if chance.random() < 0.9]
    pieces = [*behind, *([word] for word in operands(command, chance))]
    if chance.random() < 0.5:
        chance.shuffle(pieces)
    if chance.random() < 0.1:
        pieces.insert(chance.randint(0, len(pieces)), ["--"])
    middle = option_words(COMMON, chance) if len(words) > 1 and chance.random() < 0.2 else []
    return [*before, words[0], *middle, *words[1:], *(word for piece in pieces for word in piece)]


def option_words(options: dict[str, Any], chance: random.Random) -> list[str]:
    """One of the options, in one of the ways to write it."""
    flags = chance.choice(sorted(options))
    flag = chance.choice(flags.split())
    if flag.startswith("--") and chance.random() < 0.3:
        flag = flag[: chance.randint(4, len(flag))]
    option = options[flags]
    if not option["values"]:
        return [flag]
    chosen = value(flags, option, chance)
    if chance.random() < 0.03:
        return [flag]
    if chance.random() < 0.5:
        return [flag, chosen]
    return [f"{flag}={chosen}" if flag.startswith("--") else f"{flag}{chosen}"]


def value(flags: str, option: dict[str, Any], chance: random.Random) -> str:
    if flags in TAKES:
        return chance.choice(TAKES[flags])
    if chance.random() < 0.1:
        return chance.choice(WRONG)
    if "choices" in option:
        return str(chance.choice(option["choices"]))
    taken = option["takes"]
    return chance.choice(ANYTHING if taken == "anything" or not taken else sorted(taken))


def operands(command: str, chance: random.Random) -> list[str]:
    """About as many as it takes: a repository or an archive, and more."""
    first = chance.choice(("repo", "repo::archive", "host:repo", "ssh://user@host:22/./repo::archive", "::archive", ""))
    more = [
        chance.choice(("a", "b/c", "./d", "two words"))
        for _ in range(len(SURFACE[command]["operands"]) + chance.choice((-1, -1, 0, 1)))
    ]
    return [first, *more] if chance.random() < 0.95 else more


@pytest.fixture(scope="module")
def borg(borg145_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], Any]:
    """Command line -> what Borg makes of it, of all that are tried."""
    lines = [(command, words) for command in COMMANDS for words in command_lines(command)]
    done = subprocess.run(
        [borg145_python, "-c", ASK],
        input="".join(f"{json.dumps(line)}\n" for line in lines),
        check=True,
        capture_output=True,
        text=True,
        env=client_environment(tmp_path_factory.mktemp("home")),
    )
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("[", '"', "0", "1", "2"))]
    return {(command, *words): answer for (command, words), answer in zip(lines, told, strict=True)}


def command_lines(command: str) -> list[list[str]]:
    chance = random.Random(command)
    return [command_line(command, chance) for _ in range(LINES)]


@pytest.mark.parametrize("command", COMMANDS)
def test_parsing(command: str, borg: dict[tuple[str, ...], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BORG_REPO", raising=False)
    wrong = []
    for words in command_lines(command):
        theirs, ours = borg[(command, *words)], parsed(command, words)
        told = difference(theirs, ours)
        if told and not is_excused(command, words):
            wrong.append(f"$ borg {' '.join(words)}\n  {told}")
    assert not wrong, "\n".join(wrong)


def parsed(command: str, words: list[str]) -> Any:
    """The same of ours."""
    try:
        name, rest, before = parser.find_command("borg", words)
        args = parser.parse_options("borg", name, rest, before)[1]
    except SystemExit as end:
        return end.code
    except Error as error:
        return repr(error)
    found: dict[str, Any] = {}
    operands: list[Any] = []
    for action in parser.build_parser("borg", command, parser.load_command(command))._actions:
        for flag in action.option_strings:
            found[flag] = plain(args, action)
        if not action.option_strings:
            operands.append(plain(args, action))
    return [found, operands]


def plain(args: argparse.Namespace, action: argparse.Action) -> Any:
    value = getattr(args, action.dest, None)
    if hasattr(value, "canonical"):
        return [value.proto, value.user, value.host, value.port, value.path, value.archive]
    return list(value) if isinstance(value, tuple) else value


def is_excused(command: str, words: list[str]) -> bool:
    """What Borg's parser refuses and ours does not, which finds it out later (same exit code) or need not refuse it."""
    flags = [word.split("=")[0] for word in words if len(word) > 3]
    return (
        (command == "config" and any(":" in word for word in words))  # a repository elsewhere
        or (command == "create" and any("--paths-from-command".startswith(flag[:13]) for flag in flags))  # and paths
        or any("--quick-stats".startswith(flag) for flag in flags)  # and --stats
        or "--max-duration=-1" in words  # a difference of its own, see test_surface
    )


def difference(theirs: Any, ours: Any) -> str:
    if isinstance(theirs, str):  # with an exception of its own, where we are later to find that something does not work
        return ""
    if not isinstance(theirs, list) or not isinstance(ours, list):
        failed = [isinstance(each, list) for each in (theirs, ours)]
        return "" if failed[0] == failed[1] else f"Borg: {str(theirs)[:60]}, we: {str(ours)[:60]}"
    compared = theirs[0].keys() - UNLIKE
    values = {flag: (theirs[0][flag], ours[0].get(flag, "missing")) for flag in compared}
    unlike = {
        flag: both for flag, both in values.items() if both[0] != both[1] and both[0] != "<object>" and (both[0] or both[1])
    }
    if theirs[1] != ours[1]:
        unlike["operands"] = (theirs[1], ours[1])
    return str(unlike) if unlike else ""
