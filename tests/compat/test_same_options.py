"""Options of create, from attributes to statistics: what Borg 1.4.5 and we make of the same command line on the same tree."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.trees import build_every_kind, write_files
from support.twins import Twins

pytestmark = pytest.mark.can_be_far


@pytest.fixture(autouse=True)
def tree(workplace: Path, twins: Twins) -> Path:
    """Every kind of file; both programs start in it."""
    build_every_kind(workplace / "tree", big_bytes=2 << 20)
    # In modes that compare mtimes Borg never finds it unchanged, since its files cache knows no time before 1970.
    (workplace / "tree" / "times" / "before 1970").unlink()
    twins.cwd = workplace / "tree"
    return workplace / "tree"


OPTIONS = [
    "",
    "--numeric-ids",
    "--atime",
    "--noctime",
    "--nobirthtime",
    "--noflags",
    "--noacls",
    "--noxattrs",
    "--exclude-nodump --list",
    "--numeric-ids --atime --noctime --noflags --noacls --noxattrs",
    "--files-cache=disabled --list",
    "--files-cache=ctime,size --list",
    "--files-cache=mtime,size,inode --list",
    "--files-cache=mtime,size --list",
    "--files-cache=rechunk,ctime --list",
    "--files-cache=size --list",
    "--files-changed=mtime",
    "--compression=none",
    "--compression=zstd,10",
    "--compression=zlib,3",
    "--compression=lzma,1",
    "--compression=auto,zstd",
    "--chunker-params=fixed,4096",
    "--chunker-params=fixed,4096,100",
    "--chunker-params=buzhash,10,16,12,4095",
    "--chunker-params=12,18,15,1023",
    "--sparse --chunker-params=fixed,65536",
    "--sparse",
    "--timestamp=2020-01-02T03:04:05",
    "--timestamp=content",
    "--one-file-system --list",
    "--verbose --list",
    "--list --filter=AME",
    "--list --filter=xd-",
    "--log-json --list --show-rc",
    "--quick-stats",
    "--checkpoint-interval=5 --umask=022 --lock-wait=5",
]


def test_options(twins: Twins) -> None:
    for number, line in enumerate(OPTIONS):
        twins.same("create", *line.split(), f"REPO::{number}", ".", code=0)
        twins.same_archive(str(number))


def test_comments_and_names(twins: Twins) -> None:
    names = {"BORG_HOSTNAME": "host.example.org", "BORG_USERNAME": "somebody"}
    twins.same("create", "--comment", "{hostname} {{x}} ü\n{user}", "REPO::{hostname}-{user}-{{x}} ∆", "content", **names)
    twins.same("create", "REPO::empty", "content", BORG_HOSTNAME="", BORG_USERNAME="")
    for name in ("host.example.org-somebody-{{x}} ∆", "empty"):
        twins.same_archive(name)
    twins.same("list", "--short", "--glob-archives", "{hostname}*", "REPO", code=0, **names)
    for name in ("x y", "x:y", "x::y", "a/b", "-dash", "x\ny", " lead", "trail ", "n" * 300, "{nosuch}", "{", "{now:%Y}", ""):
        twins.same("create", f"REPO::{name}", "content/text", only="code")
    twins.same("list", "--short", "REPO", code=0)


STATISTICS = [
    "--stats",
    "--stats --iec",
    "--quick-stats",
    "--json",
    "--quick-stats --json",
    "--log-json --stats -v",
    "--stats --list",
]


def test_statistics(twins: Twins) -> None:
    for number, line in enumerate(STATISTICS):
        twins.same("create", *line.split(), "--compression=none", f"REPO::{number}", "content", "sparse", "links and nodes")
    for command in (
        "info REPO",
        "info REPO::3",
        "info --json REPO",
        "info --json REPO::3",
        "info --iec REPO::1",
        "info --last 2 REPO",
    ):
        twins.same(*command.split(), code=0)
    for command in ("create REPO::x .", "create --dry-run REPO::x .", "delete REPO::0", "prune --keep-last 1 REPO"):
        twins.same(*command.split(), "--stats", "--quick-stats", code=2, only="code stdout")


def test_the_archive_that_is_made_is_named_as_it_was_written(twins: Twins) -> None:
    told = twins.same("create", "--verbose", "REPO/../repository::{user}-1", "content", code=0)
    assert "/../repository::" in told.err


INPUT = b"some input\n" * 100
STDIN = [
    "--stdin-name=foo",
    "--stdin-name=a/b/c",
    "--stdin-name=/abs",
    "--stdin-name=./a/../b",
    "--stdin-name=ü",
    "--stdin-user=daemon --stdin-group=daemon",
    "--stdin-mode=777",
    "--stdin-mode=7777",
    "--stdin-mode=100644",
    "--numeric-ids --noctime --atime",
    "--chunker-params=fixed,64 --sparse",
    "--exclude=stdin",
    "--dry-run",
]
TIMES = ("mtime", "atime", "ctime", "items")


def test_standard_input(twins: Twins) -> None:
    for number, line in enumerate(STDIN):
        twins.same("create", "--list", *line.split(), f"REPO::{number}", "-", stdin=INPUT, code=0)
        if line != "--dry-run":
            twins.same_archive(str(number), ignoring=TIMES)
    twins.same("create", "--list", "REPO::mixed", "content", "-", "names", stdin=INPUT)
    twins.same("create", "--list", "REPO::twice", "-", "-", stdin=INPUT)
    twins.same("create", "--list", "REPO::empty", "-")
    for name in ("mixed", "twice", "empty"):
        twins.same_archive(name, ignoring=TIMES)
    twins.same("create", "--stdin-user=nosuch", "REPO::x", "-", stdin=INPUT, code=2, only="code")


def test_commands(twins: Twins) -> None:
    twins.same("create", "--list", "--content-from-command", "REPO::1", "--", "echo", "hi", code=0)
    twins.same("create", "--list", "--content-from-command", "--stdin-name=x", "REPO::2", "echo", "hi", code=0)
    twins.same("create", "--list", "--content-from-command", "REPO::3", "--", "cat", stdin=INPUT, code=0)
    twins.same("create", "--list", "--content-from-command", "REPO::x", "--", "sh", "-c", "echo hi; exit 3", code=2)
    twins.same("create", "--list", "--content-from-command", "REPO::x", "--", "sh", "-c", "kill -9 $$", code=2)
    twins.same("create", "--list", "--content-from-command", "REPO::x", "--", "nosuchcommand", code=2)
    twins.same("create", "--list", "--content-from-command", "--dry-run", "REPO::x", "--", "sh", "-c", "echo run >&2", code=0)
    twins.same("create", "--list", "--content-from-command", "REPO::4", "--", "sh", "-c", "env | grep PASSPHRASE; true", code=0)
    twins.same(
        "create", "--list", "--paths-from-command", "REPO::5", "--", "printf", "content\nnames\\ncontent/text\\n", code=0
    )
    find = ["find", ".", "-name", "*a*", "-print0"]
    twins.same("create", "--list", "--paths-from-command", "--paths-delimiter", r"\0", "REPO::6", "--", *find, code=0)
    twins.same("create", "--paths-from-command", "REPO::x", "--", "sh", "-c", "echo content; exit 4", code=2)
    for option in ("--content-from-command", "--paths-from-command"):
        twins.same("create", option, "REPO::x", code=2, only="code")
    for name in "123456":
        twins.same_archive(name, ignoring=TIMES)
    twins.same("list", "--short", "REPO", code=0)


PATHS = [
    ("", b"content\ncontent/text\nnames\n./content/big\nmissing\n\n"),
    (r"\0", b"content\0content/text\0names/new\nline\0"),
    (", ", b"content, content/text, names"),
    (r"\t", b"content\tcontent/text"),
    ("nt", b"contentntcontent/big"),
    ("", b"content/text \n names\ncontent/text\ncontent/text"),
    ("", b"-\nnames/not utf-8 \xff\xfe\n..\n.\n/\ncontent/./text\nnames/\n/./\n"),
    ("", b"links and nodes/fifo-1\nlinks and nodes/socket\nlinks and nodes/linked-2\nlinks and nodes/linked-1\n"),
    ("", b""),
]


def test_paths_from_standard_input(twins: Twins) -> None:
    for number, (delimiter, paths) in enumerate(PATHS):
        options = ["--list", "--paths-from-stdin", "--paths-delimiter", delimiter]
        twins.same("create", *options, f"REPO::{number}", stdin=paths)
        twins.same_archive(str(number))
        twins.same("create", *options, "--dry-run", "REPO::x", stdin=paths)
    for wrong in (["content"], ["--content-from-command", "--", "echo"], ["--pattern=R content"]):
        twins.same("create", "--paths-from-stdin", "REPO::x", *wrong, stdin=b"names\n", code=2, only="code")


def test_special_files(twins: Twins, workplace: Path) -> None:
    place = workplace / "special"
    write_files(place, {"file": b"f"})
    for name, target in (
        ("to fifo", "fifo"),
        ("to null", "/dev/null"),
        ("dangling", "nowhere"),
        ("to file", "file"),
        ("to dir", "."),
    ):
        os.symlink(target, place / name)
    os.mkfifo(place / "fifo")
    os.mknod(place / "null", 0o020666, os.makedev(1, 3))
    os.link(place / "null", place / "null again")
    with socket.socket(socket.AF_UNIX) as listener:
        fd = os.open(place, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{fd}/socket")
        os.close(fd)
    twins.cwd = place
    twins.same("create", "--list", "REPO::1", ".", "socket", code=0)
    nodes = ["null", "null again", "to null", "dangling", "to file", "to dir", "socket"]
    twins.same("create", "--list", "--read-special", "REPO::2", *nodes, code=0)
    twins.same("create", "--list", "--read-special", "--dry-run", "REPO::x", ".", code=0)
    for number, arguments in enumerate((["fifo"], ["-e", "to fifo", "."], ["-e", "fifo", "."])):
        feeder = threading.Thread(target=feed, args=(place / "fifo", b"fed" * 10_000), daemon=True)
        feeder.start()
        twins.same("create", "--list", "--read-special", *arguments[:-1], f"REPO::{3 + number}", arguments[-1], code=0)
        feeder.join(10)
    for name in "12345":
        twins.same_archive(name, ignoring=TIMES)


def feed(fifo: Path, content: bytes) -> None:
    for _ in range(2):
        with open(fifo, "wb") as file:
            file.write(content)
        time.sleep(0.2)  # the first reader has to see the end


@pytest.fixture
def mount(tree: Path) -> Iterator[Path]:
    point = tree / "content" / "mount"
    write_files(point, {"below": b"b"})
    subprocess.run(["mount", "-t", "tmpfs", "none", point], check=True)
    write_files(point, {"in": b"in", "sub/x": b"x"})
    yield point
    subprocess.run(["umount", point], check=True)


@pytest.mark.usefixtures("mount")
def test_other_file_systems(twins: Twins) -> None:
    number = 0
    for options in (
        "-x",
        "",
        "-x -e content/mount",
        "-x --exclude-if-present in",
        "--exclude-if-present in --keep-exclude-tags -x",
    ):
        for roots in ("content", "content/mount", "content content/mount", "content/mount content", "content/mount/sub ."):
            number += 1
            twins.same("create", *options.split(), "--list", f"REPO::{number}", *roots.split(), code=0)
            twins.same_archive(str(number))


def test_what_is_no_text_does_not_harm_the_archive(twins: Twins, workplace: Path) -> None:
    """Borg 1.4.5 fails to make such archives, and its check of the repository would fail if their objects held it."""
    twins.cwd = workplace
    write_files(workplace, {"no text \udcff": b"x"})
    assert twins.run("theirs", "create", "REPO::1", "no text \udcff").code == 2
    for number, arguments in enumerate((["REPO::0", "no text \udcff"], ["--comment", "c \udcfe", "REPO::1", "tree"])):
        assert twins.run("ours", "create", *arguments).code == 0
        assert twins.dump("ours", str(number))["_meta"]["cmdline"][-1] in ("no text ?", "tree")
    refused = twins.run("ours", "create", "REPO::name \udcff", "tree")
    assert (refused.code, refused.err) == (2, "Error: The archive name 'name \\udcff' is no UTF-8 text.\n")
    assert twins.borg_on_ours("check", "--verify-data", "REPO").code == 0
    assert twins.borg_on_ours("info", "REPO::0").code == 0


def test_progress_begins_and_ends(twins: Twins) -> None:
    for name in ("theirs", "ours"):
        lines = twins.run(name, "create", "--progress", "--log-json", "REPO::1", "content").err.splitlines()
        shown = [line for line in lines if '"archive_progress"' in line]
        assert '"nfiles": 0, "path": "content"' in shown[0]
        assert '"finished": true' in shown[-1]
