"""Listings: the same as the twin's for every kind of file, paths as Borg shows them, and trees that move underfoot."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reference import scanning as reference
from support.inode_flags import FLAG_NODUMP, change_flags
from support.programs import PROJECT
from support.trees import build_every_kind
from vinculum import _native

NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything; some failures need somebody who may not."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def scan(path: bytes | Path, archived: bytes = b"archived") -> _native.DirectoryListing:
    return _native.scan_directory(_native.scan_root(os.fsencode(path), archived), 0)


def check_against_twin(listing: _native.DirectoryListing, path: bytes) -> None:
    expected = reference.entries_of(path)
    assert listing.names() == [name for name, _ in expected]
    assert listing.kinds().decode() == "".join(reference.kind_of(st) for _, st in expected)
    assert [listing.device(index) for index in range(len(listing))] == [st.st_dev for _, st in expected]
    assert [listing.identity(index) for index in range(len(listing))] == [(st.st_ino, st.st_dev) for _, st in expected]
    assert [listing.path_of(index) for index in range(len(listing))] == listing.paths()
    flags = [reference.bsd_flags(os.path.join(path, name), st) for name, st in expected]
    assert listing.nodump() == [index for index, flag in enumerate(flags) if flag & 1]
    assert listing.failures() == []
    for index, (name, st) in enumerate(expected):
        if reference.kind_of(st) == "d":
            check_against_twin(_native.scan_directory(listing, index), os.path.join(path, name))


def test_listings_equal_the_twin(workplace: Path) -> None:
    build_every_kind(workplace / "tree", big_bytes=0)
    marked = workplace / "tree" / "marked"
    marked.mkdir()
    change_flags(os.fsencode(marked), add=FLAG_NODUMP)  # what is made inside inherits it, also what cannot show it
    os.mkfifo(marked / "fifo")
    (marked / "file").touch()
    (marked / "directory").mkdir()
    check_against_twin(scan(workplace / "tree"), os.fsencode(workplace / "tree"))


def test_large_directories_are_listed_in_full(workplace: Path) -> None:
    for number in range(3000):
        (workplace / f"{number:0100}").touch()
    check_against_twin(scan(workplace), os.fsencode(workplace))


@pytest.mark.parametrize(
    ("walked", "expected"),
    [
        (".", "inside"),
        ("..", "../place"),
        ("inside", "inside/file"),
        ("inside/", "inside/file"),
        ("../place", "../place/inside"),
    ],
)
def test_paths_are_as_walked(walked: str, expected: str, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = workplace / "place"
    (place / "inside").mkdir(parents=True)
    (place / "inside" / "file").touch()
    monkeypatch.chdir(place)
    assert scan(os.fsencode(walked)).paths() == [os.fsencode(expected)]


def test_the_root_directory_adds_no_second_slash() -> None:
    listing = scan(b"/", b".")
    assert b"/etc" in listing.paths()
    assert listing.path == b"/"


def test_a_root_is_a_listing_of_one(workplace: Path) -> None:
    (workplace / "file").touch()
    path = os.fsencode(workplace / "file")
    listing = _native.scan_root(path, b"stored")
    assert (len(listing), listing.paths(), listing.names(), listing.kinds(), listing.path) == (1, [path], [path], b"f", b"")


def test_a_root_that_is_a_symlink_is_not_followed(workplace: Path) -> None:
    (workplace / "link").symlink_to(workplace)
    listing = _native.scan_root(os.fsencode(workplace / "link"), b"link")
    assert listing.kinds() == b"l"
    with pytest.raises(NotADirectoryError):
        _native.scan_directory(listing, 0)


def test_a_missing_root_is_an_os_error_with_its_name() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        _native.scan_root(b"/no/such/\xff", b"x")
    assert os.fsencode(caught.value.filename) == b"/no/such/\xff"


def test_a_path_with_a_zero_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="zero byte"):
        _native.scan_root(b"a\0b", b"x")


@pytest.fixture
def parent(workplace: Path) -> Path:
    (workplace / "parent" / "child").mkdir(parents=True)
    (workplace / "parent" / "child" / "file").touch()
    return workplace / "parent"


def replace_by_symlink(child: Path) -> None:
    shutil.move(child, child.with_name("moved"))
    child.symlink_to("moved")


def replace_by_directory(child: Path) -> None:
    shutil.move(child, child.with_name("moved"))
    child.mkdir()


@pytest.mark.parametrize(
    ("change", "expected"),
    [(shutil.rmtree, errno.ENOENT), (replace_by_symlink, errno.ENOTDIR), (replace_by_directory, errno.ESTALE)],
)
def test_a_directory_that_is_not_the_listed_one_is_an_os_error(
    change: Callable[[Path], object], expected: int, parent: Path
) -> None:
    listing = scan(parent)
    change(parent / "child")
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is what matters
        _native.scan_directory(listing, 0)
    assert caught.value.errno == expected
    assert os.fsencode(caught.value.filename) == os.fsencode(parent / "child")


def test_a_renamed_parent_does_not_matter(parent: Path) -> None:
    listing = scan(parent)
    parent.rename(parent.with_name("elsewhere"))
    assert _native.scan_directory(listing, 0).names() == [b"file"]


def test_names_that_cannot_be_examined_are_failures(parent: Path) -> None:
    (parent / "readable").mkdir()
    (parent / "readable" / "file").touch()
    for directory in (parent, *parent.parents):
        if directory.stat().st_mode & 0o005 != 0o005 and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o055)
    (parent / "readable").chmod(0o744)  # may be listed, but not entered
    with as_nobody():
        listing = scan(parent / "readable")
    assert (len(listing), listing.failures()) == (0, [(os.fsencode(parent / "readable" / "file"), errno.EACCES)])


def test_access_times_are_left_alone(parent: Path) -> None:
    os.utime(parent, (1, 10**9))  # so old that even relatime would renew it
    before = parent.stat().st_atime_ns
    scan(parent)
    assert parent.stat().st_atime_ns == before


def test_an_index_beyond_the_end_is_refused(parent: Path) -> None:
    with pytest.raises(ValueError, match="no entry"):
        _native.scan_directory(scan(parent), 1)


def test_an_error_can_be_raised_when_no_descriptor_is_left(tmp_path: Path) -> None:
    """Importing a module for the exception's sake would fail then."""
    code = (
        "import resource, sys; from vinculum import _native\n"
        "assert 'pathlib' not in sys.modules\n"
        "listing = _native.scan_root(sys.argv[1].encode(), b'x')\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "try:\n"
        "    _native.scan_directory(listing, 0)\n"
        "except OSError as error:\n"
        "    sys.stdout.write(f'{error.errno} {error.filename}')\n"
    )
    command = [sys.executable, "-S", "-c", code, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{errno.EMFILE} {tmp_path}", "")


def test_what_was_scanned_ahead_is_what_would_have_been_found(workplace: Path) -> None:
    for number in range(40):
        (workplace / f"{number:02d}").mkdir()
        (workplace / f"{number:02d}" / f"file of {number}").touch()
    listing = scan(workplace)
    expected = [_native.scan_directory(listing, index).names() for index in range(40)]
    order = list(range(40))[::-1]
    _native.scan_ahead(listing, order[:20])
    _native.scan_ahead(listing, order)  # a change of mind
    assert [_native.scan_directory(listing, index).names() for index in order] == expected[::-1]


def test_a_directory_that_vanished_after_it_was_announced_is_an_error(workplace: Path) -> None:
    for name in ("one", "two"):
        (workplace / name).mkdir()
    listing = scan(workplace)
    shutil.rmtree(workplace / "one")
    _native.scan_ahead(listing, [0, 1])
    gone, there = sorted(range(2), key=lambda index: listing.names()[index])
    with pytest.raises(FileNotFoundError):
        _native.scan_directory(listing, gone)
    assert _native.scan_directory(listing, there).names() == []
