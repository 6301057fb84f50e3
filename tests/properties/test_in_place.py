"""Restoring in place: whatever a directory holds, it becomes what an empty one would, and nothing else changes."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference import restoring as reference
from reference.restoring import File
from support.compare import Tree, differences, snapshot
from support.items import packed_item
from support.memory_store import MemoryStore
from support.plain_key import PlainKey
from vinculum import _native
from vinculum.archive.chunk_reader import ChunkReader
from vinculum.archive.patterns import PatternMatcher
from vinculum.events import NullSink
from vinculum.operations.extract.extract import Extractor
from vinculum.operations.extract.in_place import InPlace
from vinculum.operations.extract.options import ExtractOptions
from vinculum.operations.extract.selection import Selection
from vinculum.operations.extract.surplus import Surplus, with_parents

KEY = PlainKey()
NAMES = [b"a", b"b", b"c"]
CONTENTS = [b"", b"one", b"two", b"long" * 4]
TIMES = [10**18, 10**18 + 1]


class Stopped(Exception):
    """In the midst of a restore."""


class Listener(NullSink):
    """Takes down what is listed, and may stop everything after so many lines."""

    wants_files = True

    def __init__(self, lines: int | None = None) -> None:
        self.listed: list[tuple[str, bytes]] = []
        self.warnings: list[str] = []
        self._lines = lines

    def status(self, letter: str, path: bytes) -> None:
        self.listed.append((letter, path))
        if len(self.listed) == self._lines:
            raise Stopped

    def warning(self, text: str, modern_code: int = 1, msgid: str = "", topic: str = "", path: bytes = b"") -> None:  # noqa: ARG002
        self.warnings.append(text)


@st.composite
def trees(draw: st.DrawFn, sources: list[bytes]) -> list[File]:
    """A tree as an archive has it: directories before what is in them, then finished, hard links behind their first."""
    made: list[File] = []
    linkable: list[File] = []

    def fill(directory: bytes, depth: int) -> None:
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3)):
            path, time = directory + name, draw(st.sampled_from(TIMES))
            kind = draw(st.sampled_from(["directory", "file", "file", "link", "symlink", "fifo"]))
            if kind == "directory" and depth < 3:
                mode = stat.S_IFDIR | draw(st.sampled_from([0o755, 0o700]))
                made.append(File("directory", path, mode, time))
                fill(path + b"/", depth + 1)
                made.append(File("finish", path, mode, time))
            elif kind == "link" and linkable:
                first = draw(st.sampled_from(linkable))
                made.append(first._replace(kind="link", path=path, source=first.path))
            elif kind == "symlink":
                made.append(File("special", path, stat.S_IFLNK | 0o777, time, source=draw(st.sampled_from(sources))))
            elif kind == "fifo":
                made.append(File("special", path, stat.S_IFIFO | 0o644, time))
            else:
                attributes = draw(st.sampled_from([(), ((b"user.x", b"1"),), ((b"user.x", b"2"), (b"user.y", b""))]))
                mode = stat.S_IFREG | draw(st.sampled_from([0o644, 0o4755]))
                made.append(File("file", path, mode, time, draw(st.sampled_from(CONTENTS)), xattrs=attributes))
                linkable.append(made[-1])

    fill(b"", 0)
    return made


LINKS = [b"a", b"../outside", b"../outside/secret"]
CHANGES = st.lists(
    st.tuples(st.sampled_from(["remove", "write", "touch", "mode", "attribute", "link in", "link out"]), st.integers(0, 50))
)


def packed(files: list[File], store: MemoryStore) -> bytes:
    """The items of an archive with these files."""
    archived = [file for file in files if file.kind != "finish"]
    for file in archived:
        if file.kind == "file":
            store.store(KEY, file.content)
    return b"".join(packed_item(file, KEY, file.path) for file in archived)


def restore(
    into: Path, files: list[File], *, in_place: bool, sink: Listener, dry_run: bool = False, reads: bool = False
) -> Extractor:
    store, root, options = MemoryStore(), os.fsencode(into), ExtractOptions(dry_run=dry_run)
    items = packed(files, store)
    windows = [_native.ItemWindowDecoder().feed([_native.Bytes(items)])] if items else []
    selection = Selection(PatternMatcher(), lambda _: iter(windows))
    if not in_place:
        extractor = Extractor(ChunkReader(store, KEY), root, selection, options, sink)
        extractor.extract()
        return extractor
    Surplus(root, with_parents(selection.paths()), sink, dry_run=dry_run).delete()
    present = InPlace(root, options, KEY.hasher, compares_content=reads)
    try:
        extractor = Extractor(ChunkReader(store, KEY), root, selection, options, sink, None, present)
        extractor.extract()
    finally:
        present.close()
    return extractor


def change(top: Path, changes: list[tuple[str, int]]) -> None:
    """Does something to files, whichever there are."""
    outside = top.parent / "outside"
    for kind, number in changes:
        paths = sorted(path for path in top.rglob("*") if not path.is_symlink())
        files = [path for path in paths if path.is_file()]
        if not paths or (kind in {"write", "attribute"} and not files):
            continue
        path = (files if kind in {"write", "attribute"} else paths)[
            number % len(files if kind in {"write", "attribute"} else paths)
        ]
        if kind == "remove" and path.is_dir():
            shutil.rmtree(path)
        elif kind == "remove":
            path.unlink()
        elif kind == "write":
            path.write_bytes(CONTENTS[number % len(CONTENTS)])
        elif kind == "touch":
            os.utime(path, ns=(TIMES[number % 2], TIMES[number % 2]))
        elif kind == "mode":
            path.chmod(0o755 if number % 2 else 0o700)
        elif kind == "attribute":
            os.setxattr(path, "user.x", b"%d" % (number % 3))
        elif path.is_dir():
            os.setxattr(path, "user.surplus", b"")
        else:
            path.unlink()
            path.hardlink_to(outside / "secret" if kind == "link out" or not files or files[0] == path else files[0])


def picture(top: Path) -> Tree:
    """All of it but the time of the top itself, which no archive here holds."""
    tree = snapshot(top)
    tree.entries[b"."] = tree.entries[b"."]._replace(mtime_ns=0)
    return tree


def make(at: Path) -> Path:
    shutil.rmtree(at, ignore_errors=True)
    (at / "target").mkdir(parents=True)
    (at / "outside").mkdir()
    (at / "outside" / "secret").write_bytes(b"one")
    os.utime(at / "outside" / "secret", ns=(TIMES[0], TIMES[0]))
    return at / "target"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(trees(LINKS), st.one_of(st.none(), trees(LINKS)), CHANGES, st.one_of(st.none(), st.integers(1, 6)), st.booleans())
def test_any_directory_becomes_what_any_archive_says(
    workplace: Path,
    archived: list[File],
    here: list[File] | None,
    changes: list[tuple[str, int]],
    stop: int | None,
    reads: bool,
) -> None:
    clean, used = make(workplace / "clean"), make(workplace / "used")
    assert restore(clean, archived, in_place=False, sink=Listener()).left_alone == 0
    # Either what was archived once, or anything else.
    assert not reference.restore(used, archived if here is None else here)
    change(used, changes)
    outside = snapshot(used.parent / "outside")
    dry = Listener()
    before = snapshot(used)
    restore(used, archived, in_place=True, sink=dry, dry_run=True, reads=reads)
    assert not differences(before, snapshot(used))
    done = Listener(stop)
    try:
        restore(used, archived, in_place=True, sink=done, reads=reads)
    except Stopped:
        restore(used, archived, in_place=True, sink=Listener(), reads=reads)
    else:
        assert {line for line in done.listed if line[0] == "D"} == {line for line in dry.listed if line[0] == "D"}
        assert not done.warnings
    assert not differences(picture(clean), picture(used), ignoring=["extents"])
    assert not differences(outside, snapshot(used.parent / "outside"), ignoring=["links"])
    # There is nothing left to do.
    again = Listener()
    assert restore(used, archived, in_place=True, sink=again, reads=reads).written_files == 0
    assert not again.listed
