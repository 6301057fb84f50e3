"""`recreate` does what Borg 1.4.5 does: output, exit codes, what the archives hold then, what the cache counts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from support.archives import cache_directory
from support.trees import build_every_kind, random_content, write_files
from support.twin_states import check_ours
from support.twins import Twins
from vinculum._native import ChunkBatch, ChunkIndex, Compressor, IdHasher, Opener, Sealer
from vinculum.operations.create.tags import CACHE_TAG_CONTENT

pytestmark = pytest.mark.can_be_far

NAMES = ("cut", "one", "two", "two.checkpoint", "left.recreate")
FINE = "buzhash,10,16,12,255"
SELECTING = [
    "REPO::one",
    "--info REPO",
    "--list --info --stats -e */links* REPO::one",
    "--list --dry-run -e */links* REPO::one",
    "--list --dry-run --stats --info -e */links* REPO",
    "--list --filter xd -e re:[aeiou]$ REPO::one",
    "--list REPO::one tree/names tree/content",
    "--list REPO::one tree/missing",
    "--list --pattern=+re:big$ --pattern=-pp:tree/content --pattern=!tree/names REPO::one",
    "--list --patterns-from patterns REPO::one",
    "--list --exclude-from excludes REPO",
    "--list --exclude-caches REPO",
    "--list --exclude-if-present .nobackup --exclude-if-present other REPO::one",
    "--list --exclude-if-present .nobackup --exclude-caches --keep-exclude-tags REPO::one",
    "--list --exclude-if-present .nobackup -e */.nobackup REPO::one",
    "--list --exclude-caches REPO::one tree",
    "--info --exclude-if-present nowhere REPO::one",
    "--list --log-json --info --stats -e tree/names REPO::two",
]
CHANGING = [
    "--comment new REPO::one",
    "--comment= REPO",
    "--comment {hostname REPO::one",
    "--timestamp 2020-02-02T20:20:20 REPO::one",
    "--timestamp 2020-02-02T20:20:20 --comment both REPO",
    "--timestamp never REPO::one",
    "--target new REPO::one",
    "--target two REPO::one",
    "--target new REPO",
    "--target a/b REPO::one",
    "--target new.recreate --comment x REPO::cut",
    "--comment x REPO::left.recreate",
    "--comment x REPO::left",
    "--comment x REPO::missing",
    "--comment x REPO::two.checkpoint",
    "--consider-part-files --checkpoint-interval 1 --comment x --stats --info --iec REPO::one",
    "--bypass-lock --comment x REPO::one",
]
STORING = [
    "--recompress --stats --info REPO",
    "--recompress -C zstd --stats --info REPO",
    "--recompress=if-different -C lzma,1 --iec --stats --info REPO::cut",
    "--recompress=always -C lzma,0 --stats --info REPO::one",
    "--recompress=always --stats --info REPO",
    "--recompress=never --info -C zstd REPO",
    "--recompress=sometimes REPO::one",
    "--recompress -C auto,zstd,3 --stats --info REPO",
    "--recompress -C none --list --stats --info -e tree/names --target less REPO::one",
    f"--chunker-params {FINE} --stats --info REPO::one",
    f"--chunker-params {FINE} --info --comment= REPO::cut",
    f"--chunker-params {FINE} --info REPO::cut",
    "--chunker-params default --stats --info REPO",
    "--chunker-params fixed,4096,100 --recompress -C lzma,1 --stats --info REPO",
    "--chunker-params fixed,4096 --recompress=always -C none --stats --info --list REPO::cut tree/content",
    "--chunker-params buzhash REPO::one",
]


@pytest.fixture(autouse=True)
def saved(twins: Twins, workplace: Path) -> Path:
    """Both have the same archives, one of them in other chunks. What this returns brings them back."""
    twins.cwd = workplace
    tree = workplace / "tree"
    build_every_kind(tree, big_bytes=300_000)
    tag = CACHE_TAG_CONTENT + b"\n"
    write_files(tree, {"cache/CACHEDIR.TAG": tag, "cache/inside/x": b"x", "wrong/CACHEDIR.TAG": b"nothing", "wrong/x": b"y"})
    write_files(tree, {"tagged/.nobackup": b"", "tagged/inside/y": b"y", "tagged/z": b"z", "other cache/a tag": tag})
    (tree / "other cache/CACHEDIR.TAG").hardlink_to(tree / "other cache/a tag")
    (workplace / "patterns").write_text("R tree/links and nodes\n- *.1\n+ tree/content/text\n! tree/content\n")
    (workplace / "excludes").write_text("tree/names\nre:fifo\n# comment\npf:tree/content/big\n")
    options = ["--chunker-params", FINE, "-C", "zstd,1", "--comment", "said"]
    # Without the repository's path in them the archive objects compress alike in both repositories.
    default = str(twins.repository("theirs"))
    twins.run("theirs", "create", *options, "::cut", "tree/content", "tree/sparse", "tree/cache", BORG_REPO=default)
    for number, name in enumerate(NAMES[1:]):
        write_files(workplace, {"tree/content/new": random_content(name, 30_000)})
        paths = ["tree"] if name == "one" else ["tree/content"]
        twins.run("theirs", "create", "--timestamp", f"2024-01-0{number + 1}T12:00:00", f"::{name}", *paths, BORG_REPO=default)
    twins.clone()
    return twins.save()


def counted(name: str, twins: Twins) -> tuple[list[str], dict[bytes, tuple[int, int, int]]]:
    """The archives with their times, and what the cache counts but for archive objects, which hold the time of writing."""
    listing = twins.ask_borg(name, "list", "--consider-checkpoints", "--format", "{id} {archive} {start} {comment}{NL}", "REPO")
    archives = [line.split(" ", 1) for line in listing.out.splitlines()]
    cache = cache_directory(twins.home(name))
    assert not any((cache / "chunks.archive.d").iterdir()), "somebody synchronised"
    index = ChunkIndex.load((cache / "chunks").read_bytes())
    of_archives = {bytes.fromhex(id) for id, _ in archives}
    return [rest for _, rest in archives], {id: index.get(id) or (0, 0, 0) for id in index.ids() if id not in of_archives}


def usage_error(line: str) -> bool:
    return any(part in line for part in ("{hostname ", "never REPO::", "a/b", "sometimes", "params buzhash "))


def compare(line: str, twins: Twins) -> None:
    only = "code" if usage_error(line) else "code stdout stderr"
    # The sum counts archive objects, whose random TAMs do not always compress alike.
    done = twins.same("recreate", *line.split(), only=only, masking=r"(?<=All archives:).* [kK]i?B$")
    archives, counts = counted("theirs", twins)
    our_archives, our_counts = counted("ours", twins)
    assert our_archives == archives, line
    assert our_counts.keys() == counts.keys(), line
    for id, (references, size, csize) in counts.items():
        ours = our_counts[id]
        # Not every version of a compressor comes to the same size.
        assert (ours[:2], abs(ours[2] - csize) <= csize // 1000) == ((references, size), True), (line, id.hex())
    if done.code:
        return
    for archive in ("cut", "one", "new", "less"):
        if any(known.startswith(f"{archive} ") for known in archives):
            # What was not cut anew keeps its parameters with us, while Borg always says those that are in force.
            twins.same_archive(archive, ignoring=("chunker_params",))
    if line in STORING:
        twins.ask_borg("ours", "check", "REPO")


@pytest.mark.parametrize("lines", [SELECTING, CHANGING, STORING], ids=["selecting", "changing", "storing"])
def test_same_as_borg(lines: list[str], twins: Twins, saved: Path) -> None:
    for line in lines:
        compare(line, twins)
        twins.clone(saved)


@pytest.mark.near_only  # it calls Borg with the path, too
def test_one_after_the_other(twins: Twins) -> None:
    for line in (
        "--list -e tree/names REPO",
        f"--chunker-params {FINE} REPO::one",
        "--recompress -C zstd REPO",
        "--recompress -C zstd --stats --info REPO",
        "--list REPO::one tree/content tree/sparse",
        "--recompress=always -C lz4 REPO::two",
    ):
        compare(line, twins)
    check_ours(twins, "--verify-data")


DECIDE = """
import json, sys
from borg.compress import CompressionSpec
specs, contents = json.load(sys.stdin)
decided = [[CompressionSpec(spec).compressor.decide(bytes.fromhex(data)).name for data in contents] for spec in specs]
json.dump(decided, sys.stdout)
"""


def test_the_same_chunks_are_recompressed(borg145_python: Path) -> None:
    """What is stored by the method that Borg decides for is not, and everything else is."""
    specs = ["none", "lz4", "zlib,3", "lzma,1", "zstd,3", "auto,zstd,3", "auto,lzma,1", "auto,zlib", "obfuscate,110,lz4"]
    noise = random_content("noise", 4000)
    contents = [bytes(5000), noise, b"x", b"abc" * 9, b"compressible " * 40]
    contents += [bytes(zeros) + noise for zeros in (20, 60, 100, 120, 140, 200, 1000)]
    request = json.dumps([specs, [data.hex() for data in contents]]).encode()
    asked = subprocess.run([borg145_python, "-c", DECIDE], input=request, capture_output=True, check=True)
    decided = dict(zip(specs, json.loads(asked.stdout), strict=True))
    hasher = IdHasher("sha256")
    opener = Opener(b"\0", "none", b"", b"", hasher)
    compared = set()
    for method in ("none", "lz4", "zlib,9", "lzma,0", "zstd,1", "obfuscate,110,none"):
        for number, data in enumerate(contents):
            chunks = ChunkBatch.of([data], hasher)
            stored = Sealer(0, "none", b"", b"", Compressor(method)).seal(chunks, 0).object(0)
            if method not in ("none", "obfuscate,110,none") and bytes(stored)[1:3] == bytes(2):
                continue  # not compressed, so it would be the same as none
            for spec in specs:
                differs = decided[spec][number] != method.split(",")[0]
                others = opener.packed_otherwise([stored], chunks, Compressor(spec))
                assert (len(others) == 1) == differs, (method, spec, number)
                compared.add(differs)
    assert compared == {True, False}
