"""What a mount shows is what `extract` restores, and where archives are merged or filtered, what Borg's mount shows.

Borg 1.2.4 is the oracle here: Debian's package comes with the library it mounts by. Its mount and that of 1.4.5 show the same.
"""

from __future__ import annotations

import os
import random
import shutil
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.archives import extract
from support.compare import assert_restored, snapshot
from support.direct_server import DirectServer, url
from support.mounts import mounted, paths_below
from support.programs import Program
from support.trees import build_every_kind, build_plain, random_content

Shown = dict[str, tuple[object, ...]]


def shown(place: Path) -> Shown:
    """Path -> what both mounts agree on. Borg gives directories that nobody archived the time of mounting."""
    found: Shown = {}
    for path in sorted(place.rglob("*")):
        status = path.lstat()
        kind = stat.S_IFMT(status.st_mode)
        content: bytes | str = path.read_bytes() if kind == stat.S_IFREG else ""
        if kind == stat.S_IFLNK:
            content = os.readlink(path)
        times = () if kind == stat.S_IFDIR else (status.st_mtime_ns, status.st_ctime_ns, status.st_atime_ns)
        found[str(path.relative_to(place))] = (
            oct(status.st_mode), status.st_uid, status.st_gid, status.st_rdev, status.st_size, content, times,
        )  # fmt: skip
    return found


@pytest.fixture
def every_kind(vinculum: Program, workplace: Path) -> Path:
    """A repository with one archive of everything there is; where it was extracted to."""
    source = workplace / "source"
    build_every_kind(source, big_bytes=9 << 20)
    vinculum.run("init", "-e", "repokey-blake2", "repo")
    vinculum.inside(source).run("create", "--atime", "../repo::all", ".")
    return extract(vinculum, workplace / "repo", "all", workplace / "extracted")


def test_a_mounted_archive_is_what_extract_restores(vinculum: Program, every_kind: Path, workplace: Path) -> None:
    expected = snapshot(every_kind)
    with mounted(vinculum, "repo::all", workplace / "mnt") as place:
        # The times of directories that are read later change in the original, hence a snapshot of each.
        assert_restored(expected, place)
        assert_links_are_counted(place)
    with mounted(vinculum, "repo", workplace / "mnt") as place:
        assert os.listdir(place) == ["all"]
        assert_restored(expected, place / "all")


def assert_links_are_counted(place: Path) -> None:
    names: dict[int, int] = {}
    for path in place.rglob("*"):
        if not path.is_dir() or path.is_symlink():
            names[path.lstat().st_ino] = names.get(path.lstat().st_ino, 0) + 1
    for path in place.rglob("*"):
        if not path.is_dir() or path.is_symlink():
            assert path.lstat().st_nlink == names[path.lstat().st_ino], path


def test_a_repository_elsewhere_is_mounted_as_one_here(vinculum: Program, every_kind: Path, workplace: Path) -> None:
    server = DirectServer(vinculum, workplace / "server")
    client = server.used_by(vinculum)
    with mounted(client, url(workplace / "repo"), workplace / "mnt") as place:
        assert_restored(snapshot(every_kind), place / "all")


def build_history(program: Program, place: Path) -> None:
    """Three archives of a directory in which most things change once."""
    top = place / "history"
    (top / "dir" / "deep").mkdir(parents=True)
    program.run("init", "-e", "none", "repo")
    for number, name in enumerate(("first", "second", "third")):
        (top / "text.tar.gz").write_bytes(f"version {number // 2}".encode())
        (top / "dir" / ".hidden").write_bytes(b"always the same")
        (top / "dir" / "deep" / "big").write_bytes(random_content(number, 3_000_000))
        (top / "empty").write_bytes(b"")
        (top / "dir" / f"only in {name}").write_bytes(name.encode())
        if number == 0:
            (top / "link").symlink_to("text.tar.gz")
            os.mkfifo(top / "pipe")
            os.link(top / "dir" / ".hidden", top / "dir" / "another name")
        program.inside(top).run("create", f"../repo::{name}", "dir", "text.tar.gz", "empty", "link", "pipe")


WAYS_TO_MOUNT: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("repo", ("-o", "versions"), ()),
    ("repo", ("-o", "versions", "--last", "2"), ("dir",)),
    ("repo", ("-o", "uid=7,gid=8,umask=027"), ()),
    ("repo", ("--glob-archives", "*ir*"), ("dir/deep", "empty")),
    ("repo", ("--first", "1", "--strip-components", "1"), ()),
    ("repo::third", ("--exclude", "dir/deep"), ()),
    ("repo::third", ("--numeric-ids",), ("sh:**/*n*",)),
    ("repo::second", ("--pattern=-dir/.hidden",), ()),
]


def test_the_same_is_shown_as_by_borg(vinculum: Program, borg124: Program, workplace: Path) -> None:
    build_history(vinculum, workplace)
    for location, options, paths in WAYS_TO_MOUNT:
        with mounted(borg124, location, workplace / "theirs", *options, paths=paths) as place:
            theirs = shown(place)
        with mounted(vinculum, location, workplace / "ours", *options, paths=paths) as place:
            ours = shown(place)
        assert theirs
        assert ours == theirs, f"{location} {options} {paths}"


