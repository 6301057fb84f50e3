"""How each program is told to read what it has stored: to restore, to list, to compare, to check; and to forget a backup.

A step is one command or several; `{first}` and `{second}` are the two backups of a tree as the program names them, `{tree}` is
the tree's name in them, `{file}` one of its files, `{target}` an empty directory.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from contenders import BASELINE, CONTENDERS
from paired import environment, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from contenders import Contender
    from paired import Measured

STEPS = {
    "restore": "restore",
    "one": "one file",
    "list": "list",
    "json": "list, JSON",
    "diff": "diff",
    "tar": "as a tar",
    "check": "check",
    "verify": "check all data",
    "delete": "delete one, compact",
}
# A step that changes the repository works on a copy.
CHANGING = ("delete",)


class Reader(NamedTuple):
    """Commands by step; `backups` asks for all backups as JSON where they have no names, `naming` makes names of them."""

    commands: dict[str, tuple[tuple[str, ...], ...]]
    naming: str = "{name}"
    backups: tuple[str, ...] = ()


_BORG1 = Reader(
    {
        "restore": (("extract", "{second}"),),
        "one": (("extract", "{second}", "{tree}/{file}"),),
        "list": (("list", "{second}"),),
        "json": (("list", "--json-lines", "{second}"),),
        "diff": (("diff", "{first}", "second"),),
        "tar": (("export-tar", "{second}", "-"),),
        "check": (("check", "{repository}"),),
        "verify": (("check", "--verify-data", "{repository}"),),
        "delete": (("delete", "{first}"), ("compact", "{repository}")),
    },
    naming="{repository}::{name}",
)

READERS = {
    "vinculum": _BORG1,
    "borg": _BORG1,
    "borg2": Reader(
        {
            "restore": (("extract", "{second}"),),
            "one": (("extract", "{second}", "{tree}/{file}"),),
            "list": (("list", "{second}"),),
            "json": (("list", "--json-lines", "{second}"),),
            "diff": (("diff", "{first}", "{second}"),),
            "tar": (("export-tar", "{second}", "-"),),
            "check": (("check",),),
            "verify": (("check", "--verify-data"),),
            "delete": (("delete", "{first}"), ("compact",)),
        },
    ),
    "restic": Reader(
        {
            "restore": (("restore", "{second}", "--target", "{target}"),),
            "one": (("restore", "{second}", "--target", "{target}", "--include", "/{tree}/{file}"),),
            "list": (("ls", "--long", "{second}"),),
            "json": (("ls", "--json", "{second}"),),
            "diff": (("diff", "{first}", "{second}"),),
            "tar": (("dump", "{second}", "/"),),
            "check": (("check",),),
            "verify": (("check", "--read-data"),),
            "delete": (("forget", "--prune", "{first}"),),
        },
        backups=("snapshots", "--json"),
    ),
    "rustic": Reader(
        {
            "restore": (("restore", "{second}", "{target}"),),
            "one": (("restore", "{second}:{tree}/{file}", "{target}/file"),),
            "list": (("ls", "--long", "{second}"),),
            "json": (("ls", "--json", "{second}"),),
            "diff": (("diff", "{first}", "{second}"),),
            "tar": (("dump", "--archive", "tar", "{second}"),),
            "check": (("check",),),
            "verify": (("check", "--read-data"),),
            "delete": (("forget", "--prune", "--instant-delete", "{first}"),),
        },
        backups=("snapshots", "--json"),
    ),
}


def contenders() -> Iterator[Contender]:
    """Those of the backup benchmark that are compared here: in one mode, with a name for each backup."""
    for one in CONTENDERS:
        if one.program in READERS and BASELINE in (one.label, one.baseline):
            yield one._replace(backup=tuple(word.replace("series", "{name}") for word in one.backup))


class Stored:
    """A contender's repository in the directory `here`, with two backups of `tree` in it."""

    def __init__(self, contender: Contender, executable: Path, here: Path, tree: Path) -> None:
        self._contender = contender
        self._executable = executable
        self.here = here
        self._tree = tree
        self.reader = READERS[contender.program]

    def names(self) -> dict[str, str]:
        """What stands for `{first}` and `{second}`."""
        if not self.reader.backups:
            repository = str(self.here / "repository")
            return {name: self.reader.naming.format(repository=repository, name=name) for name in ("first", "second")}
        asked = subprocess.run(
            [self._executable, *self.reader.backups],
            env=environment(self.here, self._settings(self.here)),
            cwd=self.here,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        backups = sorted(backups_in(json.loads(asked.stdout)), key=lambda backup: backup["time"])
        return dict(zip(("first", "second"), (backup["id"] for backup in backups), strict=True))

    def do(self, step: str, file: str, target: Path, copy: Path | None = None) -> list[Measured]:
        """Every command of a step, in the repository itself or in a copy of `here`."""
        here = copy or self.here
        # Names have the place of the repository in them.
        names = {key: name.replace(str(self.here), str(here)) for key, name in self.names().items()}
        facts = {**names, "repository": str(here / "repository"), "tree": self._tree.name, "file": file, "target": str(target)}
        commands = [[word.format(**facts) for word in command] for command in self.reader.commands[step]]
        return [run(self._executable, command, target, here, self._settings(here)) for command in commands]

    def _settings(self, here: Path) -> dict[str, str]:
        return {key: value.format(repository=here / "repository") for key, value in self._contender.environment}


def backups_in(said: object) -> Iterator[dict[str, str]]:
    """Whatever looks like a backup, however the program groups them."""
    if isinstance(said, dict):
        if isinstance(said.get("id"), str) and isinstance(said.get("time"), str):
            yield said
        else:
            for value in said.values():
                yield from backups_in(value)
    elif isinstance(said, list):
        for value in said:
            yield from backups_in(value)
