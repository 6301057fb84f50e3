"""Batches of files restored in parallel, against the twin that restores one after the other; and never outside."""

from __future__ import annotations

import os
import resource
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reference import restoring as reference
from reference.restoring import File
from support.compare import Tree, differences, snapshot
from support.items import packed_item, unpacked
from support.memory_store import MemoryStore
from support.plain_key import PlainKey
from vinculum import _native
from vinculum.errors import IntegrityError

KEY = PlainKey()
PATHS = st.one_of(
    st.lists(st.sampled_from([b"a", b"b", b"c"]), min_size=1, max_size=4).map(b"/".join),
    st.sampled_from(
        [b"a//b", b"./a", b".", b"", b"a/", b"../outside/x", b"a/../b", b"/tmp/vinculum-escaped", b"a\0", b"c/secret"]
    ),
)
SOURCES = st.one_of(PATHS, st.sampled_from([b"../outside", b"../outside/secret", b"a", b".", b"../target/a"]))
TIMES = st.integers(0, 2**31).map(lambda second: second * 10**9 + 123_456_789)


def some(
    kind: str,
    form: int,
    modes: list[int],
    *,
    content: list[bytes] | None = None,
    sources: st.SearchStrategy[bytes] | None = None,
) -> st.SearchStrategy[File]:
    """Files of one kind."""
    attributes = [(), ((b"user.x", b"1"),)] if kind == "file" else [()]
    return st.builds(
        File,
        st.just(kind),
        PATHS,
        st.sampled_from([form | mode for mode in modes]),
        TIMES,
        st.sampled_from(content or [b""]),
        st.just(b"") if sources is None else sources,
        st.sampled_from(attributes),
    )


FILES = st.one_of(
    some("directory", stat.S_IFDIR, [0o755]),
    some("finish", stat.S_IFDIR, [0o700, 0o755, 0o1777]),
    some("file", stat.S_IFREG, [0o644, 0o4755, 0], content=[b"", b"one", b"two" * 1000]),
    some("special", stat.S_IFLNK, [0o777], sources=SOURCES.filter(lambda source: source != b"" and b"\0" not in source)),
    some("special", stat.S_IFIFO, [0o640]),
    some("link", stat.S_IFREG, [0o644], sources=SOURCES),
)


def made_before_finished(files: list[File]) -> list[File]:
    """With each directory that is finished made at the beginning, as archives have it."""
    made = [file._replace(kind="directory") for file in files if file.kind == "finish"]
    return [*made, *files]


def item_of(file: File) -> _native.Item:
    (item,) = unpacked(packed_item(file, KEY, b"as archived"))
    return item


def restore(top: Path, files: list[File]) -> list[tuple[int, str]]:
    """By the kernel, as one batch; which failed, and why."""
    batch, store = _native.RestoreBatch(), MemoryStore()
    for file in files:
        item = item_of(file)
        if file.kind == "file":
            store.store(KEY, file.content)
            batch.write_file(item, file.path)
        elif file.kind == "link":
            batch.make_link(item, file.source, file.path)
        else:
            add = {"directory": batch.make_directory, "finish": batch.finish_directory, "special": batch.make_special}
            add[file.kind](item, file.path)
    assert len(batch) == len(files)
    fd = os.open(top, os.O_RDONLY)
    restorer = _native.Restorer(fd, numeric_ids=True)
    os.close(fd)
    line = _native.RestoreLine(KEY.opener, restorer)
    troubles = line.begin(batch, list(store.get_many(batch.ids()))).wait()
    return [(place, kind) for place, (kind, _, _) in troubles]


def make_target(at: Path) -> Path:
    shutil.rmtree(at, ignore_errors=True)
    (at / "target").mkdir(parents=True)
    (at / "outside").mkdir()
    (at / "outside" / "secret").write_bytes(b"secret")
    return at / "target"


def files_of(*kinds_and_paths: tuple[str, bytes]) -> list[File]:
    modes = {"directory": stat.S_IFDIR | 0o755, "finish": stat.S_IFDIR | 0o750, "file": stat.S_IFREG | 0o644}
    return [File(kind, path, modes[kind], mtime=10**18, content=path) for kind, path in kinds_and_paths]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FILES, max_size=12).map(made_before_finished))
