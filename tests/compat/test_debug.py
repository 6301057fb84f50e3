"""The `debug` commands show and do what Borg 1.4.5's do, on the same repository: outputs, files, segment files afterwards."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from support.fork_servers import Servers
from support.programs import Completed, Program
from support.repositories import file_digests, locks
from support.trees import random_content, write_files
from support.twins import Twins, complaint
from vinculum.repository.repository import Repository
from vinculum.repository.store import MANIFEST_KEY

pytestmark = pytest.mark.can_be_far
MODES = ["none", "repokey", "keyfile-blake2"]
UNKNOWN = "ab" * 32
TERMS = [
    "str:needle",
    "hex:6e6565646c65",
    "str:haystackhay",
    "hex:000000",
    "hex:00000000000000000000",
    "str:\u00e4",
    "str:archives",
    "str:nowhere in there",
    "hex:",
    "str:",
    "hex:123",
    "hex:zz",
    "needle",
    "",
    "str:\udcff",
]


@pytest.fixture
def filled(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path, workplace: Path) -> Twins:
    """Two archives that are left of three, odd names among their files; in mode `none` unless the test names another."""
    twins = Twins(servers, tmp_path / "twins", workplace)
    twins.init(getattr(request, "param", "none"))
    write_files(
        workplace,
        {
            "tree/text": b"needle and needle",
            "tree/sub/zeros": bytes(3_000_000),
            "tree/random": random_content("random", 300_000),
            "tree/bytes-\udcff\udcfe": b"haystack" * 1000,
            "tree/control-\x7f-\n": None,
        },
    )
    os.setxattr(workplace / "tree" / "text", "user.binary", b"\xff\x00")
    for name in ("one", "two", "thr\u00e9e"):
        # Archives hold the command line, and that shall not say whose repository it was.
        command = ["create", "--comment", f"c\u00f6mment {name}", f"::{name}", "tree"]
        assert twins.run("theirs", *command, BORG_REPO=str(twins.repository("theirs"))).code == 0
        write_files(workplace, {f"tree/only in {name}": random_content(name, 20_000)})
    assert twins.run("theirs", "delete", "REPO::one").code == 0
    twins.clone()
    return twins


def ids(twins: Twins) -> list[str]:
    """Some ids of objects that both have, the manifest's last."""
    with Repository(str(twins.repository("theirs")), lock=False) as store:
        return [id.hex() for id in store.list(limit=3) if id != MANIFEST_KEY] + [MANIFEST_KEY.hex()]


def same_files(twins: Twins, workplace: Path, *args: str, only: str = "code stdout stderr") -> tuple[Completed, dict[str, str]]:
    """Runs a command that writes files into the current directory: output and files must be the same; returns Borg's."""
    made = {}
    place = workplace / "out"

    def run(name: str) -> Completed:
        place.mkdir()
        twins.cwd = place
        done = twins.run(name, *args)
        twins.cwd = workplace
        made[name] = file_digests(place)
        assert {path.stat().st_mode & 0o777 for path in place.iterdir()} <= {0o600}
        shutil.rmtree(place)
        return done

    theirs, ours = run("theirs"), run("ours")
    for stream in only.split():
        wanted, got = (done[["command", "code", "stdout", "stderr"].index(stream)] for done in (theirs, ours))
        assert got == wanted, f"{stream}\n{theirs}\n{ours}"
    assert made["ours"] == made["theirs"]
    return theirs, made["theirs"]


@pytest.mark.parametrize("filled", MODES, indirect=True)
def test_documents_and_objects_are_the_same(filled: Twins, workplace: Path) -> None:
    for call in (
        "debug dump-manifest REPO -",
        "debug dump-archive REPO::two -",
        "debug dump-archive REPO::thr\u00e9e -",
        "debug dump-hints REPO -",
        f"debug refcount-obj REPO {' '.join(ids(filled))} {UNKNOWN}",
        "debug id-hash REPO tree/random",
    ):
        done = filled.same(*call.split(), code=0, exact=True)
        assert len(done.stdout) > 60
    assert '"bytes-' not in filled.run("ours", "debug", "dump-archive", "REPO::two", "-").out
    assert not locks(filled.repository("ours"))
    for call in ("dump-manifest REPO file", "dump-archive REPO::two file", "dump-hints REPO file"):
        _, made = same_files(filled, workplace, "debug", *call.split())
        assert list(made) == ["file"]
    done, made = same_files(filled, workplace, "debug", "dump-repo-objs", "REPO")
    assert len(made) > 8
    assert done.out.endswith("Done.\n")
    _, made = same_files(filled, workplace, "debug", "dump-archive-items", "REPO::two")
    assert len(made) == 1


