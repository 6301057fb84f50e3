"""How much Python runs: nothing per chunk, a handful of statements per file.

Counted are executed lines of vinculum and its calls into native code. Two runs that differ in one number only tell what each
more of it costs; what a command costs anyway cancels out.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from support.programs import PROJECT, Program, client_environment
from support.trees import build_plain, random_content

SPY = """
import os, sys, threading
here = os.path.join({source!r}, "vinculum")
lines = calls = 0

def trace(frame, event, argument):
    if not frame.f_code.co_filename.startswith(here):
        return None
    def local(frame, event, argument):
        global lines
        lines += event == "line"
        return local
    return local

def profile(frame, event, argument):
    global calls
    if event == "c_call" and frame.f_code.co_filename.startswith(here):
        calls += (getattr(argument, "__module__", None) or type(argument.__self__).__module__).startswith("vinculum")

from vinculum.cli.main import main
sys.argv[0] = "borg"
threading.setprofile(profile)
threading.settrace(trace)
sys.setprofile(profile)
sys.settrace(trace)
code = main(sys.argv[1:])
sys.settrace(None)
sys.setprofile(None)
print(lines, calls, file=sys.stderr)
sys.exit(code)
"""


class Work(NamedTuple):
    """What one command did."""

    lines: int
    native_calls: int


@pytest.fixture
def repository(vinculum: Program, workplace: Path) -> Path:
    """An empty one."""
    vinculum.run("init", "--encryption", "repokey", workplace / "repository")
    return workplace / "repository"


def count(home: Path, cwd: Path, *arguments: str) -> Work:
    """Runs one command under the eyes of the spy."""
    environment = {**client_environment(home), "PYTHONPATH": str(PROJECT / "src")}
    command = [sys.executable, "-c", SPY.format(source=str(PROJECT / "src")), *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines, calls = done.stderr.splitlines()[-1].split()
    assert int(lines) > 100, "the spy saw nothing"
    assert int(calls) > 10, "the spy saw no native calls"
    return Work(int(lines), int(calls))


def assert_nothing_is_done_per_chunk(few: Work, many: Work, more_chunks: int) -> None:
    assert (many.lines - few.lines) / more_chunks < 0.05
    assert (many.native_calls - few.native_calls) / more_chunks < 0.05


def test_create_does_nothing_per_chunk(repository: Path, client_home: Path, workplace: Path) -> None:
    """Eight thousand chunks more in the same number of bytes and files."""
    (workplace / "big").write_bytes(random_content("crossings", 40 << 20))
    few = count(client_home, workplace, "create", "--chunker-params", "fixed,1048576", f"{repository}::few", "big")
    many = count(client_home, workplace, "create", "--chunker-params", "fixed,5000", f"{repository}::many", "big")
    assert_nothing_is_done_per_chunk(few, many, (40 << 20) // 5000 - 40)


def test_extract_does_nothing_per_chunk(repository: Path, client_home: Path, workplace: Path, vinculum: Program) -> None:
    (workplace / "big").write_bytes(random_content("crossings", 40 << 20))
    for name, chunker in (("few", "fixed,1048576"), ("many", "fixed,5000")):
        vinculum.run("create", "--chunker-params", chunker, f"{repository}::{name}", "big")
        (workplace / name).mkdir()
    few = count(client_home, workplace / "few", "extract", f"{repository}::few")
    many = count(client_home, workplace / "many", "extract", f"{repository}::many")
    assert_nothing_is_done_per_chunk(few, many, (40 << 20) // 5000 - 40)


def test_delete_does_nothing_per_chunk(repository: Path, client_home: Path, workplace: Path, vinculum: Program) -> None:
    (workplace / "big").write_bytes(random_content("crossings", 20 << 20))
    for name, chunker in (("few", "fixed,1048576"), ("many", "fixed,2500")):
        vinculum.run("create", "--chunker-params", chunker, f"{repository}::{name}", "big")
    few = count(client_home, workplace, "delete", f"{repository}::few")
    many = count(client_home, workplace, "delete", f"{repository}::many")
    assert_nothing_is_done_per_chunk(few, many, (20 << 20) // 2500 - 20)


def test_compact_does_nothing_per_chunk(client_home: Path, workplace: Path, vinculum: Program) -> None:
    """Of the chunks in one segment every other one has to be copied, with its DELETEs beside it."""
    content = random_content("crossings", 20 << 20)
    works = []
    for size in (1 << 20, 2500):
        repository = workplace / str(size)
        vinculum.run("init", "--encryption", "none", repository)
        (workplace / "all").write_bytes(content)
        (workplace / "half").write_bytes(b"".join(content[at : at + size] for at in range(0, len(content) - size, 2 * size)))
        for name in ("all", "half"):
            vinculum.run("create", "--chunker-params", f"fixed,{size}", f"{repository}::{name}", name)
        vinculum.run("delete", f"{repository}::all")
        stored = sum(file.stat().st_size for file in repository.glob("data/*/*"))
        works.append(count(client_home, workplace, "compact", str(repository)))
        assert sum(file.stat().st_size for file in repository.glob("data/*/*")) < stored * 0.6
    few, many = works
    assert_nothing_is_done_per_chunk(few, many, (20 << 20) // 2500 - 20)


def test_tars_do_nothing_per_chunk(repository: Path, client_home: Path, workplace: Path, vinculum: Program) -> None:
    (workplace / "big").write_bytes(random_content("crossings", 40 << 20))
    for name, chunker in (("few", "fixed,1048576"), ("many", "fixed,5000")):
        vinculum.run("create", "--chunker-params", chunker, f"{repository}::{name}", "big")
    more_chunks = (40 << 20) // 5000 - 40
    few = count(client_home, workplace, "export-tar", f"{repository}::few", "few.tar")
    many = count(client_home, workplace, "export-tar", f"{repository}::many", "many.tar")
    assert_nothing_is_done_per_chunk(few, many, more_chunks)
    few = count(client_home, workplace, "import-tar", "--chunker-params", "fixed,1048576", f"{repository}::3", "few.tar")
    many = count(client_home, workplace, "import-tar", "--chunker-params", "fixed,5000", f"{repository}::4", "few.tar")
    assert_nothing_is_done_per_chunk(few, many, more_chunks)


def test_recreate_does_nothing_per_chunk(repository: Path, client_home: Path, workplace: Path, vinculum: Program) -> None:
    (workplace / "big").write_bytes(random_content("crossings", 20 << 20))
    for name, chunker in (("few", "fixed,1048576"), ("many", "fixed,2500")):
        vinculum.run("create", "--chunker-params", chunker, f"{repository}::{name}", "big")
    more_chunks = (20 << 20) // 2500 - 20
    for options in (["--comment", "x"], ["--recompress=always"], ["--chunker-params", "fixed,100000"]):
        few = count(client_home, workplace, "recreate", *options, f"{repository}::few")
        many = count(client_home, workplace, "recreate", *options, f"{repository}::many")
        assert_nothing_is_done_per_chunk(few, many, more_chunks)


def test_create_does_a_handful_per_file(repository: Path, client_home: Path, workplace: Path) -> None:
    """Both for files that are read and for files that the files cache knows."""
    build_plain(workplace / "few", files=500, size_bytes=200, per_directory=500)
    build_plain(workplace / "many", files=8500, size_bytes=200, per_directory=500)
    directories = 16
    for archive in ("new", "unchanged"):
        few = count(client_home, workplace, "create", f"{repository}::few-{archive}", "few")
        many = count(client_home, workplace, "create", f"{repository}::many-{archive}", "many")
        per_directory = 150 * directories
        assert (many.lines - few.lines - per_directory) / 8000 < 8, archive
        assert (many.native_calls - few.native_calls - per_directory) / 8000 < 0.5, archive
