"""Every command of ours takes the options of Borg 1.4.5, under the same names and with as many values, and few others."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from vinculum.cli import registry
from vinculum.cli.common_options import own_options
from vinculum.cli.parser import build_parser, load_command

ASK_BORG = """
import argparse, json
from borg.archiver import Archiver
def describe(parser, prefix):
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                describe(command, f"{prefix}{name} ")
    table[prefix.rstrip()] = {
        flag: [action.nargs == 0, action.required] for action in parser._actions for flag in action.option_strings
    }
table = {}
describe(Archiver().build_parser(), "")
print(json.dumps(table))
"""


@pytest.fixture(scope="module")
def options_of_borg(borg145_python: Path) -> dict[str, dict[str, list[bool]]]:
    asked = subprocess.run([borg145_python, "-c", ASK_BORG], capture_output=True, check=True)
    table: dict[str, dict[str, list[bool]]] = json.loads(asked.stdout)
    return table


@pytest.mark.parametrize("name", sorted(registry.COMMANDS))
def test_options_are_those_of_borg(name: str, options_of_borg: dict[str, dict[str, list[bool]]]) -> None:
    parser = build_parser("borg", name, load_command(name))
    ours = {flag: [action.nargs == 0, action.required] for action in parser._actions for flag in action.option_strings}
    own = own_options(name)
    assert {flag: kind for flag, kind in ours.items() if flag not in own} == options_of_borg[name]
    assert set(ours) - set(options_of_borg[name]) == own


def test_our_own_options_do_not_make_abbreviations_ambiguous() -> None:
    parser = build_parser("borg", "compact", load_command("compact"))
    assert parser.parse(["--th", "30", "repository"]).threshold == 30
    with pytest.raises(SystemExit):
        parser.parse(["--threa", "2", "repository"])