@example(
    [File("special", b"a", stat.S_IFLNK | 0o777, source=b"../outside"), *files_of(("file", b"a/secret"), ("directory", b"a/x"))]
)
@example(
    [*files_of(("directory", b"a"), ("file", b"a/b"), ("finish", b"a"), ("file", b"a/b"), ("file", b"a"), ("file", b"a/b"))]
)
@example(
    [*files_of(("file", b"a")), File("link", b"b", source=b"a"), *files_of(("file", b"a")), File("link", b"a", source=b"a")]
)
@example(
    [
        *files_of(("directory", b"a")),
        File("special", b"a", stat.S_IFLNK | 0o777, source=b"../outside"),
        *files_of(("finish", b"a")),
    ]
)
@example(
    [
        *files_of(("directory", b"a")),
        File("special", b"./a", stat.S_IFIFO | 0o640),
        *files_of(("finish", b"./a"), ("directory", b"./a")),
    ]
)
@example(files_of(("finish", b"a"), ("file", b"a/b")))
def test_actions_take_effect_as_if_done_one_by_one(workplace: Path, files: list[File]) -> None:
    slow, quick = make_target(workplace / "slow"), make_target(workplace / "quick")
    outside = [snapshot(target.parent / "outside") for target in (slow, quick)]
    assert restore(quick, files) == reference.restore(slow, files)
    assert [snapshot(target.parent / "outside") for target in (slow, quick)] == outside
    assert not os.path.lexists("/tmp/vinculum-escaped")
    # When a directory was last written to is not defined unless it is finished, and nothing put into it later.
    want, got = (
        Tree(
            {path: entry._replace(mtime_ns=0) if entry.kind == "directory" else entry for path, entry in tree.entries.items()},
            tree.links,
        )
        for tree in (snapshot(slow), snapshot(quick))
    )
    assert not differences(want, got, ignoring=["extents"])


