"""Archives that we make of tars are those that Borg makes, item by item; damaged tars make none and are told in one line."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.archives import dump, extract, list_archives
from support.compare import assert_restored, snapshot
from support.programs import Program
from support.repositories import stored_bytes
from support.trees import build_every_kind, build_plain, random_content, text_content, write_files
from support.twins import Twins
from support.waiting import wait_until

pytestmark = pytest.mark.can_be_far

FORMATS = {
    "v7": "buzhash,19,23,21,4095",
    "oldgnu": "14,20,17,4095",
    "gnu": "fixed,65536",
    "ustar": "fixed,65536,100",
    "pax": "buzhash,10,23,16,4095",
}


def make_tar(name: str, *arguments: str, cwd: Path) -> Path:
    """A tar made by GNU tar."""
    subprocess.run(["tar", "cf", name, *arguments], cwd=cwd, check=True, capture_output=True)
    return cwd / name


def members(*described: dict[str, object]) -> bytes:
    """A tar in pax format of members with these fields; `content` is one of them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for fields in described:
            member = tarfile.TarInfo()
            content = fields.get("content", b"")
            assert isinstance(content, bytes)
            member.size = len(content)
            for field in fields.keys() - {"content"}:
                setattr(member, field, fields[field])
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def one_member(name: str, content: bytes = b"", **fields: object) -> bytes:
    return members({"name": name, "content": content, **fields})


def same_import(twins: Twins, archive: str, *args: str, stdin: bytes = b"", code: int = 0) -> None:
    """Fails unless both say the same and make the same archive. Borg counts each file twice (once for every counter)."""
    twins.same("import-tar", "--list", *args[:-1], f"REPO::{archive}", args[-1], stdin=stdin, code=code)
    twins.same_archive(archive, ignoring=("nfiles",))
    theirs, ours = (twins.dump(name, archive)["_meta"]["nfiles"] for name in ("theirs", "ours"))
    assert theirs == 2 * ours


@pytest.mark.parametrize("form", FORMATS)
def test_every_kind_in_every_format(form: str, twins: Twins, workplace: Path) -> None:
    build_every_kind(workplace / "tree", big_bytes=5 << 20)
    sparse = ["--sparse"] if form in ("gnu", "pax") else []
    done = subprocess.run(
        ["tar", "cf", "x.tar", f"--format={form}", *sparse, "tree"], cwd=workplace, capture_output=True, check=False
    )
    assert done.returncode in (0, 2)  # not every format can hold everything
    with tarfile.open(workplace / "x.tar") as tar:
        assert len(tar.getmembers()) > 80
    same_import(twins, "x", "--chunker-params", FORMATS[form], "x.tar")


@pytest.mark.also_far
def test_exports_come_back(twins: Twins, workplace: Path) -> None:
    """Also of what is bigger than a batch."""
    build_plain(workplace / "tree", files=100)
    (workplace / "tree" / "large").write_bytes(random_content("large", 17 << 20))
    os.link(workplace / "tree" / "large", workplace / "tree" / "link")
    twins.same("create", "REPO::x", "tree")
    tar = twins.same("export-tar", "REPO::x", "-", code=0, exact=True).stdout
    same_import(twins, "y", "-", stdin=tar)
    assert twins.same("export-tar", "REPO::y", "-", code=0, exact=True).stdout == tar


