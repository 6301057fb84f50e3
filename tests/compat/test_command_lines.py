"""Every command and option of Borg 1.4.5 on the same repositories: our exit codes, output, log records, what is left.

The command lines are in `lines/`, what Borg said to them in `tests/golden/answers` (scripts/record_answers.py asks it). Some
are put to Borg again each time, all with VINCULUM_DIFFERENTIAL=live.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from support import stage, stories
from support.fork_servers import ForkServer, Servers
from support.programs import PROJECT
from support.stage import Answer, Stage
from vinculum.cli import parser

LIVE = os.environ.get("VINCULUM_DIFFERENTIAL") == "live"
SAMPLE = ["locks"]
"""Stories that are always played by Borg, too, so that the record stays what it says."""

LEAST = 600
COMPARED = "command lines compared with Borg 1.4.5"
"""The property whose sum is shown at the end, see `conftest`."""

REASONS = {
    "words": "The message is in our own words. Exit code, output, and what log records hold besides the message are the same.",
    "crash": "Borg 1.4.5 ends with a traceback, we with a sentence and the same exit code.",
    "text": "Help, in our own words. Everything else is the same.",
    "progress": "What a terminal shows of progress depends on how fast it is. Exit code and output are the same.",
    # These may differ in all.
    "count": "Borg counts every file of a tar twice. Archives and all other statistics are the same (test_import_tar).",
    "facts": "Facts about the program that runs.",
    "mount": "The Borg 1.4.5 beside us is without FUSE. What is mounted is compared with Borg 1.2.4 (test_mount).",
    "unasked": "Borg asks for a passphrase before it finds that there is nothing to do, we do not. The exit code is the same.",
    "umount": "What cannot be unmounted is an error here (2), where Borg passes on fusermount's 1, which stands for a warning.",
}
"""Why answers differ that do, by the tags in the stories. What is never the same is told with `support.stage.MASKS`."""


@pytest.fixture(scope="module")
def place() -> Iterator[Stage]:
    place = Stage()
    yield place
    place.close()


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    reader = stage.contents_reader(tmp_path_factory.mktemp("reader"))
    yield reader
    reader.close()


@cache
def record() -> dict[str, Any]:
    return stage.recorded()


@pytest.mark.parametrize("name", stories.names())
def test_answers_are_those_of_borg(
    name: str, place: Stage, servers: Servers, reader: ForkServer, record_property: Callable[[str, int], None]
) -> None:
    story = stories.read(name)
    if LIVE:
        theirs, contents = place.play(servers.theirs, story), place.contents(reader, name)
    else:
        theirs, contents = record()[name]["answers"], record()[name]["contents"]
    ours = place.play(servers.ours, story)
    tags = [line.tag for line in story if line.kind == "command"]
    wrong = [told for told in map(_difference, tags, theirs, ours) if told]
    assert not wrong, f"{len(wrong)} of {len(ours)} answers differ\n" + "\n".join(wrong)
    left = place.contents(reader, name)
    changed = _changed(contents, left if LIVE else stage.digested(left))
    assert not changed, f"{changed}\nVINCULUM_DIFFERENTIAL=live tells in what"
    record_property(COMPARED, len(ours))


def _changed(expected: dict[str, Any], got: dict[str, Any]) -> str:
    """How archives differ in what they hold, as a list of lines."""
    shown = (json.dumps(each, indent=1, sort_keys=True).split("\n") for each in (expected, got))
    return "\n".join(difflib.unified_diff(*shown, "borg", "vinculum", n=2, lineterm=""))


@pytest.mark.parametrize("name", [] if LIVE else SAMPLE)
def test_the_record_is_what_borg_says(name: str, place: Stage, servers: Servers, reader: ForkServer) -> None:
    said = place.play(servers.theirs, stories.read(name))
    assert {"answers": said, "contents": stage.digested(place.contents(reader, name))} == record()[name]


def _difference(tag: str, theirs: Answer, ours: Answer) -> str:
    """What is wrong with our answer; also that there is no difference where a reason for one is given."""
    assert not tag or tag in REASONS
    if tag and ours["wording"] == theirs["wording"]:
        return f"$ borg {ours['line']}\nis the same, so needs no reason"
    expected, got = (json.dumps({**answer, "wording": ""}, indent=1, sort_keys=True).split("\n") for answer in (theirs, ours))
    if expected == got:
        return ""
    shown = difflib.unified_diff(expected, got, n=0, lineterm="")
    return "\n".join([f"$ borg {ours['line']}", *(line for line in shown if line[:2] in ("+ ", "- "))])


def test_there_are_enough_of_them() -> None:
    assert sum(len(told["answers"]) for told in record().values()) >= LEAST


@pytest.mark.parametrize("name", stories.names())
def test_the_record_is_of_these_lines(name: str) -> None:
    lines = [line.text for line in stories.read(name) if line.kind == "command"]
    assert [answer["line"] for answer in record()[name]["answers"]] == lines


# -- nothing is forgotten ----------------------------------------------------------------------------------------------


def options_used() -> dict[str, set[str]]:
    """Command -> options given to it in any story; under "" those that every command takes."""
    used: dict[str, set[str]] = {}
    for story in stories.names():
        for line in stories.read(story):
            if line.kind == "command":
                for command, option in _options_of(list(line.words)):
                    used.setdefault(command, set()).add(option)
    return used


def _options_of(words: list[str]) -> Iterator[tuple[str, str]]:
    try:
        command, rest, _ = parser.find_command("borg", words)
    except SystemExit:  # no command: help, the version, or a mistake
        yield from (("", word) for word in words)
        return
    known = {flag: action for action in _parser(command)._actions for flag in action.option_strings}
    common = {flag for action in _common()._actions for flag in action.option_strings}
    yield command, ""
    for word in [*words[: len(words) - len(rest)], *rest]:
        if word == "--":
            return
        for flag in [word.split("=")[0]] if word.startswith("--") else [word[:2]]:
            if flag in known:
                yield ("" if flag in common else command), flag


@cache
def _parser(command: str) -> parser.CommandParser:
    return parser.build_parser("borg", command, parser.load_command(command))


@cache
def _common() -> parser._ChoiceParser:
    return parser._ChoiceParser("borg")


@cache
def surface() -> dict[str, Any]:
    described: dict[str, Any] = json.loads((PROJECT / "tests/golden/surface/borg-1.4.5.json").read_text())
    return described


@pytest.mark.parametrize("command", surface())
def test_every_option_occurs(command: str) -> None:
    used = options_used()
    assert not command or command in used
    missing = [flags for flags in surface()[command]["options"] if used.get(command, set()).isdisjoint(flags.split())]
    assert not missing
