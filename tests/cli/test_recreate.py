"""Recreated archives: nothing changes but what was asked for, no counter is used twice, and no crash costs an archive."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from support.archives import content_ids, dump, extract, list_archives
from support.compare import assert_restored
from support.programs import Program
from support.repositories import locks, stored_bytes
from support.sealed_counters import assert_no_counter_is_shared, counters
from support.trees import build_every_kind, build_plain, random_content, text_content, write_files
from vinculum.cli.execution import execute

FINE = "10,16,12,255"


@pytest.fixture
def repository(vinculum: Program, workplace: Path) -> Path:
    """An empty one, encrypted."""
    vinculum.run("init", "--encryption", "repokey-blake2", workplace / "repository")
    return workplace / "repository"


def described(borg: Program, repository: Path, archive: str, *, with_content: bool) -> list[dict[str, object]]:
    """All fields of all items; of the content only its size, unless chunks are to be compared too."""
    items: list[dict[str, object]] = dump(borg, repository, archive)["_items"]
    for item in items:
        chunks = item.pop("chunks", None)
        if isinstance(chunks, list):
            item["content"] = [(id, size) for id, size, _ in chunks] if with_content else sum(size for _, size, _ in chunks)
    return items


@pytest.mark.parametrize(
    "options",
    [
        ["--recompress", "--compression", "zlib,9"],
        ["--recompress=always", "--compression", "obfuscate,110,auto,zstd"],
        ["--chunker-params", FINE],
        ["--chunker-params", "fixed,4096", "--recompress", "--compression", "none"],
    ],
    ids=" ".join,
)
def test_content_and_metadata_stay(
    options: list[str], vinculum: Program, borg145: Program, repository: Path, workplace: Path
) -> None:
    build_every_kind(workplace / "tree", big_bytes=1 << 20)
    vinculum.run("create", "--compression", "zstd", f"{repository}::archive", "tree")
    before = described(borg145, repository, "archive", with_content="--chunker-params" not in options)
    vinculum.run("recreate", *options, repository)
    assert described(borg145, repository, "archive", with_content="--chunker-params" not in options) == before
    assert_restored(workplace / "tree", extract(vinculum, repository, "archive", workplace / "restored") / "tree")
    borg145.run("check", "--verify-data", repository)


# -- counters ----------------------------------------------------------------------------------------------------------


def test_no_counter_is_used_twice(vinculum: Program, repository: Path, workplace: Path) -> None:
    tree = workplace / "tree"
    build_plain(tree, files=60)
    (tree / "text").write_bytes(text_content(0, 3_000_000))
    create = ("create", "--chunker-params", FINE)
    vinculum.run(*create, f"{repository}::first", "tree")
    (tree / "more").write_bytes(random_content(1, 200_000))
    vinculum.run(*create, f"{repository}::second", "tree")
    objects = assert_no_counter_is_shared(repository)
    for options in (
        ["--recompress", "-C", "zstd"],
        ["--recompress=always", "-C", "none"],  # longer than what it replaces
        ["--recompress=always", "-C", "obfuscate,250,lz4"],
        ["--chunker-params", "fixed,8192", "--recompress=always"],
        ["--comment", "nothing is sealed but items and archives"],
    ):
        vinculum.run("recreate", *options, repository)
        sealed = assert_no_counter_is_shared(repository) - objects
        assert sealed >= (200 if "--comment" not in options else 2)
        objects += sealed


def test_a_chunk_that_archives_share_is_recompressed_once(vinculum: Program, repository: Path, workplace: Path) -> None:
    (workplace / "text").write_bytes(text_content(0, 400_000))
    for name in ("first", "second", "third"):
        vinculum.run("create", f"{repository}::{name}", "text")
    before = sum(1 for _ in counters(repository))
    vinculum.run("recreate", "--recompress=always", "-C", "zstd", repository)
    # The chunk and the one of the item stream, which they share as well; then of each archive its object and a manifest.
    assert sum(1 for _ in counters(repository)) - before == 2 + 3 * 2


# -- what stays --------------------------------------------------------------------------------------------------------


def test_links_whose_first_link_is_left_out(vinculum: Program, borg145: Program, repository: Path, workplace: Path) -> None:
    """Also of devices and fifos, on which Borg itself fails."""
    first, second = workplace / "tree/first", workplace / "tree/second"
    first.mkdir(parents=True)
    second.mkdir()
    (first / "file").write_bytes(b"content" * 1000)
    os.mkfifo(first / "fifo")
    os.mknod(first / "null", 0o20666, os.makedev(1, 3))
    for kind in ("file", "fifo", "null"):
        for number in (1, 2):
            (second / f"{kind}-{number}").hardlink_to(first / kind)
    for run, options in enumerate(([], ["--recompress", "-C", "zstd"], ["--chunker-params", "fixed,512"])):
        vinculum.run("create", f"{repository}::archive", "tree/first", "tree/second")
        vinculum.run("recreate", "-e", "tree/first", *options, f"{repository}::archive")
        borg145.run("check", "--verify-data", repository)
        for reader in (vinculum, borg145):
            restored = extract(reader, repository, "archive", workplace / f"{reader.name}-{run}") / "tree/second"
            for kind in ("file", "fifo", "null"):
                one, other = ((restored / f"{kind}-{number}").lstat() for number in (1, 2))
                assert one.st_mode == other.st_mode == (first / kind).lstat().st_mode
                assert one.st_ino == other.st_ino
            assert (restored / "file-2").read_bytes() == b"content" * 1000
        vinculum.run("delete", f"{repository}::archive")


def test_a_directory_tagged_in_one_archive_stays_in_the_others(vinculum: Program, repository: Path, workplace: Path) -> None:
    write_files(workplace, {"tree/a/file": b"a", "tree/a/.nobackup": b""})
    vinculum.run("create", f"{repository}::tagged", "tree")
    (workplace / "tree/a/.nobackup").unlink()
    vinculum.run("create", f"{repository}::later", "tree")
    vinculum.run("recreate", "--exclude-if-present", ".nobackup", repository)
    assert vinculum.run("list", "--short", f"{repository}::tagged").out.split() == ["tree"]
    assert "tree/a/file" in vinculum.run("list", "--short", f"{repository}::later").out.split()


# -- crashes and interruptions -----------------------------------------------------------------------------------------


@pytest.fixture
def full(vinculum: Program, repository: Path, workplace: Path) -> Path:
    """A repository with two archives of some MiB that compress well."""
    tree = workplace / "tree"
    build_plain(tree, files=50)
    (tree / "big").write_bytes(text_content("big", 24 << 20))
    vinculum.run("create", "-C", "none", "--timestamp", "2024-01-01T00:00:00", f"{repository}::first", "tree")
    (tree / "other").write_bytes(text_content("other", 6 << 20))
    vinculum.run("create", "-C", "none", f"{repository}::second", "tree")
    return repository


def test_killed_at_any_moment(vinculum: Program, borg145: Program, full: Path, workplace: Path) -> None:
    """Whatever was cut short: both archives are there, and the next run goes on from whatever is stored."""
    options = ["--chunker-params", "12,16,14,1023", "--recompress=always", "-C", "zstd,5"]
    original = {name: content_sizes(borg145, full, name) for name in ("first", "second")}
    started = time.monotonic()
    vinculum.run("recreate", "-n", *options, full)  # all but the work
    overhead_s = time.monotonic() - started
    killed = 0
    for number in range(6):
        process = vinculum.start("recreate", *options, full)
        time.sleep(overhead_s * (0.5 + number / 4))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
        successor = (vinculum, borg145)[number % 2]
        assert list_archives(successor, full) == ["first", "second"]
        assert locks(full) == []
    assert killed >= 3
    borg145.run("check", "--verify-data", full)
    vinculum.run("recreate", *options, full)
    assert {name: content_sizes(borg145, full, name) for name in original} == original
    assert_no_counter_is_shared(full)
    borg145.run("check", "--verify-data", full)
    assert_restored(workplace / "tree", extract(borg145, full, "second", workplace / "restored") / "tree")


def content_sizes(borg: Program, repository: Path, archive: str) -> dict[str, int]:
    return {path: sum(size for _, size in ids) for path, ids in content_ids(dump(borg, repository, archive)).items()}


def test_interrupted_work_is_saved(vinculum: Program, borg145: Program, full: Path, workplace: Path) -> None:
    """Ctrl-C in the middle of a large file: a checkpoint with a part of it, and an error."""
    options = ["--chunker-params", "fixed,65536", "--recompress=always", "-C", "zstd,9"]
    process = vinculum.start("recreate", *options, f"{full}::first")
    size = stored_bytes(full)
    while stored_bytes(full) == size:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert (process.returncode, b"Ctrl-C" in complaint) == (2, True)
    shown = json.loads(vinculum.run("list", "--json", "--consider-checkpoints", full).out)
    assert {archive["name"] for archive in shown["archives"]} == {"first", "second", "first.recreate.checkpoint"}
    parts = vinculum.run("list", "--short", "--consider-part-files", f"{full}::first.recreate.checkpoint").out
    assert "tree/big.borg_part_1" in parts
    borg145.run("check", "--verify-data", full)
    vinculum.run("recreate", *options, f"{full}::first")
    vinculum.run("delete", f"{full}::first.recreate.checkpoint")
    borg145.run("check", "--verify-data", full)
    restored = extract(vinculum, full, "first", workplace / "restored")
    (workplace / "tree" / "other").unlink()
    assert_restored(workplace / "tree", restored / "tree", ignoring=("mtime_ns",))


class Hurrying:
    """A clock on which an hour passes between any two looks at it."""

    def __init__(self) -> None:
        self._hours = 0

    def monotonic(self) -> float:
        self._hours += 1
        return 3600.0 * self._hours


@pytest.mark.usefixtures("client_env")
def test_checkpoints_do_not_change_the_result(
    vinculum: Program, borg145: Program, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a checkpoint wherever one is possible the archive is as without, but for the parts of the large file."""
    options = ["--chunker-params", "fixed,65536", "--recompress", "-C", "zstd"]
    vinculum.run("recreate", *options, "--target", "plain", f"{full}::first")
    monkeypatch.setattr("vinculum.operations.create.writer.time", Hurrying())
    assert execute("borg", ["recreate", *options, "--target", "parts", f"{full}::first"]) == 0
    monkeypatch.undo()
    plain, parts = (dump(borg145, full, name) for name in ("plain", "parts"))
    found = content_ids(parts)
    first, second = (found.pop(f"tree/big.borg_part_{number}") for number in (1, 2))
    assert first + second == found["tree/big"]
    assert found == content_ids(plain)
    assert [parts["_meta"][field] for field in ("nfiles_parts", "size_parts")] == [2, 24 << 20]
    assert list_archives(vinculum, full) == ["first", "parts", "plain", "second"]
    borg145.run("check", "--verify-data", full)