@pytest.mark.near_only
@pytest.mark.parametrize("filled", ["repokey"], indirect=True)
def test_ghosts_are_dumped_the_same(filled: Twins, workplace: Path) -> None:
    for name in ("theirs", "ours"):  # something that was never committed
        data = filled.repository(name) / "data" / "0"
        (data / "900").write_bytes((data / "2").read_bytes())
    _, made = same_files(filled, workplace, "debug", "dump-repo-objs", "--ghost", "REPO")
    tags = {name.split("_")[3].removesuffix(".obj") for name in made}
    assert tags == {"put", "del", "commit"}
    assert any("_900_" in name for name in made)
    for options in (["--segment", "2"], ["--segment", "2", "--offset", "8"], ["--offset", "8"], ["--segment", "77"]):
        same_files(filled, workplace, "debug", "dump-repo-objs", "--ghost", *options, "REPO")


def test_searches_find_the_same(filled: Twins) -> None:
    for wanted in TERMS:
        done = filled.same("debug", "search-repo-objs", "REPO", wanted, exact=True)
        assert done.code == (0 if done.out else 2), wanted


def test_searches_find_what_lies_across_objects(twins: Twins, workplace: Path) -> None:
    """Neighbours are cut in the middle of what is looked for, even where it is also elsewhere."""
    write_files(workplace, {"tree/a": b"needle, then nee", "tree/b": b"dle at last" + bytes(100), "tree/c": bytes(50) + b"ne"})
    twins.run("theirs", "create", "--compression=none", "REPO::a", "tree/a", "tree/b", "tree/c")
    twins.clone()
    done = twins.same("debug", "search-repo-objs", "REPO", "str:needle", code=0, exact=True)
    assert " | " in done.out
    assert " #1: " in done.out
    for wanted in ("str:nee", "hex:00000000", "hex:000000000000000000000000", "str:then needle at"):
        twins.same("debug", "search-repo-objs", "REPO", wanted, code=0, exact=True)


def test_a_single_byte_does_not_lie_across_objects(filled: Twins) -> None:
    """Borg finds it there again and again."""
    done = filled.run("ours", "debug", "search-repo-objs", "REPO", "str:h")
    assert done.code == 0
    assert " | " not in done.out
    theirs = filled.run("theirs", "debug", "search-repo-objs", "REPO", "str:h")
    assert [line for line in theirs.out.splitlines() if " | " not in line] == done.out.splitlines()


def test_info_shows_facts_of_this_system(vinculum: Program) -> None:
    done = vinculum.run("debug", "info", SSH_ORIGINAL_COMMAND="borg serve")
    for fact in (os.uname().release, "Python: CPython 3", "vinculum", "Borg: 1.4.5", "CRC implementation: ", "'borg serve'"):
        assert fact in done.out
    assert "Platform" not in vinculum.run("debug", "info", BORG_SHOW_SYSINFO="no").out
    (vinculum.cwd / "gone").mkdir()
    in_nothing = vinculum.behind("sh", "-c", 'cd gone && rmdir ../gone && exec "$@"', "sh")
    assert "CWD: ?" in in_nothing.run("debug", "info").out


@pytest.mark.parametrize("filled", ["repokey"], indirect=True)
def test_objects_are_taken_out_and_put_back_the_same(filled: Twins, workplace: Path) -> None:
    first, second, *_ = ids(filled)
    for id in (first, MANIFEST_KEY.hex()):
        same_files(filled, workplace, "debug", "get-obj", "REPO", id, "object")
    (workplace / "junk").write_bytes(b"junk")
    calls = [
        f"get-obj REPO {first.upper()} object",
        f"put-obj REPO {UNKNOWN} object",
        f"put-obj REPO {second} junk",
        f"get-obj REPO {second} second",
        f"delete-obj REPO {UNKNOWN} {UNKNOWN} {first} no-id {first[:60]}",
        f"get-obj REPO {first} gone",
        f"delete-obj REPO {first} zz",
        f"put-obj REPO {first} object",
        f"refcount-obj REPO {first} {UNKNOWN} zz 00",
    ]
    for call in calls:
        filled.same("debug", *call.split(), exact=True)
        ours, theirs = (file_digests(filled.repository(name) / "data") for name in ("ours", "theirs"))
        assert ours == theirs, call
    assert not locks(filled.repository("ours"))
    assert filled.same("list", "REPO").code == 0


