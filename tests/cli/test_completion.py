"""Completion in bash, by a real one; what zsh and fish get is looked at only."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.programs import Program

ASK = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_vinculum_borg
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def script(vinculum: Program, workplace: Path) -> Path:
    path = workplace / "completion"
    path.write_text(vinculum.run("--completion", "bash").out)
    (workplace / "some file").touch()
    return path


def complete(script: Path, *words: str) -> list[str]:
    """What bash offers for the last of these words."""
    done = subprocess.run(
        ["bash", "--norc", "-c", ASK, "ask", script, *words], check=True, capture_output=True, text=True, cwd=script.parent
    )
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["borg", "cre"], ["create"]),
        (["borg", "re"], ["recreate", "rename"]),
        (["borg", "--log-json", "ex"], ["export-tar", "extract"]),
        (["borg", "--show-"], ["--show-version", "--show-rc"]),
        (["borg", "key", "ex"], ["export", "export-related-secrets"]),
        (["borg", "debug", "-v", "id"], ["id-hash"]),
        (["borg", "create", "--exclude-"], ["--exclude-from", "--exclude-caches", "--exclude-if-present", "--exclude-nodump"]),
        (["borg", "create", "--files-changed", ""], ["ctime", "mtime", "disabled"]),
        (["borg", "create", "--files-changed", "=", "m"], ["mtime"]),
        (["borg", "key", "export", "--pa"], ["--paper"]),
        (["borg", "list", "some"], ["some file"]),
        (["borg", "create", "list", "--sor"], []),
        (["borg", "--completion", ""], ["bash", "fish", "zsh"]),
    ],
)
def test_bash_offers_what_the_parsers_take(words: list[str], offered: list[str], script: Path) -> None:
    assert [word for word in complete(script, *words) if word and word != "--exclude-dataless"] == offered


def test_all_of_it_is_right_bash(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)


def test_zsh_and_fish_get_scripts_of_their_own(vinculum: Program, script: Path) -> None:
    assert script.read_text() in vinculum.run("--completion", "zsh").out
    fish = vinculum.run("--completion", "fish").out
    assert "complete -c borg -n __fish_use_subcommand -a create -d 'back up files into a new archive'\n" in fish
    assert "complete -c borg -n '__fish_seen_subcommand_from key; and __fish_seen_subcommand_from export' -l paper -d" in fish
    assert "complete -c borg -n '__fish_seen_subcommand_from create' -l files-changed -x -a 'ctime mtime disabled' -d" in fish


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_under_its_own_name_it_leaves_borg_alone(shell: str, vinculum: Program) -> None:
    """A real one may be installed beside it."""
    start = "import sys; sys.argv[0] = 'vinculum'; from vinculum.cli.main import main; sys.exit(main())"
    own_name = Program("vinculum", [sys.executable, "-c", start], vinculum.environment, vinculum.cwd)
    lines = own_name.run("--completion", shell).out.splitlines()
    named = [line for line in lines if re.match("complete |#compdef", line)]
    assert named
    assert not any(re.search(r"\bborg\b", line.split(" -d ")[0]) for line in named)


def test_another_shell_is_refused(vinculum: Program) -> None:
    assert "invalid choice: 'tcsh'" in vinculum.run("--completion", "tcsh", code=2).err