def test_many_files_in_many_directories(workplace: Path) -> None:
    """More directories than are kept open, hard links between them, times of directories last."""
    files = []
    for number in range(700):
        name = b"d%03d" % number
        files += files_of(("directory", name), ("file", name + b"/one"), ("file", name + b"/two"))
        files.append(File("link", name + b"/three", source=(b"d%03d/one" % (number // 2))))
        files += files_of(("finish", name))
    slow, quick = make_target(workplace / "slow"), make_target(workplace / "quick")
    assert restore(quick, files) == reference.restore(slow, files) == []
    assert not differences(snapshot(slow), snapshot(quick), ignoring=["extents", "mtime_ns"])
    for path in (b"d%03d" % number for number in range(700)):
        assert (slow / os.fsdecode(path)).stat().st_mtime_ns == (quick / os.fsdecode(path)).stat().st_mtime_ns, path


def test_a_path_may_have_more_components_than_there_are_descriptors(tmp_path: Path) -> None:
    target = make_target(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        deep = b"d/" * 600
        assert restore(target, files_of(("file", deep + b"one"), ("file", deep + b"two"), ("file", b"three"))) == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        subprocess.run(["rm", "-rf", target], check=True)


def test_nothing_is_done_if_content_is_damaged(workplace: Path) -> None:
    target, batch = make_target(workplace), _native.RestoreBatch()
    for file in files_of(("file", b"one"), ("file", b"two")):
        batch.write_file(item_of(file), file.path)
    fd = os.open(target, os.O_RDONLY)
    line = _native.RestoreLine(KEY.opener, _native.Restorer(fd))
    os.close(fd)
    to_come = line.begin(batch, [b"\x02\0\0one", b"\x02\0\0other"])
    behind = _native.RestoreBatch()
    behind.write_file(item_of(File("file", b"three", stat.S_IFREG | 0o644)), b"three")
    to_come_behind = line.begin(behind, [b"\x02\0\0"])
    with pytest.raises(IntegrityError):
        to_come.wait()
    with pytest.raises(ValueError, match="failed"):
        to_come_behind.wait()
    assert not list(target.iterdir())
    with pytest.raises(ValueError, match="before"):
        to_come.wait()


def test_content_is_compared_with_what_items_promise() -> None:
    packed = _native.encode_item(
        {"path": b"p", "mode": 0o100644, "mtime": 0, "size": 7}, _native.ChunkList.of(KEY.hasher.digest(b"four"), [4], [4])
    )
    (item,) = unpacked(packed)
    batch = _native.RestoreBatch()
    batch.write_file(item, b"p")
    assert (batch.chunk_count, batch.content_bytes) == (1, 4)
    stored = MemoryStore()
    stored.store(KEY, b"four")
    line = _native.RestoreLine(KEY.opener, None)
    assert line.begin(batch, list(stored.get_many(batch.ids()))).wait() == [(0, ("size", 4, b""))]


class Parts:
    """A file that is restored part by part, each a batch of its own on one line."""

    def __init__(self, target: Path | None, contents: list[bytes], *, sparse: bool = False, **fields: int | str) -> None:
        self.writes = target is not None
        self.store = MemoryStore()
        self.store.store(KEY, *contents)
        self.contents = contents
        ids = b"".join(map(KEY.hasher.digest, contents))
        self.chunks = _native.ChunkList.of(ids, [*map(len, contents)], [1] * len(contents))
        packed = _native.encode_item({"path": b"p", "mode": 0o100640, "mtime": 10**18, **fields}, self.chunks)
        (item,) = unpacked(packed)
        restorer = None
        if target is not None:
            fd = os.open(target, os.O_RDONLY)
            restorer = _native.Restorer(fd, sparse=sparse)
            os.close(fd)
        self.file = _native.LargeFile(item, b"d/large")
        self.line = _native.RestoreLine(KEY.opener, restorer)

    def restore(self, known: set[int], stop: int) -> list[_native.Trouble]:
        """All of it, so many chunks at a time; returns what went wrong."""
        begun = []
        for start in range(0, len(self.contents), stop):
            batch = _native.RestoreBatch()
            part = self.chunks.part(start, min(start + stop, len(self.contents)))
            found = {
                place - start: _native.Bytes(self.contents[place]) for place in known if start <= place < start + len(part)
            }
            batch.write_part(self.file, part, found, is_last=start + stop >= len(self.contents))
            assert len(batch.ids()) == 32 * (len(part) - len(found))
            begun.append(self.line.begin(batch, list(self.store.get_many(batch.ids()))))
        troubles = [trouble for to_come in begun for _, trouble in to_come.wait()]
        assert self.file.is_over or not self.writes
        return troubles


LENGTHS = st.lists(st.sampled_from([0, 1, 20, 300_000]), min_size=1, max_size=12)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LENGTHS, st.sets(st.integers(0, 11)), st.integers(1, 12), st.booleans())
def test_parts_make_a_file(workplace: Path, lengths: list[int], known: set[int], step: int, sparse: bool) -> None:
    target = make_target(workplace)
    contents = [bytes([place % 3]) * length for place, length in enumerate(lengths)]  # every third is a hole
    parts = Parts(target, contents, sparse=sparse)
    assert parts.restore({place for place in known if place < len(contents)}, step) == []
    written = target / "d" / "large"
    assert written.read_bytes() == b"".join(contents)
    assert (written.stat().st_mode, written.stat().st_mtime_ns) == (0o100640, 10**18)


@pytest.mark.parametrize("sparse", [False, True])
def test_only_sparse_writing_leaves_holes(sparse: bool, workplace: Path) -> None:
    contents = [b"x" * 65536, bytes(1 << 20), b"y" * 65536, bytes(1 << 20)]
    assert Parts(make_target(workplace), contents, sparse=sparse).restore(set(), 3) == []
    path = workplace / "target" / "d" / "large"
    assert path.read_bytes() == b"".join(contents)
    os.sync()
    assert (path.stat().st_blocks * 512 < 1 << 20) == sparse


def test_a_large_file_in_a_wrong_place_is_given_up_once(workplace: Path) -> None:
    target = make_target(workplace)
    (target / "d").write_bytes(b"no directory")
    parts = Parts(target, [b"one", b"two", b"three"])
    assert [kind for kind, _, _ in parts.restore(set(), 1)] == ["os"]
    assert (target / "d").read_bytes() == b"no directory"


def test_content_in_parts_is_compared_with_what_the_item_promises() -> None:
    assert Parts(None, [b"one", b"two", b"three"], size=11).restore({1}, 1) == []
    assert Parts(None, [b"one", b"two", b"three"], size=7).restore({1}, 2) == [("size", 11, b"")]


def test_what_a_link_claims_to_be_linked_to_takes_no_memory_for_each_directory(tmp_path: Path) -> None:
    """Only that claim is long: to remember every way to there would take half a gigabyte."""
    source = b"a/" * 25_000 + b"b"
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = _status_kib("VmRSS")
    link = File("link", b"link", stat.S_IFREG | 0o644, mtime=10**18, source=source)
    assert restore(make_target(tmp_path), [link]) == [(0, "os")]
    assert _status_kib("VmHWM") - before < 64 << 10


def _status_kib(name: str) -> int:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0])