# A path that must not be written is "out/file": "out" does not exist.
REFUSED = [
    "debug get-obj REPO {unknown} out/file",
    "debug get-obj REPO 1234 out/file",
    "debug get-obj REPO {short} out/file",
    "debug get-obj REPO xyz out/file",
    "debug get-obj REPO xy{unknown} out/file",
    "debug get-obj REPO {umlauts} out/file",
    "debug put-obj REPO 1234 tree/text",
    "debug put-obj REPO {short}z tree/text",
    "debug dump-archive REPO::missing out/file",
    "debug dump-archive-items REPO::missing",
    "debug dump-archive REPO out/file",
    "debug dump-manifest REPO::two out/file",
    "debug dump-manifest nowhere out/file",
    "debug search-repo-objs nowhere no-kind",
    "debug search-repo-objs REPO str",
    "debug dump-repo-objs --ghost --segment 0 REPO",
    "debug dump-repo-objs --ghost --offset -1 REPO",
    "debug dump-hints REPO",
    "debug delete-obj REPO",
    "debug refcount-obj",
    "debug nonsense",
    "debug convert-profile",
    "benchmark crud REPO",
    "--bypass-lock debug dump-manifest REPO out/file",
    "--bypass-lock debug get-obj REPO {unknown} out/file",
    "--bypass-lock debug put-obj REPO {unknown} tree/text",
    "--bypass-lock debug refcount-obj REPO {unknown}",
    "--bypass-lock debug info",
    "--bypass-lock debug convert-profile tree/text out/file",
    "--bypass-lock benchmark crud REPO .",
]


BROKEN = [
    "debug id-hash REPO missing",
    "debug put-obj REPO {unknown} missing",
    "debug get-obj REPO {manifest} missing/file",
    "debug dump-manifest REPO tree",
    "debug dump-archive REPO::two missing/file",
    "debug dump-hints REPO tree",
    "debug convert-profile missing file",
    "debug convert-profile tree/text file",
    "--debug-profile missing/file debug info",
]


def test_wrong_use_is_refused_the_same(filled: Twins) -> None:
    before = file_digests(filled.repository("ours"))
    for call in REFUSED:
        words = call.format(unknown=UNKNOWN, short=UNKNOWN[:62], umlauts="\u00e4" * 64).split()
        for codes in ({}, {"BORG_EXIT_CODES": "modern"}) if "get-obj REPO" in call else ({},):
            theirs, ours = filled.both(*words, **codes)
            last = [re.sub("twin-.", "", complaint(done)) for done in (ours, theirs)]
            assert (ours.code, last[0], ours.out) == (theirs.code, last[1], theirs.out)
            assert ours.code >= 2
    assert file_digests(filled.repository("ours")) == before


def test_where_borg_breaks_we_say_why(filled: Twins) -> None:
    for call in BROKEN:
        theirs, ours = filled.both(*call.format(unknown=UNKNOWN, manifest=MANIFEST_KEY.hex()).split())
        assert (theirs.code, ours.code) == (2, 2), call
        assert "Traceback" in theirs.err
        assert len(ours.err.splitlines()) == 1, ours


@pytest.mark.near_only
def test_an_empty_repository_has_no_objects(twins: Twins, workplace: Path) -> None:
    for name in ("theirs", "ours"):
        assert twins.run(name, "debug", "delete-obj", "REPO", MANIFEST_KEY.hex()).code == 0
    for call in ("debug dump-repo-objs REPO", "debug search-repo-objs REPO str:x", "debug dump-manifest REPO -"):
        theirs, ours = twins.both(*call.split())
        assert (theirs.code, ours.code) == (2, 2)
        assert len(ours.err.splitlines()) == 1
    same_files(twins, workplace, "debug", "dump-repo-objs", "--ghost", "REPO")
    twins.same("debug", "dump-hints", "REPO", "-", code=0, exact=True)


