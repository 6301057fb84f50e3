#!/usr/bin/env python3
"""Records what real Borg 1.4.5 answers to the command lines in tests/compat/lines, for tests/compat/test_command_lines.py.

scripts/record_answers.py             all stories
scripts/record_answers.py NAME...     these
scripts/record_answers.py --place     first makes the place anew in which they are played, then all
"""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "src")]

from support import stage, stories  # noqa: E402
from support.fork_servers import BORG_MODULES, ForkServer  # noqa: E402
from support.programs import client_environment, oracle_path  # noqa: E402
from support.trees import write_files  # noqa: E402

SECOND_NS = 10**9
TREE_TIME_S = 1_600_000_000
FILES: dict[str, bytes | None] = {
    "tree/a/one": b"1",
    "tree/a/two": b"22" * 100,
    "tree/a/b/three": b"three\n" * 1000,
    "tree/a/cache/CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55\nmore",
    "tree/a/cache/x": b"x",
    "tree/c/file.o": b"o",
    "tree/c/file.c": b"int main;\n",
    "tree/c/.nobackup": b"",
    "tree/c/empty": None,
    "tree/names/ü": b"u",
    "tree/names/not utf-8 \udcff": b"n",
    "tree/names/two words": b"w",
    "excluded": b"# what nobody wants\n*.o\nre:two$\n",
    "patterns": b"R tree\nP sh\n- **/b\n+ **\n",
}
# name of the archive, its date, what is in it
HISTORY = [
    ("old", "2020-01-01T10:00:00", ["tree/a"]),
    ("host-1", "2020-02-01T10:00:00", ["tree"]),
    ("host-2", "2020-02-02T10:00:00", ["tree"]),
    ("host-3.checkpoint", "2020-02-03T10:00:00", ["tree/c"]),
    ("host-3", "2020-02-03T11:00:00", ["tree"]),
]


def build_tree(place: Path) -> None:
    write_files(place, FILES)
    os.symlink("one", place / "tree/a/to one")
    os.link(place / "tree/a/one", place / "tree/a/one again")
    os.mkfifo(place / "tree/c/fifo")
    set_times(place)


def set_times(place: Path) -> None:
    for path in sorted((place / "tree").rglob("*"), reverse=True):
        os.utime(path, ns=(TREE_TIME_S * SECOND_NS, TREE_TIME_S * SECOND_NS), follow_symlinks=False)


def change_tree(place: Path) -> None:
    (place / "tree/a/b/three").write_bytes(b"three\n" * 1000 + b"four\n")
    (place / "tree/c/new").write_bytes(b"new")
    (place / "tree/a/one").chmod(0o600)
    set_times(place)


def build_place(there: stage.Stage, borg: ForkServer) -> None:
    """A tree, and repositories with a past."""
    place = there.place
    (place / "home").mkdir(parents=True)
    build_tree(place)

    def run(*arguments: str) -> None:
        done = borg.run(list(arguments), stdin=b"", cwd=place, environment=there.environment())
        assert done.code == 0, done

    for repository, mode in (("none", "none"), ("key", "repokey-blake2"), ("keyfile", "keyfile")):
        run("init", "-e", mode, repository)
    for name, date, paths in HISTORY:
        if name == "host-2":
            change_tree(place)
        run("create", "-C", "none", "--noctime", "--timestamp", date, "--comment", f"of {name}", f"none::{name}", *paths)
    run("create", "--noctime", "--timestamp", "2020-03-01T00:00:00", "key::one", "tree/a")
    run("create", "--noctime", "--timestamp", "2020-03-01T00:00:00", "keyfile::one", "tree/c")
    shutil.rmtree(place / "tree")
    build_tree(place)


def pack_place(there: stage.Stage, borg: ForkServer) -> None:
    build_place(there, borg)
    stage.relocate(there.place, str(there.place), stage.RECORDED_AT)
    stage.ANSWERS.mkdir(parents=True, exist_ok=True)
    with tarfile.open(stage.PLACE, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.add(there.place, arcname=".")


def record_stories(wanted: list[str], there: stage.Stage, borg: ForkServer, reader: ForkServer) -> None:
    record = stage.recorded() if stage.RECORD.exists() else {}
    for name in wanted:
        answers = there.play(borg, stories.read(name))
        record[name] = {"answers": answers, "contents": stage.digested(there.contents(reader, name))}
        print(f"{name}: {len(answers)} command lines", flush=True)
    stage.write_record({name: record[name] for name in stories.names() if name in record})


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch)
        borg = ForkServer("borg", oracle_path("1.4.5", "python3"), BORG_MODULES, client_environment(top), top)
        reader = stage.contents_reader(top)
        try:
            if "--place" in arguments:
                with on_stage() as there:
                    pack_place(there, borg)
                arguments = []
            with on_stage() as there:
                record_stories(arguments or stories.names(), there, borg, reader)
        finally:
            borg.close()
            reader.close()
    return 0


@contextmanager
def on_stage() -> Iterator[stage.Stage]:
    there = stage.Stage()
    try:
        yield there
    finally:
        there.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
