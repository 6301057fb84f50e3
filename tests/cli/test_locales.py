"""Nothing that the program prints or stores hangs on the locale: scripts run in cron's, in a container's, in anybody's."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from support.programs import Program
from support.trees import set_mtime

LOCALES = {"ko_KR.UTF-8": ("ko_KR", "UTF-8"), "tr_TR.ISO-8859-9": ("tr_TR", "ISO-8859-9")}
NAMES = ["plain", "Grüße", "파일", "İstanbul", os.fsdecode(b"not utf-8 \xff\xe9"), "b\nreak"]


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made for these tests: hardly a machine has them all."""
    place = tmp_path_factory.mktemp("locales")
    for name, (language, charset) in LOCALES.items():
        command = ["localedef", "--no-archive", "-i", language, "-f", charset, place / name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (place / name / "LC_CTYPE").exists(), f"{done.stderr}: the package `locales` is missing"
    return place


@pytest.fixture
def speaking(vinculum: Program, locales: Path) -> dict[str, Program]:
    """The program in each locale, and in none."""
    bare = vinculum.with_environment(LANG=None, LOCPATH=str(locales))
    return {"": bare, **{name: bare.with_environment(LC_ALL=name) for name in ["C", "C.UTF-8", *LOCALES]}}


@pytest.fixture(autouse=True)
def tree(workplace: Path) -> None:
    for name in NAMES:
        path = workplace / "tree" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 12_345)
        set_mtime(os.fsencode(path), 1_600_000_000_000_000_000)
    set_mtime(os.fsencode(workplace / "tree"), 1_600_000_000_000_000_000)


def test_output_is_the_same_in_all_of_them(vinculum: Program, speaking: dict[str, Program]) -> None:
    vinculum.run("init", "-e", "none", "repo")
    vinculum.run("create", "--timestamp", "2026-03-05T12:00:00", "--comment", "Grüße", "repo::first", "tree")
    commands = [
        ["list", "repo::first"],
        ["list", "repo"],
        ["create", "--dry-run", "--list", "repo::x", "tree", "nöt there"],
    ]
    for command in commands:
        told = {}
        for name, program in speaking.items():
            if "ISO" not in name:
                done = program.run(*command, code=None)
                told[name] = (done.code, done.stdout, done.stderr)
        assert len(set(told.values())) == 1, told
    statistics = [program.run("info", "repo::first").out for name, program in speaking.items() if "ISO" not in name]
    assert len({re.sub("Duration.*|Command.*", "", text) for text in statistics}) == 1


@pytest.mark.parametrize("name", ["", "C", "tr_TR.ISO-8859-9"])
def test_names_are_bytes_in_all_of_them(name: str, vinculum: Program, speaking: dict[str, Program], workplace: Path) -> None:
    program = speaking[name]
    program.run("init", "-e", "none", "repo")
    for archive, paths in (("all", ["tree"]), ("named", [os.path.join("tree", path) for path in NAMES])):
        program.run("create", f"repo::{archive}", *paths)
        for reader in (program, vinculum):
            out = workplace / f"{archive}-{reader is program}"
            out.mkdir()
            reader.inside(out).run("extract", f"{workplace}/repo::{archive}")
            assert sorted(os.listdir(os.fsencode(out / "tree"))) == sorted(map(os.fsencode, NAMES))
