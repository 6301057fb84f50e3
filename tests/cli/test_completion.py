"""Completion in real shells: what bash, zsh and fish offer who have read the scripts that the program makes for them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.programs import Program
from support.shells import Shell

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


SENT = [
    ("borg crea", "create"),
    ("borg key change-p", "key change-passphrase"),
    ("borg create --files-changed disa", "create --files-changed disabled"),
    ("borg --show-v", "--show-version"),
    ("vinculum list some", "list some file"),
]
"""What is typed before the key that completes, and which words the program is called with then."""


# Programs that only show how they are called.
PROGRAMS = 'borg() { printf "called <%s>\\n" "$*"; }; vinculum() { borg "$@"; }'
READS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ". ./_borg"),
    "zsh": (["zsh", "-f", "-i"], ". ./_borg"),
    "zsh, as packages bring it": (["zsh", "-f", "-i"], "fpath=($PWD $fpath); autoload -U compinit; compinit -u -D"),
}
"""How a shell is started, and how it gets to know its script."""


@pytest.mark.parametrize("name", READS)
def test_a_tab_completes(name: str, vinculum: Program, workplace: Path) -> None:
    command, reads = READS[name]
    (workplace / "_borg").write_text(vinculum.run("--completion", command[0]).out)
    (workplace / "some file").touch()
    shell = Shell(command, workplace)
    try:
        shell.type(f'{PROGRAMS}; {reads}; echo rea""dy\n')
        shell.wait_for("ready")
        for typed, called in SENT:
            shell.type(f"{typed}\t\n")
            shell.wait_for(f"called <{called}>")
    finally:
        shell.close()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("borg cre", ["create"]),
        ("borg re", ["recreate", "rename"]),
        ("borg --log-json ex", ["export-tar", "extract"]),
        ("borg --show-", ["--show-rc", "--show-version"]),
        ("borg key ex", ["export", "export-related-secrets"]),
        ("borg key export --pa", ["--paper"]),
        ("borg create --files-changed ", ["ctime", "disabled", "mtime"]),
        ("borg create --files-changed=m", ["--files-changed=mtime"]),
        ("borg --completion ", ["bash", "fish", "zsh"]),
        ("borg list some", ["some file"]),
    ],
)
def test_fish_offers_what_the_parsers_take(typed: str, offered: list[str], vinculum: Program, workplace: Path) -> None:
    (workplace / "completion").write_text(vinculum.run("--completion", "fish").out)
    (workplace / "some file").touch()
    command = ["fish", "--no-config", "-c", "source completion; complete --do-complete $argv[1]", typed]
    environment = {"HOME": str(workplace), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=workplace, env=environment)
    assert done.stderr == ""
    assert sorted(line.split("\t")[0] for line in done.stdout.splitlines()) == offered


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