def test_damaged_files_give_errors_unless_they_are_asked_for(vinculum: Program, borg145: Program, workplace: Path) -> None:
    source = workplace / "source"
    source.mkdir()
    (source / "lost").write_bytes(random_content(1, 3_000_000))
    (source / "sound").write_bytes(random_content(2, 3_000_000))
    vinculum.run("init", "-e", "none", "repo")
    vinculum.inside(source).run("create", "--chunker-params", "fixed,1000000", "../repo::a", "lost", "sound")
    dump = borg145.run("debug", "dump-archive", "repo::a", "-").out
    lost = dump.split('"path": "lost"')[0].rsplit('"chunks"', 1)[1].split("\\u007f")[2][:64]
    borg145.run("debug", "delete-obj", "repo", lost)

    with mounted(vinculum, "repo::a", workplace / "mnt") as place:
        with pytest.raises(OSError, match="Input/output error"):
            (place / "lost").read_bytes()
        with (place / "lost").open("rb") as file:
            assert file.read(500_000) == (source / "lost").read_bytes()[:500_000]
        assert (place / "sound").read_bytes() == (source / "sound").read_bytes()

    borg145.run("check", "--repair", "repo", code=None, BORG_CHECK_I_KNOW_WHAT_I_AM_DOING="YES")
    for location in ("repo::a", "repo"):
        with mounted(vinculum, location, workplace / "mnt") as place:
            top = place if "::" in location else place / "a"
            with pytest.raises(OSError, match="Input/output error"):
                (top / "lost").open("rb")
            assert (top / "sound").read_bytes() == (source / "sound").read_bytes()
    with mounted(vinculum, "repo::a", workplace / "mnt", "-o", "allow_damaged_files") as place:
        content = (place / "lost").read_bytes()
    original = (source / "lost").read_bytes()
    assert content == original[:1_000_000] + bytes(1_000_000) + original[2_000_000:]


def test_many_read_anything_anywhere_at_once(vinculum: Program, workplace: Path) -> None:
    """Eight readers, half of them in archive order; each anywhere in a file, then all through. The system forgets some of it.

    VINCULUM_MOUNT_SCALE=20 makes it 20 times as much.
    """
    scale = int(os.environ.get("VINCULUM_MOUNT_SCALE", "1"))
    source = workplace / "source"
    build_plain(source, files=300 * scale)
    for number in range(3):
        (source / f"large {number}").write_bytes(random_content(number, 12_000_000 * scale))
    vinculum.run("init", "-e", "repokey", "repo")
    vinculum.inside(source).run("create", "-C", "zstd", "../repo::a", ".")
    originals = {path.relative_to(source): path.read_bytes() for path in source.rglob("*") if path.is_file()}
    failures: list[str] = []

    def read(place: Path, seed: int) -> None:
        choose = random.Random(seed)
        paths = sorted(originals)
        if seed % 2:
            choose.shuffle(paths)
        for path in paths:
            original = originals[path]
            with (place / path).open("rb", buffering=0) as file:
                for _ in range(10):
                    if choose.random() < 0.1:
                        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                    offset, size = choose.randrange(len(original) + 10), choose.choice((1, 4096, 70_000, 1 << 20))
                    if os.pread(file.fileno(), size, offset) != original[offset : offset + size]:
                        failures.append(f"{size} bytes at {offset} of {path}")
            if (place / path).read_bytes() != original:
                failures.append(str(path))

    with mounted(vinculum, "repo::a", workplace / "mnt") as place:
        readers = [threading.Thread(target=read, args=(place, seed)) for seed in range(8)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    assert failures == []


@pytest.fixture
def device_for_everybody() -> Iterator[None]:
    """/dev/fuse with the permissions that udev gives it."""
    before = stat.S_IMODE(os.stat("/dev/fuse").st_mode)
    os.chmod("/dev/fuse", 0o666)
    yield
    os.chmod("/dev/fuse", before)


@pytest.mark.usefixtures("device_for_everybody")
def test_ordinary_users_mount_with_the_helper(vinculum: Program, client_home: Path) -> None:
    as_somebody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    # Not below pytest's directories, which are root's alone.
    with tempfile.TemporaryDirectory(prefix="somebody-") as temporary:
        here = Path(temporary)
        (here / "file").write_bytes(b"content")
        vinculum.inside(here).run("init", "-e", "none", "repo")
        vinculum.inside(here).run("create", "repo::a", "file")
        shutil.copytree(client_home, here / "home")
        (here / "mnt").mkdir()
        subprocess.run(["chown", "-R", "65534:65534", here], check=True)
        home = {"HOME": str(here / "home"), "BORG_BASE_DIR": str(here / "home")}
        somebody = vinculum.behind(*as_somebody).inside(here).with_environment(**home)
        with mounted(somebody, "repo::a", here / "mnt") as place:
            with pytest.raises(PermissionError):
                os.listdir(place)  # root, too, has no business there
            read = subprocess.run([*as_somebody, "cat", place / "file"], capture_output=True, check=True)
            assert read.stdout == b"content"


def test_archives_are_directories_before_anybody_enters_them(vinculum: Program, workplace: Path) -> None:
    build_history(vinculum, workplace)
    with mounted(vinculum, "repo", workplace / "mnt") as place:
        assert os.listdir(place) == ["first", "second", "third"]
        inode = (place / "third").stat().st_ino
        assert "third/dir/deep/big" in paths_below(place)
        assert (place / "third").stat().st_ino == inode
        assert len({path.lstat().st_ino for path in (place / "first", place / "second", place / "first" / "dir")}) == 3
