"""A crafted archive must not reach anything outside of the directory that it is restored into."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from support.memory_store import MemoryStore
from support.plain_key import PlainKey
from vinculum import _native
from vinculum.archive.chunk_reader import ChunkReader
from vinculum.archive.patterns import PatternMatcher
from vinculum.events import NullSink
from vinculum.operations.extract.extract import Extractor
from vinculum.operations.extract.options import ExtractOptions
from vinculum.operations.extract.selection import Selection

CONTENT = b"from the archive"
KEY = PlainKey()
FILE, DIRECTORY, LINK, FIFO = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755, stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644


class Listener(NullSink):
    def __init__(self) -> None:
        self.warnings: list[tuple[str, int]] = []

    def warning(self, text: str, modern_code: int = 1, msgid: str = "", topic: str = "", path: bytes = b"") -> None:  # noqa: ARG002
        self.warnings.append((text, modern_code))


def item(path: bytes, mode: int, **fields: bytes | int) -> bytes:
    """An item, packed."""
    chunks = None
    if stat.S_ISREG(mode) and "source" not in fields:
        chunks = _native.ChunkList.of(KEY.hasher.digest(CONTENT), [len(CONTENT)], [len(CONTENT)])
    fields = {"path": path, "mode": mode, "mtime": 0, "uid": 0, "gid": 0, **fields}
    return bytes(memoryview(_native.encode_item({**fields}, chunks)))


def restore(into: Path, *items: bytes, strip: int = 0) -> Listener:
    """Extracts the items into a directory; the content of every file is CONTENT."""
    sink, store = Listener(), MemoryStore()
    store.store(KEY, CONTENT)
    windows = [_native.ItemWindowDecoder().feed([_native.Bytes(b"".join(items))])]
    selection = Selection(PatternMatcher(), lambda _: iter(windows), strip)
    Extractor(ChunkReader(store, KEY), os.fsencode(into), selection, ExtractOptions(), sink).extract()
    return sink


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    return target


def state_outside(inside: Path) -> list[tuple[str, bytes, int]]:
    outside = inside.parent / "outside"
    return [(path.name, path.read_bytes(), path.stat().st_nlink) for path in sorted(outside.iterdir())]


@pytest.mark.parametrize("path", [b"../outside/new", b"a/../../outside/new", b"../outside/secret", b"a/..", b".."])
@pytest.mark.parametrize("mode", [FILE, DIRECTORY, FIFO])
def test_paths_that_climb_are_refused(inside: Path, path: bytes, mode: int) -> None:
    before = state_outside(inside)
    sink = restore(inside, item(path, mode))
    assert state_outside(inside) == before
    assert {code for _, code in sink.warnings} == {109}


def test_absolute_paths_are_refused(inside: Path) -> None:
    outside = inside.parent / "outside"
    sink = restore(inside, item(os.fsencode(outside / "new"), FILE))
    assert not (outside / "new").exists()
    assert [code for _, code in sink.warnings] == [109]


@pytest.mark.parametrize("link", [b"../outside", b"/etc"])
@pytest.mark.parametrize("mode", [FILE, DIRECTORY, FIFO])
def test_a_symlink_from_the_archive_is_not_followed(inside: Path, link: bytes, mode: int) -> None:
    before = state_outside(inside)
    sink = restore(inside, item(b"d", LINK, source=link), item(b"d/new", mode), item(b"d/deep/new", mode))
    assert state_outside(inside) == before
    assert not os.path.lexists("/etc/new")
    assert {code for _, code in sink.warnings} == {108}


def test_a_symlink_that_was_there_before_is_not_followed(inside: Path) -> None:
    (inside / "d").symlink_to("../outside")
    before = state_outside(inside)
    sink = restore(inside, item(b"d/secret", FILE))
    assert state_outside(inside) == before
    assert [code for _, code in sink.warnings] == [108]


def test_a_directory_that_becomes_a_symlink_is_not_followed_any_more(inside: Path) -> None:
    before = state_outside(inside)
    items = [item(b"d", DIRECTORY), item(b"d", LINK, source=b"../outside"), item(b"d/secret", FILE)]
    sink = restore(inside, *items)
    assert state_outside(inside) == before
    assert 108 in {code for _, code in sink.warnings}


@pytest.mark.parametrize(
    ("source", "items"),
    [
        (b"../outside/secret", []),
        (b"d/secret", [item(b"d", LINK, source=b"../outside")]),
        (b"/etc/passwd", []),
    ],
)
def test_hard_links_to_what_is_outside_are_refused(inside: Path, source: bytes, items: list[bytes]) -> None:
    before = state_outside(inside)
    sink = restore(inside, *items, item(b"stolen", FILE, source=source))
    assert not os.path.lexists(inside / "stolen")
    assert state_outside(inside) == before
    assert [code for _, code in sink.warnings] == [110]


def test_a_hard_link_to_a_symlink_links_the_symlink(inside: Path) -> None:
    restore(inside, item(b"l", LINK, source=b"../outside/secret"), item(b"stolen", FILE, source=b"l"))
    assert (inside / "stolen").is_symlink()
    assert state_outside(inside) == [("secret", b"secret", 1)]


def test_an_existing_symlink_is_replaced_and_not_written_through(inside: Path) -> None:
    (inside / "f").symlink_to("../outside/secret")
    assert restore(inside, item(b"f", FILE)).warnings == []
    assert (inside / "f").read_bytes() == CONTENT
    assert not (inside / "f").is_symlink()
    assert state_outside(inside) == [("secret", b"secret", 1)]


def test_a_path_with_a_null_byte_costs_a_warning_only(inside: Path) -> None:
    sink = restore(inside, item(b"a\0b", FILE), item(b"fine", FILE))
    assert (inside / "fine").read_bytes() == CONTENT
    assert [code for _, code in sink.warnings] == [109]


def test_stripping_components_does_not_open_a_way_out(inside: Path) -> None:
    before = state_outside(inside)
    sink = restore(inside, item(b"x/../../outside/new", FILE), item(b"x//etc/new", FILE), strip=1)
    assert state_outside(inside) == before
    assert not os.path.lexists("/etc/new")
    assert len(sink.warnings) == 2
