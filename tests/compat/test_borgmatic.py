"""borgmatic, unmodified, from PyPI: a life of backups as cron starts them, with our `borg` first in PATH, then with Borg 1.4.5.

What borgmatic makes of both has to be the same: exit codes, its messages, and the shape of what it lists.
A long form: VINCULUM_FRONTENDS=1, after `VINCULUM_FRONTENDS=1 scripts/oracles.sh`.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

import pytest

from support.compare import assert_restored
from support.masks import Mask, masked
from support.programs import ORACLES, Completed, Program, install
from support.trees import build_plain

VERSION = "2.1.10"
BORGMATIC = ORACLES / "borgmatic" / "bin"
CONFIGURATION = """
source_directories: [SOURCE]
repositories:
    - {path: REPOSITORY, label: here}
encryption_passphrase: "a secret: with 'quotes'"
archive_name_format: 'machine-{now:%Y-%m-%dT%H:%M:%S.%f}'
compression: auto,zstd,3
chunker_params: buzhash,14,18,16,4095
checkpoint_interval: 600
exclude_patterns: ['*.tmp', 're:/nothing$']
exclude_caches: true
exclude_if_present: [.nobackup]
keep_exclude_tags: true
one_file_system: true
read_special: false
lock_wait: 5
umask: 77
extra_borg_options: {create: --comment "made by borgmatic", prune: --save-space}
keep_within: 1H
keep_daily: 7
keep_weekly: 4
keep_monthly: 6
check_last: 3
checks:
    - {name: repository, frequency: always}
    - {name: archives, frequency: always}
    - {name: data, frequency: always}
    - {name: extract, frequency: always}
    - name: spot
      frequency: always
      count_tolerance_percentage: 0
      data_sample_percentage: 100
      data_tolerance_percentage: 0
      xxh64sum_command: PLACE/xxh64sum
"""
XXH64SUM = """#!{python}
import sys, xxhash
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        print(xxhash.xxh64(file.read()).hexdigest(), "", path)
"""
MASKS: tuple[Mask, ...] = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "<ID>"),
    (re.compile(r"(?:\w{3}, )?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{6})?(?: [+-]\d{4})?"), "<TIME>"),
    (re.compile(r"[\d.]+ [kMG]?B\b"), "<SIZE>"),  # of compressed objects with times in them
    (re.compile(r"Duration: .*"), "<DURATION>"),
    (re.compile(r"/tmp/borgmatic-\w+/"), "/tmp/borgmatic/"),
    (re.compile(r" +"), " "),
)


class Machine:
    """One machine, whose `borg` is the given program; nothing else differs."""

    def __init__(self, place: Path, program: Program) -> None:
        self.place = place
        self.repository = place / "repository"
        install(program, place / "bin" / "borg")
        (place / "home").mkdir()
        (place / "out" / "restored").mkdir(parents=True)
        (place / "xxh64sum").write_text(XXH64SUM.format(python=BORGMATIC / "python"))
        (place / "xxh64sum").chmod(0o755)
        build_plain(place / "source", files=60, per_directory=20)
        (place / "source" / "left out.tmp").write_text("left out")
        # Not to a directory: borgmatic's spot check fails with those, with any borg.
        (place / "source" / "link").symlink_to("directory-0000/file-000000")
        configuration = CONFIGURATION.replace("SOURCE", str(place / "source")).replace("REPOSITORY", str(self.repository))
        (place / "config.yaml").write_text(configuration.replace("PLACE", str(place)))

    def borgmatic(self, *arguments: str) -> Completed:
        """Runs it as cron does: with these four variables, nothing on stdin, and no terminal."""
        environment = {
            "HOME": str(self.place / "home"),
            "LOGNAME": "root",
            "PATH": f"{self.place}/bin:/usr/bin:/bin",
            "SHELL": "/bin/sh",
        }
        command = [str(BORGMATIC / "borgmatic"), "--config", str(self.place / "config.yaml"), *arguments]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            cwd=self.place / "out",
            start_new_session=True,
            timeout=300,
            check=False,
        )
        return Completed(command, done.returncode, done.stdout, done.stderr)

    def told(self, done: Completed) -> tuple[int, list[str]]:
        """Exit code and lines; sorted, because borgmatic reads from two pipes at a time."""
        text = (done.out + done.err).replace(str(self.place)[1:], "<PLACE>")  # archives hold paths without the slash
        return done.code, sorted(masked(text, MASKS).splitlines())


@pytest.fixture
def machines(vinculum: Program, borg145: Program, workplace: Path) -> Iterator[list[Machine]]:
    assert (BORGMATIC / "borgmatic").exists(), "borgmatic is missing: run `VINCULUM_FRONTENDS=1 scripts/oracles.sh`"
    return [Machine(workplace / name, program) for name, program in (("ours", vinculum), ("real", borg145))]


def both(machines: list[Machine], *arguments: str, code: int = 0) -> list[Completed]:
    """Fails unless borgmatic says the same on both."""
    done = [machine.borgmatic(*arguments) for machine in machines]
    assert done[1].code == code, str(done[1])
    ours, theirs = (machine.told(each) for machine, each in zip(machines, done, strict=True))
    assert ours == theirs, "\n".join(unified_diff(theirs[1], ours[1], "Borg", "vinculum", n=0, lineterm=""))
    return done


def shape(value: object) -> object:
    """Which keys there are, and of what kind the values: these depend on the clock."""
    if isinstance(value, dict):
        return {key: shape(value[key]) for key in value}
    if isinstance(value, list):
        return [shape(part) for part in value]
    return type(value).__name__


def test_a_life_with_borgmatic(machines: list[Machine]) -> None:
    shown = subprocess.run([BORGMATIC / "borgmatic", "--version"], capture_output=True, check=True).stdout.decode()
    assert shown == f"{VERSION}\n"
    for machine in machines:
        assert machine.borgmatic("repo-create", "--encryption", "repokey-blake2").code == 0
    assert "Successfully ran" in both(machines, "--verbosity", "1")[0].out  # create, prune, compact, check
    for machine in machines:
        (machine.place / "source" / "directory-0001" / "file-000020").write_text("changed")
        (machine.place / "source" / "new").write_text("new")
        (machine.place / "source" / "left out.tmp").unlink()
    both(machines, "create", "--list", "--stats")
    both(machines, "prune", "--list", "compact")
    assert "directory-0001/file-000020" in both(machines, "list", "--archive", "latest")[0].out
    both(machines, "extract", "--archive", "latest", "--destination", "restored")
    for machine in machines:
        assert_restored(machine.place / "source", machine.place / "out" / "restored" / str(machine.place)[1:] / "source")
    for name in ("repo-list", "repo-info", "info"):
        ours, theirs = (shape(json.loads(machine.borgmatic(name, "--json").out)) for machine in machines)
        assert ours == theirs
