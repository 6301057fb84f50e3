"""Tars that we write are those that Borg writes, byte for byte; GNU tar restores trees from them; trouble is one line."""

from __future__ import annotations

import gzip
import os
import re
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from support.archives import extract
from support.programs import Program
from support.trees import build_every_kind, build_plain, random_content, write_files
from support.twins import Twins

pytestmark = pytest.mark.can_be_far

SELECTIONS = [
    "",
    "a",
    "a/two b",
    "b/deep",
    "missing",
    "sh:**/link*",
    "-e a",
    "-e a/first -e sh:**/two",
    "--pattern=-a/first --pattern=+sh:**/link* --pattern=-b",
    "--strip-components 1",
    "--strip-components 2",
    "--strip-components 3",
    "--strip-components 1 b",
    "--strip-components 9",
    "--exclude-from skip.list",
    "--consider-part-files",
]
ENDINGS = {
    ".tar.gz": "gzip",
    ".tgz": "gzip",
    ".tar.bz2": "bzip2",
    ".tbz": "bzip2",
    ".tar.xz": "xz",
    ".txz": "xz",
    ".tar.lz4": "lz4",
    ".tar.zst": "zstd",
    ".tar.zstd": "zstd",
    ".tar": "",
    ".gz": "",
}


@pytest.fixture(autouse=True)
def tree(workplace: Path) -> Path:
    """Hard links to and from everywhere; both programs start above them."""
    write_files(workplace, {"a/first": b"1" * 600, "a/two": b"2" * 512, "b/deep/down/x": b"", "skip.list": b"a/first\n"})
    for name in ("a/link", "b/link", "b/deep/link", "link"):
        os.link(workplace / "a" / "first", workplace / name)
    os.mkfifo(workplace / "a" / "fifo")
    os.link(workplace / "a" / "fifo", workplace / "b" / "fifo")
    os.symlink("two", workplace / "a" / "symlink")
    write_files(workplace, {"n" * 120 + "/" + "m" * 120: b"long", "not utf-8 \udcff/\udcfe": b"u"})
    os.symlink("t" * 150, workplace / "a" / "far")
    return workplace


def export(twins: Twins, options: str, *, code: int | None = None) -> bytes:
    """What both write; also to files. Fails if they differ."""
    chosen, paths = [], []
    for word in options.split():
        (
            chosen
            if word.startswith("-") or (chosen and chosen[-1] in ("-e", "--strip-components", "--exclude-from"))
            else paths
        ).append(word)
    theirs = twins.same("export-tar", "--list", *chosen, "REPO::x", "HOME/x.tar", *paths, code=code)
    on_stdout = twins.same("export-tar", *chosen, "REPO::x", "-", *paths, code=theirs.code, exact=True).stdout
    for name in ("theirs", "ours"):
        assert (twins.repository(name).parent / "home" / "x.tar").read_bytes() == on_stdout
    return on_stdout


def test_selections(twins: Twins) -> None:
    twins.same("create", "REPO::x", ".")
    for options in SELECTIONS:
        code = 1 if options == "missing" else 0
        tar = export(twins, options, code=code)
        assert len(tar) % tarfile.RECORDSIZE == 0


def test_every_kind(vinculum: Program, borg145: Program, workplace: Path) -> None:
    build_every_kind(workplace / "tree")
    repository = workplace / "repository"
    vinculum.run("init", "--encryption", "repokey", repository)
    vinculum.run("create", f"{repository}::x", "tree")
    vinculum.run("export-tar", f"{repository}::x", "ours.tar")
    borg145.run("export-tar", f"{repository}::x", "theirs.tar")
    assert subprocess.run(["cmp", "ours.tar", "theirs.tar"], cwd=workplace, check=False).returncode == 0
    assert stat.S_IMODE((workplace / "ours.tar").stat().st_mode) == 0o600
    with tarfile.open(workplace / "ours.tar") as tar:
        kinds = {member.type for member in tar}
    wanted = {
        tarfile.REGTYPE,
        tarfile.DIRTYPE,
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
    }
    assert kinds == wanted


def test_gnu_tar_restores_the_tree(vinculum: Program, workplace: Path) -> None:
    """Large files (more than a window of content), small and empty ones, links."""
    build_plain(workplace / "tree" / "plain", files=700)
    write_files(workplace / "tree", {"empty": b"", "directory": None, "not utf-8 \udcff": b"u"})
    (workplace / "tree" / "large").write_bytes(random_content("large", 40 << 20))
    os.link(workplace / "tree" / "large", workplace / "tree" / "link")
    repository = workplace / "repository"
    vinculum.run("init", "--encryption", "none", repository)
    vinculum.run("create", f"{repository}::x", "tree")
    tar = vinculum.run("export-tar", f"{repository}::x", "-").stdout
    (workplace / "by tar").mkdir()
    subprocess.run(["tar", "xp", "--delay-directory-restore"], cwd=workplace / "by tar", input=tar, check=True)
    extract(vinculum, repository, "x", workplace / "by us")
    found = [seconds_of(workplace / place / "tree") for place in (".", "by us", "by tar")]
    assert found[2] == found[1] == found[0]


