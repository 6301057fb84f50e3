"""The command line of Borg 1.4.5, as its own parser describes it, is a part of ours: options, values, defaults, exclusions."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from support import surface
from support.programs import PROJECT, oracle_path
from vinculum.cli import common_options, parser, registry

GOLDEN = PROJECT / "tests" / "golden" / "surface" / "borg-1.4.5.json"

# (command, what is compared): why ours is not Borg's
DIFFERENCES = {
    ("help", "operands"): "takes the two words of a command such as `key export`, where Borg knows no help on them",
    ("init", "--storage-quota default"): "0 stands for no quota, as it does in the config file; Borg has None for the same",
    ("check", "--max-duration takes"): "no negative durations, which Borg takes for one that is over at once",
}


@cache
def borg() -> dict[str, Any]:
    described: dict[str, Any] = json.loads(GOLDEN.read_text())
    return described


@cache
def ours(name: str) -> dict[str, Any]:
    if not name:
        return surface.describe(parser._ChoiceParser("borg"))
    return surface.describe(parser.build_parser("borg", name, parser.load_command(name)))


def test_the_record_is_what_borg_says(tmp_path: Path) -> None:
    python = oracle_path("1.4.5").parent / "python"
    said = subprocess.run(
        [python, Path(surface.__file__)], check=True, capture_output=True, env={"HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    )
    assert json.loads(said.stdout) == borg()


def test_every_command_exists() -> None:
    assert set(borg()) - {""} <= set(registry.COMMANDS)


@pytest.mark.parametrize("name", borg())
def test_a_command_accepts_what_borgs_does(name: str) -> None:
    differences = dict(_differences(name))
    excused = {what for command, what in DIFFERENCES if command == name}
    assert set(differences) == excused, {what: both for what, both in differences.items() if what not in excused}


def _differences(name: str) -> Any:
    """What differs, with Borg's and our view of it; options that only we have are none of it."""
    expected, found = borg()[name], ours(name)
    for what in ("operands", "exclusive"):
        if expected[what] != found[what]:
            yield what, (expected[what], found[what])
    for flags, option in expected["options"].items():
        ours_ = found["options"].get(flags, {})
        for key, value in {"once": False, **option}.items():
            if ours_.get(key, False if key == "once" else "missing") != value:
                yield f"{flags} {key}", (value, ours_.get(key, "missing"))


@pytest.mark.parametrize("name", borg())
def test_options_of_our_own_take_no_abbreviation_away(name: str) -> None:
    known = set(borg()[name]["options"]) | set(borg()[""]["options"])
    own = {flags for flags in ours(name)["options"] if flags not in known}
    assert own <= common_options.own_options(name)
