"""What Borg 1.4.5 and we show of repositories and archives: list and info with their keys, filters and paths."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from support.programs import Program
from support.trees import build_every_kind, write_files
from support.twins import Twins

pytestmark = pytest.mark.can_be_far


@pytest.fixture(autouse=True)
def tree(workplace: Path, twins: Twins) -> Path:
    """Every kind of file, in archives with all sorts of names."""
    tree = workplace / "tree"
    build_every_kind(tree / "k", big_bytes=200_000)
    write_files(tree, {"a/one": b"1", "a/b/three": b"3", "c/file.o": b"o"})
    twins.cwd = tree
    for name, options in (
        ("one", []),
        ("two.checkpoint", ["--comment", 'a "c" ü']),
        ("host-2020 x", ["--timestamp", "2020-02-03T04:05:06", "--numeric-ids", "--atime", "--noctime"]),
        ("ü∆", ["--timestamp", "1975-01-01T00:00:00", "--comment", "multi\nline"]),
        ("b{{x}}", []),
    ):
        twins.same("create", "--compression=none", *options, f"REPO::{name}", ".", code=0)
    return tree


ARCHIVE_KEYS = [
    "archive",
    "name",
    "barchive",
    "bcomment",
    "comment",
    "command_line",
    "end",
    "hostname",
    "id",
    "start",
    "tam",
    "time",
    "username",
]
ARCHIVE_FORMATS = [
    *(f"{{{key}}}{{NL}}" for key in ARCHIVE_KEYS),
    "{archive:>10}|{NL}",
    "{time:%Y-%m-%d %H}{NL}",
    "{end:%z|%Z}{NL}",
    "{name!r}{TAB}{SPACE}{LF}",
    "{comment:.3}{NEWLINE}",
    "{{x}}{CR}{NUL}{NL}",
    "{username:10}{hostname:5}{NL}",
    "",
]
FILTERS = [
    "--short",
    "--json",
    "--json --format {comment}",
    "--json --format {end}{hostname}{username}{command_line}{tam}{bcomment}",
    "--json --short --last 1",
    "--consider-checkpoints",
    "--short --consider-checkpoints",
    "-a o*",
    "-a *o* --short",
    "-a [ot]* --short --consider-checkpoints",
    "-a ?? --short",
    "-a re:^o",
    "-a ''",
    "-P one",
    "-P ''",
    "-P nosuch",
    "--first 1",
    "--last 2",
    "--first 2 --sort-by name",
    "--last 2 --sort-by archive --short",
    "--sort-by timestamp,name",
    "--iec -v",
]


def test_archives(twins: Twins) -> None:
    for format_text in ARCHIVE_FORMATS:
        twins.same("list", "--format", format_text, "REPO", code=0)
    for line in FILTERS:
        twins.same("list", *shlex.split(line), "REPO", code=0)
        if "--consider" not in line and "--format" not in line and "--short" not in line:
            twins.same("info", *shlex.split(line), "REPO", code=0)
    for name in ("one", "two.checkpoint", "host-2020 x", "ü∆", "b{{x}}"):
        twins.same("info", f"REPO::{name}", code=0)
        twins.same("info", "--json", f"REPO::{name}", code=0)
    for line in ("--sort-by nosuch", "--first 0", "--first x", "--first 1 --last 1", "-P a -a b", "--json-lines", "--nosuch"):
        twins.same("list", *line.split(), "REPO", code=2, only="code")
    twins.same("list", "REPO::nosuch", code=2)
    twins.same("info", "REPO::nosuch", code=2)


ITEM_KEYS = [
    "type",
    "mode",
    "uid",
    "gid",
    "user",
    "group",
    "path",
    "source",
    "linktarget",
    "flags",
    "size",
    "csize",
    "dsize",
    "dcsize",
    "num_chunks",
    "unique_chunks",
    "mtime",
    "ctime",
    "atime",
    "isomtime",
    "isoctime",
    "isoatime",
    "md5",
    "sha1",
    "sha256",
    "sha512",
    "blake2b",
    "xxh64",
    "archivename",
    "extra",
    "health",
]
ITEM_FORMATS = [
    "{mode:>12}|{path!r}{NL}",
    "{size:8d} {csize}{TAB}{NUL}{NL}",
    "{mtime:%Y}|{ctime:%j %z}{NL}",
    "{user:<3}|{group:>9}{NL}",
    "{path:.5}{num_chunks:04d}{flags:x}{NL}",
    "{LF}{SPACE}{{}}",
    "",
]


@pytest.mark.parametrize("archive", ["one", "host-2020 x"])
def test_items(twins: Twins, archive: str) -> None:
    for zone in ("UTC", "America/St_Johns", "Asia/Kathmandu"):
        twins.same("list", f"REPO::{archive}", exact=True, code=0, TZ=zone)
    for format_text in [*(f"{{{key}}}{{NL}}" for key in ITEM_KEYS), *ITEM_FORMATS]:
        twins.same("list", "--format", format_text, f"REPO::{archive}", exact=True, code=0)
    for key in ITEM_KEYS:
        call = ["list", "--json-lines", "--format", f"{{{key}}}", f"REPO::{archive}"]
        theirs, ours = (done.out.splitlines() for done in twins.both(*call))
        assert [json.loads(line) for line in ours] == [json.loads(line) for line in theirs]
        assert len(theirs) > 100


CHOICES = [
    "| a",
    "| a/",
    "| a/b c",
    "| a/one missing",
    "| missing missing2",
    "| pp:a",
    "| re:o$",
    "| sh:**/*.o",
    "| fm:*.o",
    "| pf:a/one",
    "| pf:a",
    "| ./a",
    "| /a",
    "| a/..",
    "| a a",
    "| k/names/not",
    "-e a/b|",
    "-e *.o| c",
    "--pattern=-a/b| a",
    "--pattern=+a/b --pattern=-**|",
    "--pattern=!a| a/one",
    "--pattern=Ra|",
    "--short| a",
    "--consider-part-files| a",
    "-v --show-rc| missing",
    "--log-json| missing",
]


def test_choosing_items(twins: Twins) -> None:
    for line in CHOICES:
        options, _, paths = line.partition("|")
        twins.same("list", *options.split(), "REPO::one", *paths.split(), exact=True)
    twins.same("list", "REPO::one", "sh:k/names/not utf-8 \udcff*", exact=True, code=0)
    for line in (
        "--json REPO::one",
        "REPO::one xx:a",
        "REPO::one re:(",
        "-e re:[ REPO::one",
        "--pattern=xa REPO::one",
    ):
        twins.same("list", *line.split(), code=2, only="code")


def test_bytes_of_names(twins: Twins) -> None:
    """Borg shows a question mark for each byte that is no text even where it promises the bytes."""
    done = twins.run("ours", "list", "--format", "{bpath}{NUL}", "REPO::one", "k/names")
    assert b"k/names/not utf-8 \xff\xfe\0" in done.stdout


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict", "latin-1:strict"])
def test_any_name_can_be_shown_in_any_encoding(vinculum: Program, borg145: Program, encoding: str) -> None:
    place = vinculum.cwd / "shown"
    build_every_kind(place, big_bytes=1000)
    borg145.run("init", "--encryption", "none", "repository")
    borg145.run("create", "repository::one", "shown")
    call = ["list", "--format", "{path}{extra}{NL}", "repository::one"]
    ours, theirs = (program.run(*call, PYTHONIOENCODING=encoding) for program in (vinculum, borg145))
    assert ours.stdout == theirs.stdout
    assert ours.err == ""