def seconds_of(top: Path) -> dict[str, tuple[object, ...]]:
    """What a tar keeps of a tree."""
    found: dict[str, tuple[object, ...]] = {}
    for directory, directories, names in os.walk(top):
        for name in (*directories, *names):
            path = os.path.join(directory, name)
            status = os.lstat(path)
            content = Path(path).read_bytes() if stat.S_ISREG(status.st_mode) else None
            links = status.st_nlink if content is not None else 0
            found[os.path.relpath(path, top)] = (status.st_mode, status.st_uid, int(status.st_mtime), links, content)
    assert len(found) > 700
    return found


def test_names_choose_compressors(twins: Twins, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in set(ENDINGS.values()) - {""}:
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@"\ncat\n')
        (programs / name).chmod(0o755)
    twins.same("create", "REPO::x", "a")
    plain = export(twins, "")
    for ending, program in ENDINGS.items():
        twins.same("export-tar", "REPO::x", f"HOME/t{ending}", code=0, PATH=f"{programs}:{os.environ['PATH']}")
        for name in ("theirs", "ours"):
            packed = (twins.repository(name).parent / "home" / f"t{ending}").read_bytes()
            assert packed == (program.encode() + b"\n" if program else b"") + plain


def test_chosen_filters(twins: Twins) -> None:
    twins.same("create", "REPO::x", "a")
    plain = export(twins, "")
    assert twins.same("export-tar", "--tar-filter", "tr 1 2", "REPO::x", "-", code=0, exact=True).stdout == plain.replace(
        b"1", b"2"
    )
    assert twins.same("export-tar", "--tar-filter", "", "REPO::x", "HOME/t.tgz", code=0).stdout == b""
    assert (twins.repository("ours").parent / "home" / "t.tgz").read_bytes() == plain
    assert gzip.decompress(twins.same("export-tar", "--tar-filter=gzip -n", "REPO::x", "-", code=0, exact=True).stdout) == plain


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("sh -c 'cat >/dev/null; exit 3'", "Error: filter sh -c 'cat >/dev/null; exit 3' failed, rc=3\n"),
        ("no-such-program", "Error: filter no-such-program: process creation failed: "),
        ("'", "Error: filter ': process creation failed: "),
        (" ", "Error: filter  : process creation failed: "),
    ],
)
def test_filters_that_fail(command: str, told: str, twins: Twins) -> None:
    twins.same("create", "REPO::x", "a")
    theirs, ours = twins.both("export-tar", "--tar-filter", command, "REPO::x", "HOME/x.tar")
    assert theirs.code == ours.code == 2
    assert ours.err.startswith(told)
    assert ours.err.count("\n") == 1


def test_nobody_reads_to_the_end(vinculum: Program, workplace: Path) -> None:
    """A tar that was not complete is a failure, as with Borg; and not worth more than a line."""
    (workplace / "large").write_bytes(random_content("large", 3 << 20))
    vinculum.run("init", "--encryption", "none", "repository")
    vinculum.run("create", "repository::x", "large")
    exporting = vinculum.start("export-tar", "repository::x", "-")
    assert exporting.stdout is not None
    assert exporting.stderr is not None
    assert os.read(exporting.stdout.fileno(), 1000)
    exporting.stdout.close()
    assert exporting.wait(120) == 2
    assert exporting.stderr.read() == b"Error: whoever reads the tar has stopped before its end\n"
    exporting.stderr.close()
    done = vinculum.run("export-tar", "--tar-filter", f"{sys.executable} -c pass", "repository::x", "-", code=2)
    assert done.err == f"Error: filter {sys.executable} -c pass stopped before the end of the tar, rc=0\n"
    done = vinculum.run("export-tar", "repository::x", "/dev/full", code=2)
    assert done.err == "Error: [Errno 28] No space left on device\n"
    done = vinculum.run("export-tar", "repository::x", "missing/x.tar", code=2)
    assert done.err == "Error: [Errno 2] No such file or directory: 'missing/x.tar'\n"


def test_lost_content_is_an_error(vinculum: Program, borg145: Program, workplace: Path) -> None:
    (workplace / "large").write_bytes(random_content("lost", 3 << 20))
    vinculum.run("init", "--encryption", "none", "repository")
    vinculum.run("create", "--compression", "none", "repository::x", "large")
    segment = max((workplace / "repository" / "data" / "0").iterdir(), key=lambda path: path.stat().st_size)
    damaged = bytearray(segment.read_bytes())
    damaged[1 << 20] ^= 1
    segment.write_bytes(damaged)
    borg145.run("export-tar", "repository::x", "-", code=2)
    done = vinculum.run("export-tar", "repository::x", "-", code=2)
    told = done.err.splitlines()[-1]  # after a question, if Borg was at the repository by another path
    assert "ntegrity" in told
    assert "Traceback" not in done.err


def test_progress(twins: Twins) -> None:
    twins.same("create", "REPO::x", "a")
    theirs, ours = twins.both("--log-json", "--progress", "export-tar", "REPO::x", "HOME/x.tar")
    for done in (theirs, ours):
        assert '"msgid": "extract", "type": "progress_percent", "finished": true' in done.err
        assert re.search(r'% Processing: (a/\w+)", "current": \d+, "total": \d+, "info": \["\1"\]', done.err)
    # Borg counts the targets of symlinks too, and so never gets there.
    assert re.search(r'"100.0% Processing: (a/\w+)", "current": 1112, "total": 1112, "info": \["\1"\]', ours.err)
