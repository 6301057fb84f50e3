"""The file batch: the same items as the twin's and as real Borg's, in order, each chunk once, and how much is a batch."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from reference import acl as reference_acl
from reference import items as reference_items
from reference import scanning as reference
from support.archives import borg_stream
from support.file_batches import CHUNKER, Backup
from support.inode_flags import release
from support.programs import Program
from support.trees import build_every_kind, build_plain, random_content, some_acl
from vinculum import _native

ACCESS = "system.posix_acl_access"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Every kind of file. Treat it as read-only."""
    top = tmp_path_factory.mktemp("batch") / "tree"
    build_every_kind(top, big_bytes=300_000)
    inherited = top / "inherited"
    inherited.mkdir()
    os.setxattr(inherited, "system.posix_acl_default", some_acl())
    (inherited / "default acl only").mkdir()
    os.removexattr(inherited / "default acl only", ACCESS)
    masked = top / "masked"
    masked.touch()
    entries = [(1, 7, reference_acl.NO_ID), (2, 7, 1), (4, 7, reference_acl.NO_ID), (8, 5, 1)]
    os.setxattr(masked, ACCESS, reference_acl.value_of_entries([*entries, (0x10, 4, 2**32 - 1), (0x20, 0, 2**32 - 1)]))
    masked_directory = top / "masked directory"
    masked_directory.mkdir()
    os.setxattr(masked_directory, ACCESS, os.getxattr(masked, ACCESS))
    yield top
    release(top)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"numeric_ids": True},
        {"atime": True, "ctime": False},
        {"flags": False},
        {"acls": False},
        {"xattrs": False},
        {"flags": False, "acls": False, "xattrs": False},
    ],
    ids=lambda options: ",".join(options) or "default",
)
def test_items_equal_the_twin(options: dict[str, bool], tree: Path) -> None:
    outcome = Backup(**options).run(tree, archived=b"t")
    assert outcome.batch.failures() == []
    expected = reference.items_of(os.fsencode(tree), b"t", CHUNKER.cut, reference.Options(**options))
    for item, twin in zip(outcome.items, expected, strict=True):
        assert item == twin


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["--numeric-ids", "--noctime"], {"numeric_ids": True, "ctime": False}),
        (["--noflags", "--noacls"], {"flags": False, "acls": False}),
        (["--noxattrs"], {"xattrs": False}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_items_equal_those_of_real_borg(
    arguments: list[str], options: dict[str, bool], tree: Path, borg145: Program, workplace: Path
) -> None:
    repository = workplace / "repository"
    borg145.run("init", "--encryption", "none", repository)
    borg145.inside(tree.parent).run("create", "--chunker-params", "10,16,12,63", *arguments, f"{repository}::a", "tree")
    theirs = borg_stream(borg145, repository, "a", workplace / "items")
    backup = Backup(**options)
    backup.chunks.count_items(_native.ItemStream(), theirs)  # the stored sizes depend on how it compresses
    outcome = backup.run(tree, archived=b"tree")
    ours = bytes(memoryview(outcome.batch.encode(0, len(outcome.batch), backup.owners, backup.chunks)))
    for item, twin in zip(outcome.items, reference_items.decode(theirs), strict=True):
        assert item == twin
    assert ours == theirs


def test_special_files_are_read_like_real_borg_reads_them(borg145: Program, workplace: Path) -> None:
    tree, repository = workplace / "tree", workplace / "repository"
    tree.mkdir()
    os.mknod(tree / "null", 0o020666, os.makedev(1, 3))
    os.link(tree / "null", tree / "null again")
    (tree / "to null").symlink_to("null")
    (tree / "to file").symlink_to("file")
    (tree / "dangling").symlink_to("nowhere")
    (tree / "file").write_bytes(b"content")
    os.setxattr(tree / "null", "trusted.kept", b"v")
    borg145.run("init", "--encryption", "none", repository)
    listed = borg145.inside(workplace).run("create", "--read-special", "--list", f"{repository}::a", "tree")
    theirs = borg_stream(borg145, repository, "a", workplace / "items")
    backup = Backup(read_special=True)
    backup.chunks.count_items(_native.ItemStream(), theirs)
    outcome = backup.run(tree, archived=b"tree")
    assert outcome.items == reference_items.decode(theirs)
    letters = {line[7:]: line[0] for line in (listed.out + listed.err).splitlines() if line[1:7] == " tree/"}
    assert {os.fsdecode(name): letter for name, letter in outcome.status.items() if name != b"tree"} == letters


def test_a_fifo_is_read_to_its_end(workplace: Path) -> None:
    os.mkfifo(workplace / "fifo")
    content = random_content("fifo", 200_000)
    writer = threading.Thread(target=(workplace / "fifo").write_bytes, args=(content,))
    writer.start()
    outcome = Backup(read_special=True).run(workplace / "fifo", archived=b"fifo")
    writer.join()
    (item,) = outcome.items
    assert item[b"size"] == len(content)
    assert [size for _, size, _ in item[b"chunks"]] == CHUNKER.cut(content)
    assert item[b"mode"] & 0o170000 == 0o100000
    assert outcome.batch.statuses() == b"A"


def test_sockets_are_left_out(tree: Path) -> None:
    outcome = Backup().run(tree / "links and nodes")
    assert b"socket" not in outcome.status
    assert b"fifo-1" in outcome.status


@pytest.mark.parametrize(("archived", "expected"), [(b".", b"file"), (b"..", b"file"), (b"", b"file"), (b"a/b", b"a/b/file")])
def test_content_of_dots_is_stored_by_bare_names(archived: bytes, expected: bytes, workplace: Path) -> None:
    (workplace / "file").touch()
    items = Backup().run(workplace, archived=archived).items
    assert [item[b"path"] for item in items] == [archived, expected]


def test_files_of_proc_have_content_beyond_their_size() -> None:
    (item,) = Backup().run(b"/proc/self/cmdline").items
    assert item[b"size"] == len(Path("/proc/self/cmdline").read_bytes()) > 0


def test_owner_names_include_those_of_acls(workplace: Path) -> None:
    (workplace / "file").touch()
    os.chown(workplace / "file", 3, 4)
    os.setxattr(workplace / "file", ACCESS, some_acl())
    named = {id_ for tag, _, id_ in reference_acl.entries_of_value(some_acl()) if tag == reference_acl.USER}
    for numeric_ids in (False, True):
        backup = Backup(numeric_ids=numeric_ids)
        batch = backup.collect(workplace / "file")
        backup.begin(batch)
        users, groups = backup.owners.unknown(batch)
        assert users == ([] if numeric_ids else sorted({3} | named))
        assert groups == ([] if numeric_ids else [1, 4])


def test_many_files_are_read_in_parallel_and_keep_their_order(workplace: Path) -> None:
    build_plain(workplace / "plain", files=1500, size_bytes=3000)
    outcome = Backup().run(workplace / "plain")
    files = [(path, item) for path, item in zip(outcome.batch.paths(), outcome.items, strict=True) if b"chunks" in item]
    assert len(files) == 1500
    for path, item in files:
        content = Path(os.fsdecode(path)).read_bytes()
        cuts = CHUNKER.cut(content)
        starts = [sum(cuts[:number]) for number in range(len(cuts))]
        assert [id_ for id_, _, _ in item[b"chunks"]] == [
            sha256(content[start : start + size]).digest() for start, size in zip(starts, cuts, strict=True)
        ]


def test_equal_content_is_stored_once_and_counted_per_file(workplace: Path) -> None:
    for name in ("one", "two", "three"):
        (workplace / name).write_bytes(b"the same")
    backup = Backup()
    outcome = backup.run(workplace)
    assert [bytes(memoryview(outcome.stored.data(0)))] == [b"the same"] * len(outcome.stored)
    assert backup.references() == {sha256(b"the same").digest(): 3}
    assert outcome.batch.totals() == (3, 24, 0)


def test_totals_leave_out_further_links(workplace: Path) -> None:
    (workplace / "one").write_bytes(b"12345")
    os.link(workplace / "one", workplace / "two")
    backup = Backup()
    outcome = backup.run(workplace)
    backup.chunks.add(sha256(b"12345").digest(), 0, 5, 77)
    outcome.batch.encode(0, len(outcome.batch), backup.owners, backup.chunks)
    assert outcome.batch.totals() == (1, 5, 77)


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="size"):
        _native.ItemOptions(files_changed="size")  # type: ignore[arg-type]