def test_many_small_files(twins: Twins) -> None:
    """More than are gathered at once, some of them equal or empty, with directories in between."""
    described: list[dict[str, object]] = [{"name": f"f{number}", "content": b"%d" % (number // 2)} for number in range(2100)]
    for number in range(0, 2100, 50):
        described[number] = {"name": f"e{number}"} if number % 100 else {"name": f"d{number}", "type": tarfile.DIRTYPE}
    same_import(twins, "x", "-", stdin=members(*described))


def test_what_was_imported_can_be_restored(vinculum: Program, borg145: Program, workplace: Path) -> None:
    build_plain(workplace / "tree", files=30)
    (workplace / "tree" / "large").write_bytes(random_content("large", 9 << 20))
    os.link(workplace / "tree" / "large", workplace / "tree" / "link")
    os.symlink("large", workplace / "tree" / "symlink")
    original = snapshot(workplace / "tree")
    make_tar("x.tar", "--format=pax", "tree", cwd=workplace)
    vinculum.run("init", "--encryption", "repokey", "repository")
    vinculum.run("import-tar", "repository::x", "x.tar")
    for program in (vinculum, borg145):
        restored = extract(program, workplace / "repository", "x", workplace / f"by {program}")
        # A time of pax headers goes through a floating point number, which does not hold all nanoseconds.
        assert_restored(original, restored / "tree", ignoring=("mtime_ns",))
    borg145.run("check", "--verify-data", "repository")


NAMES = ["./a", "/absolute", "../../above", "a/../b", "..", ".", "a//b/", "n" * 300, "not utf-8 \udcff", "/", "a/./b", "\n"]


def test_names(twins: Twins) -> None:
    tar = members(
        *({"name": name, "content": b"x"} for name in NAMES), *({"name": name, "type": tarfile.DIRTYPE} for name in NAMES)
    )
    same_import(twins, "x", "-", stdin=tar)


def test_odd_fields(twins: Twins) -> None:
    odd: list[dict[str, object]] = [
        {"mtime": 1.5},
        {"mtime": 1234567890.123456789},
        {"mtime": -5},
        {"mtime": 1 << 40},
        {"uid": 1 << 40, "gid": 1 << 31},
        {"mode": 0o170777},
        {"uname": "näme", "gname": "g" * 40},
        {"type": tarfile.SYMTYPE, "linkname": "../not/./normal"},
        {"type": tarfile.LNKTYPE, "linkname": "./dot"},
        {"type": tarfile.CHRTYPE, "devmajor": 5, "devminor": 70000},
        {"type": tarfile.CONTTYPE},
        {"type": b"Z"},
        {"type": b"D"},
    ]
    tar = members(*({"name": f"x{number}", **fields} for number, fields in enumerate(odd)))
    same_import(twins, "x", "-", stdin=tar, code=1)


def test_tars_in_a_row(twins: Twins) -> None:
    row = one_member("a", b"1" * 1000) + one_member("b", b"2")
    same_import(twins, "first", "-", stdin=row)
    same_import(twins, "both", "--ignore-zeros", "-", stdin=row)
    assert [path for path in twins.same_archive("both", ignoring=("nfiles",)) if path] == ["a", "b"]
    same_import(twins, "unmarked", "-", stdin=one_member("a", b"1")[: 3 * tarfile.BLOCKSIZE])


def test_decompressors(twins: Twins, workplace: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("gzip", "bzip2", "xz", "lz4", "zstd"):
        (programs / name).write_text(f'#!/bin/sh\ntest "$*" = -d && sed "1s/^{name}//"\n')
        (programs / name).chmod(0o755)
    twins.environment["PATH"] = f"{programs}:{os.environ['PATH']}"
    tar = one_member("a", b"content")
    endings = {"gzip": "tar.gz tgz", "bzip2": "tar.bz2 tbz", "xz": "tar.xz txz", "lz4": "tar.lz4", "zstd": "tar.zst tar.zstd"}
    for program, names in endings.items():
        for name in names.split():
            (workplace / f"x.{name}").write_bytes(program.encode() + tar)
            same_import(twins, name, f"x.{name}")
    (workplace / "plain.tgz").write_bytes(tar)
    same_import(twins, "none", "--tar-filter", "", "plain.tgz")
    same_import(twins, "chosen", "--tar-filter", "tr c C", "plain.tgz")
    del twins.environment["PATH"]
    same_import(twins, "real", "--tar-filter", "gzip -d", "-", stdin=gzip.compress(tar))


def test_a_filter_may_go_on_after_the_end_of_the_tar(vinculum: Program, workplace: Path) -> None:
    """More than a pipe holds."""
    packed = gzip.compress(one_member("a", b"1") + bytes(5 << 20))
    (workplace / "x.tgz").write_bytes(packed)
    vinculum.run("init", "--encryption", "none", "repository")
    vinculum.run("import-tar", "repository::x", "x.tgz")
    assert list_archives(vinculum, workplace / "repository") == ["x"]


def test_statistics_and_settings(twins: Twins, workplace: Path) -> None:
    write_files(workplace / "tree", {"a": text_content(1, 3000), "b/c": b"", "b/d": text_content(2, 5 << 20)})
    tar = make_tar("x.tar", "tree", cwd=workplace)
    settings = ["--comment", "of {hostname}", "--timestamp", "2020-02-02T02:02:02", "--compression", "auto,lz4"]
    for number, option in enumerate(("--stats", "--quick-stats", "--json")):
        theirs, ours = twins.both("import-tar", option, *settings, f"REPO::{number}", str(tar))
        shown = [
            [line for line in done.err.splitlines() + done.out.splitlines() if not _is_volatile(line)]
            for done in (theirs, ours)
        ]
        assert shown[0]
        assert [line.replace("twin-a", "twin-b") for line in shown[0]] == shown[1]
        twins.same_archive(str(number), ignoring=("nfiles", "cmdline"))
    assert json.loads(ours.stdout)["archive"]["stats"]["nfiles"] == 3
    twins.same("import-tar", "--list", "--filter", "d", "REPO::filtered", str(tar), code=0)
    twins.same("import-tar", "--log-json", "--list", "REPO::json", str(tar), code=0)
    twins.same("import-tar", "REPO::json", str(tar), code=2)
    progress = twins.both("import-tar", "--log-json", "--progress", "REPO::progress", str(tar))
    for done in progress:
        assert '"type": "archive_progress", "finished": false' in done.err
        assert '"type": "archive_progress", "finished": true' in done.err


def _is_volatile(line: str) -> bool:
    words = (
        "fingerprint",
        "Time",
        "Duration",
        "Number of files",
        '"nfiles"',
        '"id"',
        '"start"',
        '"end"',
        "duration",
        "max_arc",
    )
    return any(word in line for word in (*words, "last_modified", "borg", "Utilization", "All archives", "_csize"))


def damaged(tar: bytes, offset: int) -> bytes:
    return tar[:offset] + bytes([tar[offset] ^ 0x55]) + tar[offset + 1 :]


def two_members(content: bytes = b"1" * 1000) -> bytes:
    """Headers at 0 and 1536, marks of the end at 2560."""
    end = 3 * tarfile.BLOCKSIZE
    return one_member("a", content)[:end] + one_member("b", b"2")


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "empty file"),
    "no tar": (lambda _: b"no tar" * 1000, ""),
    "first header": (lambda tar: damaged(tar, 100), ""),
    "later header": (lambda tar: damaged(tar, 1536 + 100), "bad checksum at offset 1536"),
    "cut in content": (lambda tar: tar[:1000], "unexpected end of data"),
    "cut in a header": (lambda tar: tar[: 1536 + 100], "truncated header at offset 1536"),
    "no number": (lambda _: one_member("x", pax_headers={"mtime": "nan"}), "bad numbers in the header of x"),
    "endless": (lambda _: one_member("x", pax_headers={"mtime": "inf"}), "bad numbers in the header of x"),
    "huge number": (lambda _: one_member("x", pax_headers={"uid": "9" * 30}), "bad numbers in the header of x"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_tars(damage: str, vinculum: Program, workplace: Path) -> None:
    change, told = DAMAGES[damage]
    vinculum.run("init", "--encryption", "none", "repository")
    done = vinculum.run("import-tar", "repository::x", "-", stdin=change(two_members()), code=2)
    assert done.err.startswith("Error: the tar cannot be read: ")
    assert told in done.err
    assert done.err.count("\n") == 1
    assert list_archives(vinculum, workplace / "repository") == []
    vinculum.run("import-tar", "repository::x", "-", stdin=two_members())


def test_filters_that_fail(vinculum: Program, workplace: Path) -> None:
    """Even one that gave a whole tar before: nobody knows what is missing."""
    vinculum.run("init", "--encryption", "none", "repository")
    (workplace / "x.tar").write_bytes(two_members())
    for command, told in (
        ("sh -c 'cat; exit 3'", "Error: filter sh -c 'cat; exit 3' failed, rc=3\n"),
        ("missing", "Error: fil"),
    ):
        done = vinculum.run("import-tar", "--tar-filter", command, "repository::x", "x.tar", code=2)
        assert done.err.startswith(told)
        assert done.err.count("\n") == 1
    done = vinculum.run("import-tar", "repository::x", "missing.tar", code=2)
    assert done.err == "Error: [Errno 2] No such file or directory: 'missing.tar'\n"
    assert list_archives(vinculum, workplace / "repository") == []


def test_stopping_leaves_a_checkpoint(vinculum: Program, borg145: Program, workplace: Path) -> None:
    """In the middle of a large file too: what was read of it is a part file then."""
    os.mkfifo(workplace / "pipe")
    vinculum.run("init", "--encryption", "none", "repository")
    importing = vinculum.start("import-tar", "repository::x", "pipe")
    content = random_content("stopped", 40 << 20)
    tar = one_member("large", content)
    with open(workplace / "pipe", "wb", buffering=0) as pipe:
        pipe.write(tar[: 24 << 20])
        wait_until(lambda: stored_bytes(workplace / "repository") >= 4 << 20, "something is stored")
        os.kill(importing.pid, signal.SIGINT)
        try:
            pipe.write(tar[24 << 20 :])
        except BrokenPipeError:
            pass
    _, told = importing.communicate(timeout=30)
    assert importing.returncode == 2
    assert told == b"Error: Got Ctrl-C / SIGINT.\n"
    name = "x.checkpoint"
    assert borg145.run("list", "--short", "--consider-checkpoints", "repository").out == f"{name}\n"
    parts = borg145.run("extract", "--stdout", "--consider-part-files", f"repository::{name}").stdout
    assert len(parts) > 1 << 20
    assert content.startswith(parts)


def test_checkpoints_leave_nothing_behind(vinculum: Program, borg145: Program, workplace: Path) -> None:
    """Between small files and within a large one."""
    build_plain(workplace / "tree", files=50)
    (workplace / "tree" / "large").write_bytes(random_content("large", 30 << 20))
    tar = make_tar("x.tar", "tree", cwd=workplace).read_bytes()
    os.mkfifo(workplace / "pipe")
    vinculum.run("init", "--encryption", "repokey", "repository")
    importing = vinculum.start("import-tar", "--checkpoint-interval", "1", "repository::x", "pipe")
    with open(workplace / "pipe", "wb", buffering=0) as pipe:
        pipe.write(tar[: 25 << 20])
        time.sleep(1.2)
        pipe.write(tar[25 << 20 :])
    assert importing.communicate(timeout=30) == (b"", b"")
    assert importing.returncode == 0
    assert list_archives(borg145, workplace / "repository") == ["x"]
    restored = extract(borg145, workplace / "repository", "x", workplace / "restored")
    assert_restored(workplace / "tree", restored / "tree", ignoring=("mtime_ns",))
    borg145.run("check", "repository")
    nfiles, parts = (dump(borg145, workplace / "repository", "x")["_meta"][field] for field in ("nfiles", "nfiles_parts"))
    assert nfiles == 51
    assert parts >= 2
