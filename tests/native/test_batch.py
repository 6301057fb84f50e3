"""The file batch: the same items as the twin's and as real Borg's, caching, hard links, races, failures, large files."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from reference import acl as reference_acl
from reference import items as reference_items
from reference import scanning as reference
from support.programs import Program
from support.trees import SECOND_NS, build_every_kind, build_plain, random_content, release, some_acl
from vinculum import _native

HASHER = _native.IdHasher("sha256")
CHUNKER = _native.Chunker(("buzhash", 10, 16, 12, 63), 0)
SMALL = 1 << 20
ACCESS = "system.posix_acl_access"


class Outcome(NamedTuple):
    """What a batch made of a tree."""

    batch: _native.FileBatch
    items: list[reference_items.ItemFields]
    stored: _native.ChunkBatch

    @property
    def status(self) -> dict[bytes, str]:
        letters = self.batch.statuses().decode()
        return dict(zip((os.path.basename(path) for path in self.batch.paths()), letters, strict=True))


class Backup:
    """What outlives a batch: indexes, caches, names. Takes trees through all stages as `create` does."""

    def __init__(self, mode: str = "cis", **options: Any) -> None:
        self.options = _native.ItemOptions(**options)
        self.chunks = _native.ChunkIndex()
        self.files = _native.FilesCache(mode, 20)
        self.links = _native.HardLinks()
        self.owners = _native.OwnerNames()

    def collect(self, *roots: bytes | Path, archived: bytes | None = None) -> _native.FileBatch:
        batch = _native.FileBatch(self.options)
        for root in roots:
            path = os.fsencode(root)
            add_all(batch, _native.scan_root(path, path.lstrip(b"/") if archived is None else archived))
        return batch

    def begin(self, batch: _native.FileBatch, max_file_bytes: int = SMALL, chunker: _native.Chunker = CHUNKER) -> None:
        """Up to what is to be done for large files."""
        batch.link(self.links)
        batch.match(self.files, self.chunks, HASHER, os.getcwdb())
        batch.read(chunker, HASHER, max_file_bytes)

    def end(self, batch: _native.FileBatch) -> Outcome:
        stored = batch.claim(self.chunks)
        self.learn_owners(batch)
        stream = bytes(memoryview(batch.encode(0, len(batch), self.owners, self.chunks)))
        batch.memorize(self.files)
        return Outcome(batch, reference_items.decode(stream), stored)

    def learn_owners(self, batch: _native.FileBatch) -> None:
        users, groups = self.owners.unknown(batch)
        for uid in users:
            self.owners.set_user(uid, reference.user_name(uid))
        for gid in groups:
            self.owners.set_group(gid, reference.group_name(gid))
        assert self.owners.unknown(batch) == ([], [])

    def run(self, *roots: bytes | Path, archived: bytes | None = None, chunker: _native.Chunker = CHUNKER) -> Outcome:
        batch = self.collect(*roots, archived=archived)
        self.begin(batch, chunker=chunker)
        while large := batch.large():
            self.finish_large(batch, large[0], chunker)
        return self.end(batch)

    def finish_large(self, batch: _native.FileBatch, index: int, chunker: _native.Chunker = CHUNKER) -> None:
        fd = batch.open_large(index)
        try:
            content = self.read(fd, chunker)
            batch.end_large(index, fd)
            batch.finish_large(index, content)
        finally:
            os.close(fd)

    def read(self, fd: int, chunker: _native.Chunker = CHUNKER) -> _native.ChunkList:
        reader, chunks = _native.FileReader(fd, chunker, HASHER), _native.ChunkList()
        while len(read := reader.read(1 << 16)):
            self.chunks.claim(read)
            chunks.extend(read)
        return chunks

    def forget(self) -> None:
        """What ends with an archive."""
        self.links = _native.HardLinks()
        files = _native.FilesCache("cis", 20)
        files.load(self.files.save())
        self.files = files

    def references(self) -> dict[bytes, int]:
        return {id_: entry[0] for id_ in self.chunks.ids() if (entry := self.chunks.get(id_))}


def add_all(batch: _native.FileBatch, listing: _native.DirectoryListing) -> None:
    """Everything below, in walk order."""
    for index, kind in enumerate(listing.kinds().decode()):
        batch.add(listing, index, index + 1)
        if kind == "d":
            add_all(batch, _native.scan_directory(listing, index))


def settle(*paths: Path) -> None:
    """The newest file of a run is never kept in the files cache: makes a newer one."""
    for path in paths:
        newest = path / "the newest"
        newest.touch()
        while newest.stat().st_ctime_ns <= max(entry.lstat().st_ctime_ns for entry in path.iterdir() if entry != newest):
            newest.touch()


# -- items -------------------------------------------------------------------------------------------------------------


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


def borg_stream(borg: Program, repository: Path, archive: str, place: Path) -> bytes:
    place.mkdir()
    borg.inside(place).run("debug", "dump-archive-items", f"{repository}::{archive}")
    return b"".join(piece.read_bytes() for piece in sorted(place.iterdir()))


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


# -- chunks ------------------------------------------------------------------------------------------------------------


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


# -- the files cache ---------------------------------------------------------------------------------------------------


def test_unchanged_files_are_not_read_again(workplace: Path) -> None:
    for name in ("kept", "touched", "gone"):
        (workplace / name).write_bytes(name.encode() * 100)
    os.setxattr(workplace / "kept", "user.x", b"1")
    settle(workplace)
    backup = Backup()
    first = backup.run(workplace)
    assert set(first.status.values()) == {"d", "A"}
    backup.forget()
    (workplace / "touched").write_bytes(b"other")
    (workplace / "new").write_bytes(b"n")
    (workplace / "gone").unlink()
    second = backup.run(workplace)
    status = {name.decode(): letter for name, letter in second.status.items()}
    assert status == {workplace.name: "d", "kept": "U", "touched": "M", "new": "A", "the newest": "A"}
    assert sorted(second.stored.sizes()) == [1, 5]
    kept = sha256(b"kept" * 100).digest()
    assert backup.references()[kept] == 2
    items = {item[b"path"].rpartition(b"/")[2]: item for item in second.items}
    assert items[b"kept"] == next(item for item in first.items if item[b"path"].endswith(b"/kept"))


def test_a_file_whose_chunks_are_gone_is_read_again(workplace: Path) -> None:
    content = random_content("x", 50_000)
    (workplace / "file").write_bytes(content)
    settle(workplace)
    backup = Backup()
    backup.run(workplace)
    backup.forget()
    lost = sha256(content[: CHUNKER.cut(content)[0]]).digest()
    backup.chunks.remove_references(lost)
    before = backup.references()
    second = backup.run(workplace)
    assert second.status[b"file"] == "M"
    assert second.stored.ids() == lost
    assert backup.references() == {id_: count + 1 for id_, count in before.items()} | {lost: 1}


@pytest.mark.parametrize("mode", ["cr", "d"])
def test_modes_that_do_not_consult_the_cache_read_everything(mode: str, workplace: Path) -> None:
    (workplace / "file").write_bytes(b"content")
    settle(workplace)
    backup = Backup()
    backup.run(workplace)
    saved = backup.files.save()
    backup.files, backup.links = _native.FilesCache(mode, 20), _native.HardLinks()
    backup.files.load(saved)
    assert backup.run(workplace).status[b"file"] == "A"


@pytest.mark.parametrize("start", [".", "relative", "../place", "absolute"])
def test_real_borgs_files_cache_is_understood(start: str, borg145: Program, workplace: Path, client_home: Path) -> None:
    """Paths are hashed as Borg does, whatever way they were given."""
    place, repository = workplace / "place", workplace / "repository"
    (place / "relative").mkdir(parents=True)
    (place / "relative" / "file").write_bytes(b"x" * 100)
    (place / "relative" / "link").hardlink_to(place / "relative" / "file")
    (place / "relative" / "empty").touch()
    os.utime(place / "relative" / "empty", ns=(0, 5 * SECOND_NS))
    settle(place / "relative")
    root = os.fsencode(place) if start == "absolute" else start.encode()
    borg145.run("init", "--encryption", "none", repository)
    borg145.inside(place).run("create", f"{repository}::a", root)
    theirs = borg_stream(borg145, repository, "a", workplace / "items")
    backup = Backup()
    backup.chunks.count_items(_native.ItemStream(), theirs)
    (cache,) = client_home.glob(".cache/borg/*/files")
    backup.files.load(cache.read_bytes())
    previous = Path.cwd()
    os.chdir(place)
    try:
        outcome = backup.run(root, chunker=_native.Chunker(("buzhash", 19, 23, 21, 4095), 0))
    finally:
        os.chdir(previous)
    assert sorted(letter for letter in outcome.status.values() if letter != "d") == ["A", "U", "U", "h"]
    assert outcome.status[b"the newest"] == "A"


def test_our_files_cache_equals_real_borgs(borg145: Program, workplace: Path, client_home: Path) -> None:
    tree, repository = workplace / "tree", workplace / "repository"
    build_plain(tree, files=40, size_bytes=100_000)
    settle(tree)
    borg145.run("init", "--encryption", "none", repository)
    borg145.run("create", f"{repository}::a", tree)
    (cache,) = client_home.glob(".cache/borg/*/files")
    backup = Backup()
    backup.run(tree, chunker=_native.Chunker(("buzhash", 19, 23, 21, 4095), 0))
    assert bytes(memoryview(backup.files.save())) == cache.read_bytes()


# -- hard links --------------------------------------------------------------------------------------------------------


def make_links(place: Path) -> list[bytes]:
    """Three names of a file in a directory each, in walk order."""
    for name in ("a", "b", "c"):
        (place / name).mkdir()
    (place / "a" / "link").write_bytes(b"linked content")
    (place / "b" / "link").hardlink_to(place / "a" / "link")
    (place / "c" / "link").hardlink_to(place / "a" / "link")
    return [os.path.join(directory, b"link") for directory, st in reference.entries_of(os.fsencode(place)) if st]


def replace(path: Path) -> None:
    """Another file of the same name."""
    path.with_name("replacement").write_bytes(b"another inode")
    path.with_name("replacement").rename(path)


def test_links_refer_to_the_first_across_batches(workplace: Path) -> None:
    names = make_links(workplace)
    backup = Backup()
    items = [backup.run(workplace / os.fsdecode(name), archived=name).items[0] for name in names]
    assert items[0][b"hardlink_master"] is True
    assert len(items[0][b"chunks"]) == 1
    for item in items[1:]:
        assert item[b"source"] == names[0]
        assert not {b"chunks", b"size", b"hardlink_master"} & item.keys()
    assert len(backup.links) == 1


def test_a_link_replaces_its_failed_master_in_the_same_batch(workplace: Path) -> None:
    names = make_links(workplace)
    backup = Backup()
    batch = backup.collect(workplace, archived=b"t")
    replace(workplace / os.fsdecode(names[0]))
    backup.begin(batch)
    outcome = backup.end(batch)
    assert [(path, code, operation) for _, path, code, operation in batch.failures()] == [
        (os.fsencode(workplace) + b"/" + names[0], 0, "race")
    ]
    second, third = (item for item in outcome.items if item[b"path"].endswith(b"/link"))
    assert (second[b"path"], second[b"hardlink_master"], second[b"size"]) == (b"t/" + names[1], True, 14)
    assert (third[b"path"], third[b"source"]) == (b"t/" + names[2], b"t/" + names[1])
    assert outcome.batch.totals() == (1, 14, 0)
    assert backup.references() == {sha256(b"linked content").digest(): 1}


def test_a_link_in_a_later_batch_becomes_master_after_a_failure(workplace: Path) -> None:
    names = make_links(workplace)
    backup = Backup()
    batch = backup.collect(workplace / os.fsdecode(names[0]))
    replace(workplace / os.fsdecode(names[0]))
    backup.begin(batch)
    assert backup.end(batch).items == []
    assert len(backup.links) == 0
    (item,) = backup.run(workplace / os.fsdecode(names[1]), archived=names[1]).items
    assert (item[b"hardlink_master"], item[b"size"]) == (True, 14)
    (item,) = backup.run(workplace / os.fsdecode(names[2]), archived=names[2]).items
    assert item[b"source"] == names[1]


def test_all_links_failing_leaves_nothing_behind(workplace: Path) -> None:
    names = make_links(workplace)
    backup = Backup()
    batch = backup.collect(workplace)
    for name in names:
        replace(workplace / os.fsdecode(name))
    backup.begin(batch)
    outcome = backup.end(batch)
    assert len(batch.failures()) == 3
    assert (len(backup.links), len(outcome.stored), len(outcome.items)) == (0, 0, 4)


def test_a_large_master_that_fails_is_replaced_by_a_large_link(workplace: Path) -> None:
    names = make_links(workplace)
    backup = Backup()
    batch = backup.collect(workplace, archived=b"t")
    backup.begin(batch, max_file_bytes=5)
    (first,) = batch.large()
    batch.fail_large(first, errno.EIO, True)
    (second,) = batch.large()
    assert second > first
    backup.finish_large(batch, second)
    outcome = backup.end(batch)
    assert [item[b"path"] for item in outcome.items if b"chunks" in item] == [b"t/" + names[1]]
    assert [item[b"source"] for item in outcome.items if b"source" in item] == [b"t/" + names[1]]
    assert batch.failures() == [(first, os.fsencode(workplace) + b"/" + names[0], errno.EIO, "read")]


def test_linked_fifos_and_devices(workplace: Path) -> None:
    os.mkfifo(workplace / "one")
    os.link(workplace / "one", workplace / "two")
    statuses = sorted(Backup().run(workplace).status.values())
    assert statuses == ["d", "f", "h"]


# -- failures and races ------------------------------------------------------------------------------------------------


def vanish(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def become_symlink(path: Path) -> None:
    vanish(path)
    path.symlink_to("/etc/passwd")


def become_fifo(path: Path) -> None:
    vanish(path)
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("file", vanish, (errno.ENOENT, "open")),
        ("file", replace, (0, "race")),
        ("file", become_symlink, (errno.ELOOP, "open")),
        ("file", become_fifo, (0, "race")),
        ("directory", vanish, (errno.ENOENT, "dir_open")),
        ("symlink", vanish, (errno.ENOENT, "readlink")),
        ("fifo", vanish, (errno.ENOENT, "listxattr")),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
)
def test_what_moves_underfoot_fails_alone(name: str, change: Any, expected: tuple[int, str], workplace: Path) -> None:
    place = workplace / "place"
    place.mkdir()
    (place / "bystander").write_bytes(b"unharmed")
    (place / "file").write_bytes(b"content")
    (place / "directory").mkdir()
    (place / "symlink").symlink_to("target")
    os.mkfifo(place / "fifo")
    backup = Backup()
    batch = backup.collect(place)
    change(place / name)
    backup.begin(batch)
    outcome = backup.end(batch)
    ((index, path, code, operation),) = batch.failures()
    assert (path, (code, operation)) == (os.fsencode(place / name), expected)
    assert batch.statuses()[index : index + 1] == b"E"
    assert len(outcome.items) == len(batch) - 1
    assert outcome.status[b"bystander"] == "A"


def test_a_directory_that_was_walked_is_archived_as_it_was(workplace: Path) -> None:
    (workplace / "directory").mkdir()
    (workplace / "directory" / "file").write_bytes(b"content")
    backup = Backup()
    batch = backup.collect(workplace)
    vanish(workplace / "directory" / "file")
    become_symlink(workplace / "directory")
    backup.begin(batch)
    outcome = backup.end(batch)
    assert [item[b"mode"] & 0o170000 for item in outcome.items] == [0o040000, 0o040000]
    assert [path for _, path, _, _ in batch.failures()] == [os.fsencode(workplace / "directory" / "file")]


def test_a_renamed_directory_does_not_matter(workplace: Path) -> None:
    place = workplace / "place"
    place.mkdir()
    (place / "file").write_bytes(b"content")
    (place / "symlink").symlink_to("target")
    os.setxattr(place / "symlink", "trusted.x", b"1", follow_symlinks=False)
    backup = Backup()
    listing = _native.scan_directory(_native.scan_root(os.fsencode(place), b"p"), 0)
    batch = _native.FileBatch(backup.options)
    batch.add(listing, 0, len(listing))
    place.rename(workplace / "elsewhere")
    backup.begin(batch)
    outcome = backup.end(batch)
    assert batch.failures() == []
    assert [item.get(b"xattrs") for item in outcome.items if b"source" in item] == [{b"trusted.x": b"1"}]


def test_an_unchanged_file_that_vanishes_gives_its_chunks_back(workplace: Path) -> None:
    (workplace / "file").write_bytes(b"content")
    os.setxattr(workplace / "file", "user.x", b"1")
    settle(workplace)
    backup = Backup()
    backup.run(workplace)
    backup.forget()
    batch = backup.collect(workplace)
    (workplace / "file").unlink()
    backup.begin(batch)
    backup.end(batch)
    assert [(code, operation) for _, _, code, operation in batch.failures()] == [(errno.ENOENT, "listxattr")]
    assert backup.references() == {sha256(b"content").digest(): 1}


# -- large files -------------------------------------------------------------------------------------------------------


def test_large_files_are_left_to_the_caller(workplace: Path) -> None:
    content = random_content("large", 100_000)
    (workplace / "large").write_bytes(content)
    (workplace / "small").write_bytes(b"s")
    backup = Backup()
    batch = backup.collect(workplace)
    backup.begin(batch, max_file_bytes=1000)
    (index,) = batch.large()
    with pytest.raises(ValueError, match="has not been read"):
        batch.encode(0, len(batch), backup.owners, backup.chunks)
    batch.claim(backup.chunks, 0, index)
    batch.encode(0, index, backup.owners, backup.chunks)
    backup.finish_large(batch, index)
    outcome = backup.end(batch)
    assert batch.large() == []
    assert batch.totals() == (2, 100_001, 0)
    (sizes,) = ([size for _, size, _ in item[b"chunks"]] for item in outcome.items if item[b"path"].endswith(b"large"))
    assert sizes == CHUNKER.cut(content)
    settle(workplace)
    backup.run(workplace)
    backup.forget()
    assert backup.run(workplace).status[b"large"] == "U"


@pytest.mark.parametrize(
    ("files_changed", "touch", "expected"),
    [
        ("ctime", os.chmod, "C"),
        ("mtime", os.chmod, "A"),
        ("mtime", os.truncate, "C"),
        ("disabled", os.truncate, "A"),
        ("ctime", None, "A"),
    ],
)
def test_changes_during_reading_are_noticed(files_changed: str, touch: Any, expected: str, workplace: Path) -> None:
    (workplace / "large").write_bytes(random_content("large", 5000))
    settle(workplace)
    backup = Backup(files_changed=files_changed)
    batch = backup.collect(workplace)
    backup.begin(batch, max_file_bytes=100)
    (index,) = batch.large()
    fd = batch.open_large(index)
    if touch:
        before = os.fstat(fd)
        while os.fstat(fd).st_ctime_ns == before.st_ctime_ns:
            touch(workplace / "large", 0o600 if touch is os.chmod else 3000)
    content = backup.read(fd)
    batch.end_large(index, fd)
    batch.finish_large(index, content)
    os.close(fd)
    outcome = backup.end(batch)
    assert outcome.status[b"large"] == expected
    assert batch.changed() == ([(index, "A")] if expected == "C" else [])
    assert len(backup.files) == (1 if expected == "C" else 2)


def test_a_large_file_that_was_replaced_is_not_opened(workplace: Path) -> None:
    (workplace / "large").write_bytes(bytes(5000))
    backup = Backup()
    batch = backup.collect(workplace / "large")
    backup.begin(batch, max_file_bytes=100)
    replace(workplace / "large")
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is what matters
        batch.open_large(0)
    assert caught.value.errno == errno.ESTALE
    batch.fail_large(0, errno.ESTALE, True)
    assert batch.failures() == [(0, os.fsencode(workplace / "large"), 0, "race")]
    assert backup.end(batch).items == []


def test_sparse_files_go_to_the_reader_that_knows_holes(workplace: Path) -> None:
    with (workplace / "sparse").open("wb") as file:
        file.write(b"x" * 4096)
        file.truncate(200_000)
    (workplace / "dense").write_bytes(b"y" * 4096)
    for sparse in (False, True):
        backup = Backup(sparse=sparse)
        batch = backup.collect(workplace)
        backup.begin(batch)
        assert [os.path.basename(batch.paths()[index]) for index in batch.large()] == ([b"sparse"] if sparse else [])


def test_part_items_are_as_borg_writes_them(workplace: Path) -> None:
    path = workplace / "file"
    path.write_bytes(random_content("part", 50_000))
    os.setxattr(path, "user.x", b"1")
    subprocess.run(["chattr", "+d", path], check=True)
    backup = Backup()
    batch = backup.collect(path, archived=b"dir/file")
    backup.begin(batch, max_file_bytes=100)
    fd = batch.open_large(0)
    chunks = backup.read(fd)
    backup.learn_owners(batch)
    (part,) = reference_items.decode(bytes(memoryview(batch.part(0, 3, chunks.part(1, 3), backup.owners, backup.chunks))))
    batch.end_large(0, fd)
    batch.finish_large(0, chunks)
    os.close(fd)
    (item,) = backup.end(batch).items
    assert (item.pop(b"xattrs"), item.pop(b"bsdflags")) == ({b"user.x": b"1"}, 1)
    parted = item[b"chunks"][1:3]
    changed = {b"path": b"dir/file.borg_part_3", b"part": 3, b"chunks": parted, b"size": sum(size for _, size, _ in parted)}
    assert part == item | changed


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