def test_a_batch_is_full_with_one_directory_too_many(workplace: Path) -> None:
    for name in ("one", "two"):
        (workplace / name).mkdir()
        (workplace / name / "file").touch()
    batch = _native.FileBatch(_native.ItemOptions(), max_listings=1)
    root = _native.scan_root(os.fsencode(workplace), b"p")
    assert (batch.add(root, 0, 1), batch.is_full) == (1, False)
    listing = _native.scan_directory(root, 0)
    assert (batch.add(listing, 0, 99), batch.is_full) == (1, True)
    assert batch.statuses() == b"??"


@pytest.mark.parametrize(("limits", "count"), [({"max_entries": 3}, 3), ({"max_bytes": 25}, 3), ({"max_bytes": 1}, 1), ({}, 8)])
def test_a_batch_takes_entries_until_it_is_full(limits: dict[str, int], count: int, workplace: Path) -> None:
    for number in range(8):
        (workplace / str(number)).write_bytes(b"0123456789")
    root = _native.scan_root(os.fsencode(workplace), b"tree")
    listing = _native.scan_directory(root, 0)
    batch = _native.FileBatch(_native.ItemOptions(), **limits)
    assert batch.add(listing, 0, 8) == count
    assert (len(batch), batch.is_full) == (count, count < 8)
    assert batch.add(listing, count, 8) == (8 if count == 8 else count)
    assert len(batch) == count