def damage(twins: Twins, segment: int, offset: int, content: bytes) -> None:
    for name in ("theirs", "ours"):
        with open(twins.repository(name) / "data" / "0" / str(segment), "r+b") as file:
            file.seek(offset)
            file.write(content)


def entries(twins: Twins, workplace: Path) -> list[tuple[int, int, str]]:
    """Segment, offset and id of each PUT."""
    _, made = same_files(twins, workplace, "debug", "dump-repo-objs", "--ghost", "REPO")
    found = [name.removesuffix(".obj").split("_") for name in sorted(made)]
    return [(int(segment), int(offset), rest[0]) for _, segment, offset, tag, *rest in found if tag == "put"]


@pytest.mark.near_only
def test_ghosts_come_out_up_to_the_damage(filled: Twins, workplace: Path) -> None:
    in_one = [(segment, offset) for segment, offset, _ in entries(filled, workplace) if segment == 2]
    assert len(in_one) >= 4
    for at, content in ((in_one[3][1] + 60, b"\xaa"), (in_one[2][1] + 4, b"\xff\xff\xff\xff"), (0, b"BORG_seg")):
        damage(filled, 2, at, content)
        done, _ = same_files(filled, workplace, "debug", "dump-repo-objs", "--ghost", "REPO", only="code stdout")
        assert done.code == 0
        ours = filled.run("ours", "debug", "dump-repo-objs", "--ghost", "REPO")
        reports = [re.sub(r"\[.*\]|twin-.", "", done.err).splitlines() for done in (done, ours)]
        assert reports[0] == reports[1]
        assert reports[0][0].endswith("has IntegrityError(s)  - skipping.")


@pytest.mark.parametrize("kind", ["hints", "index"])
def test_what_can_be_rebuilt_is_no_failure(kind: str, filled: Twins) -> None:
    """Borg does not count it as a warning either."""
    saved = filled.save()
    for call in ("list REPO", "debug dump-hints REPO -", "debug dump-manifest REPO -"):
        filled.clone(saved)
        for name in ("theirs", "ours"):
            (path,) = filled.repository(name).glob(f"{kind}.*")
            path.write_bytes(path.read_bytes()[:-1])
        filled.same(*call.split(), code=0, exact=True, only="code stdout")


@pytest.mark.parametrize("filled", ["repokey"], indirect=True)
def test_objects_before_a_damaged_one_are_dumped(filled: Twins, workplace: Path) -> None:
    segment, offset, id = next(place for place in entries(filled, workplace)[4:] if place[0] == 2)
    damage(filled, segment, offset + 41 + 40, b"damage")
    _, made = same_files(filled, workplace, "debug", "dump-repo-objs", "REPO", only="code stdout")
    assert made
    assert not any(id in name for name in made)
    for call in ("debug dump-repo-objs REPO", "debug search-repo-objs REPO str:needle"):
        theirs, ours = filled.both(*call.split())
        assert (ours.code, ours.out) == (theirs.code, theirs.out)
        assert ours.code == 2
        assert len(ours.err.splitlines()) == 1


def test_what_is_no_object_is_refused_in_a_line(filled: Twins, workplace: Path) -> None:
    """An archive object, an item chunk or a manifest that somebody has replaced by junk."""
    stored = json.loads(filled.run("ours", "debug", "dump-archive", "REPO::two", "-").out)
    archive = stored["_manifest_entry"]["id"][1:]
    (items,) = (id[1:] for id in stored["_meta"]["items"])
    (workplace / "junk").write_bytes(b"\x02junk")
    (workplace / "empty").write_bytes(b"")
    for id in (items, archive, MANIFEST_KEY.hex()):
        for junk in ("junk", "empty"):
            for name in ("theirs", "ours"):
                assert filled.run(name, "debug", "put-obj", "REPO", id, junk).code == 0
            for call in ("dump-archive REPO::two file", "dump-archive-items REPO::two", "dump-repo-objs REPO"):
                done = filled.run("ours", "debug", *call.split())
                assert done.code == 2, call
                assert len(done.err.splitlines()) == 1, done
