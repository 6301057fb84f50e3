"""`check` and `check --repair` come to Borg's verdicts about any damage, and leave what Borg leaves, or more.

Usually some of the damages are done, in one mode. All of them, in all modes:

    VINCULUM_DAMAGES=all pytest tests/compat/test_check.py
"""

from __future__ import annotations

import json
import os
import random
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgpack
import pytest

from support import damage
from support.compare import Tree, differences, snapshot
from support.damage import Damage, Forger, commits, derived, flip, forged, largest_segment, segments, swap, truncate
from support.damaged_twins import ALL, CONFIRMED, DamageBench, modes
from support.fork_servers import Servers
from support.programs import PROJECT, Completed, client_environment
from support.trees import write_files
from support.twins import Twins
from vinculum.archive.item_stream import read_items
from vinculum.formats.msgpack import pack_sorted
from vinculum.repository.store import MANIFEST_KEY

UNIMPORTANT = (
    "Found archive ",
    "Deleting ",
    "Finished deleting",
    "Replaying segments",
    "Repository index missing",
    "Rebuilding index",
    "Could not parse integrity data",
)
OURS = re.compile(r"index\.\d+ tells of a transaction whose commit cannot be read")
"""What only we notice, though it changes no verdict."""
NOISE = random.Random(1).randbytes(25_000)
FILES: dict[str, bytes | None] = {
    **{f"tree/{name}": NOISE + name.encode() for name in "abcdef"},
    "tree/small": b"hello",
    "tree/empty": b"",
}
ARCHIVES = ("one", "two", "three")
EVEN_TIME_NS = 1_600_000_000 << 30


def verdict(done: Completed) -> list[str]:
    """What was told, but for the words of reasons, for steps that are nobody's business, and for the order of a search."""
    lines = []
    for line in done.err.splitlines():
        line = re.sub(r"(?:Data integrity error: |MAC ).*?(?=$| \[chunk: )", "<REASON>", line)
        lines.append(re.sub(r"\S*/repository/", "", line))
    found = sorted(line for line in lines if line.startswith("Found archive "))
    told = (line for line in lines if not line.startswith(UNIMPORTANT) and not OURS.match(line))
    return [f"exit code {done.code}", *found, *told]


class Case(NamedTuple):
    """A damage, and what to check then. `ours_is_better` says in what, where Borg does something else."""

    name: str
    damage: Damage
    options: tuple[str, ...] = ()
    ours_is_better: str = ""
    is_rare: bool = False
    """Whether this is only done if all are."""
    leaves_segments: bool = False
    """Whether the options keep either program from mending what is wrong with segments."""


def forgery(name: str, act: Callable[[Forger], object], *options: str, better: str = "", rare: bool = True) -> Case:
    """Something is wrong with objects; the manifest stays as the forger left it."""
    return Case(name, forged(act), options or ("--archives-only",), better, rare)


def archive_forgery(name: str, act: Callable[[Forger], object], *, better: str = "", rare: bool = True) -> Case:
    """Something is wrong with an archive that the manifest lists."""
    return Case(name, forged(act, keep_manifest=False), ("--archives-only",), better, rare)


def content(forger: Forger, path: bytes, archive: str = "one") -> bytes:
    """The id of the first chunk of a file."""
    for items in read_items(forger.store, forger.key, forger.item_ids(archive)):
        for item in items:
            if item.path == path and item.chunks is not None:
                return item.chunks.ids()[:32]
    raise KeyError(path)


def changed_items(change: Callable[[list[Any]], object]) -> Callable[[Forger], object]:
    """The items of an archive are others; bytes among them are put into the stream as they are."""

    def act(forger: Forger) -> None:
        unpacker = msgpack.Unpacker(raw=True, strict_map_key=False)
        unpacker.feed(forger.stream("two"))
        items = list(unpacker)
        change(items)
        stream = b"".join(item if isinstance(item, bytes) else pack_sorted(item) for item in items)
        forger.replace_stream("two", stream)

    return act


def lost_piece(number: int) -> Callable[[Forger], object]:
    """Of three pieces of an item stream, one is missing."""

    def act(forger: Forger) -> None:
        forger.store.delete(forger.replace_stream("two", forger.stream("two"), 200, 400)[number])

    return act


def without_field(forger: Forger, field: bytes) -> None:
    forger.replace("two", {name: value for name, value in forger.fields("two").items() if name != field})


def unlink(*paths: Path) -> None:
    for path in paths:
        path.unlink()


CRASHES = "Borg ends with a traceback"
KEEPS = "Borg loses files that are whole"
TELLS = "Borg does not notice"
LOOKS_AWAY = "Borg verifies nothing that lies behind it in the segment"

CASES = [
    Case("nothing", lambda _: None, is_rare=True),
    Case("content", lambda repo: flip(largest_segment(repo), 5000)),
    Case("last byte", lambda repo: flip(largest_segment(repo), largest_segment(repo).stat().st_size - 1), is_rare=True),
    Case("entry size", lambda repo: flip(largest_segment(repo), 13), is_rare=True),
    *(
        Case(f"entry size, {' '.join(options)}", lambda repo: flip(largest_segment(repo), 13), options, better, True, True)
        for options, better in ((("--archives-only",), ""), (("--archives-only", "--verify-data"), LOOKS_AWAY))
    ),
    Case("magic", lambda repo: flip(largest_segment(repo), 2), is_rare=True),
    Case("truncated", lambda repo: truncate(largest_segment(repo), 5000), is_rare=True),
    Case("truncated to a stub", lambda repo: truncate(largest_segment(repo), 12), is_rare=True),
    Case("emptied", lambda repo: truncate(largest_segment(repo), 0), is_rare=True),
    Case("segment missing", lambda repo: largest_segment(repo).unlink()),
    Case("last commit missing", lambda repo: commits(repo)[-1].unlink()),
    Case("last commit damaged", lambda repo: flip(commits(repo)[-1], 16), is_rare=True),
    Case("index and hints swapped", lambda repo: swap(derived(repo, "index"), derived(repo, "hints")), is_rare=True),
    Case("first commit damaged", lambda repo: flip(commits(repo)[0], 16), is_rare=True),
    Case("no commit, no index", lambda repo: unlink(*commits(repo), derived(repo, "index"))),
    Case("no commit", lambda repo: unlink(*commits(repo)), ("--repository-only",), is_rare=True),
    Case("garbage behind the last commit", lambda repo: damage.append(segments(repo)[-1], b"garbage"), is_rare=True),
    Case("garbage at the end", lambda repo: damage.append(largest_segment(repo), b"garbage"), is_rare=True),
    Case("zeros at the end", lambda repo: damage.append(largest_segment(repo), bytes(100)), is_rare=True),
    Case("segments swapped", lambda repo: swap(segments(repo)[2], segments(repo)[6]), is_rare=True),
    Case("copy behind the last", lambda repo: damage.copy(largest_segment(repo), 30), is_rare=True),
    Case("copy in place of another", lambda repo: damage.copy(largest_segment(repo), 3), is_rare=True),
    Case("segment of the manifest", lambda repo: flip(segments(repo)[-2], 60)),
    Case("segment of the manifest missing", lambda repo: segments(repo)[-2].unlink(), is_rare=True),
    *(
        Case(f"{kind} {how}", lambda repo, kind=kind, act=act: act(derived(repo, kind)), (), better, True)  # type: ignore[misc]
        for kind in ("index", "hints", "integrity")
        for how, act, better in (
            ("flipped", lambda path: flip(path, path.stat().st_size // 2), ""),
            ("missing", lambda path: path.unlink(), ""),
            ("cut", lambda path: truncate(path, 20), CRASHES if kind == "integrity" else ""),
            ("emptied", lambda path: truncate(path, 0), CRASHES if kind == "integrity" else ""),
            ("doubled", lambda path: damage.append(path, path.read_bytes()), CRASHES if kind == "integrity" else ""),
        )
    ),
    Case(
        "index flipped, content",
        lambda repo: (flip(derived(repo, "index"), 500), flip(largest_segment(repo), 5000)),
        is_rare=True,
    ),
    Case(
        "index missing, content",
        lambda repo: (derived(repo, "index").unlink(), flip(largest_segment(repo), 5000)),
        (),
        "",
        True,
    ),
    Case(
        "all derived missing",
        lambda repo: unlink(*(derived(repo, kind) for kind in ("index", "hints", "integrity"))),
        (),
        "",
        True,
    ),
    Case(
        "index wrong and unguarded",
        lambda repo: (derived(repo, "integrity").unlink(), flip(derived(repo, "index"), 5000)),
        is_rare=True,
    ),
    forgery("manifest missing", lambda forger: forger.store.delete(MANIFEST_KEY), rare=False),
    forgery("manifest mangled", lambda forger: forger.mangle(MANIFEST_KEY)),
    forgery("manifest mangled, verified", lambda forger: forger.mangle(MANIFEST_KEY), "--archives-only", "--verify-data"),
    forgery("manifest empty", lambda forger: forger.store.put(MANIFEST_KEY, b""), better=CRASHES),
    forgery("archive missing", lambda forger: forger.store.delete(forger.manifest.archives["two"].id)),
    forgery("archive mangled", lambda forger: forger.mangle(forger.manifest.archives["two"].id), better=CRASHES),
    forgery(
        "archive mangled, verified",
        lambda forger: forger.mangle(forger.manifest.archives["two"].id),
        "--archives-only",
        "--verify-data",
        better=CRASHES,
    ),
    forgery(
        "archive and manifest missing",
        lambda forger: (forger.store.delete(forger.manifest.archives["two"].id), forger.store.delete(MANIFEST_KEY)),
    ),
    forgery("items missing", lambda forger: forger.store.delete(forger.item_ids("two")[0])),
    forgery("items mangled", lambda forger: forger.mangle(forger.item_ids("two")[0]), better=CRASHES),
    forgery("content missing", lambda forger: forger.store.delete(content(forger, b"tree/b")), rare=False),
    forgery(
        "contents missing", lambda forger: [forger.store.delete(content(forger, b"tree/" + name)) for name in (b"a", b"small")]
    ),
    forgery("content mangled", lambda forger: forger.mangle(content(forger, b"tree/b"))),
    forgery("content mangled, verified", lambda forger: forger.mangle(content(forger, b"tree/b")), "--verify-data", rare=False),
    forgery("orphan", lambda forger: forger.put(b"abc" * 100), "--verify-data", rare=False),
    archive_forgery("archive not listed", lambda forger: forger.manifest.archives.pop("two")),
    archive_forgery("no TAM", lambda forger: forger.replace("two", forger.fields("two"), with_tam=False)),
    archive_forgery(
        "wrong TAM",
        lambda forger: forger.replace_object(
            "two",
            pack_sorted(
                {**forger.fields("two"), b"tam": {b"hmac": b"1" * 64, b"salt": b"2" * 64, b"type": b"HKDF_HMAC_SHA512"}}
            ),
        ),
        rare=True,
    ),
    archive_forgery(
        "further field of an archive", lambda forger: forger.replace("two", {**forger.fields("two"), b"foo": b"bar"})
    ),
    archive_forgery("wrong size", changed_items(lambda items: items[2].update({b"size": 5}))),
    archive_forgery("further field", changed_items(lambda items: items[2].update({b"foo": 5})), better=KEEPS, rare=True),
    archive_forgery("no mtime", changed_items(lambda items: items[2].pop(b"mtime"))),
    archive_forgery("no path", changed_items(lambda items: items[2].pop(b"path"))),
    archive_forgery("a list among items", changed_items(lambda items: items.insert(2, [1, 2])), better="another reason"),
    archive_forgery("garbage among items", changed_items(lambda items: items.insert(2, b"\xc1\xc1")), better=KEEPS, rare=False),
    archive_forgery("stream cut short", lambda forger: forger.replace_stream("two", forger.stream("two")[:-30]), better=TELLS),
    archive_forgery("first piece missing", lost_piece(0)),
    archive_forgery("second piece missing", lost_piece(1), rare=False),
    archive_forgery("last piece missing", lost_piece(2)),
    archive_forgery("path of another type", changed_items(lambda items: items[2].update({b"path": 5})), better=TELLS),
    archive_forgery("mode of another type", changed_items(lambda items: items[2].update({b"mode": b"x"})), better=CRASHES),
    archive_forgery(
        "impossible chunk", changed_items(lambda items: items[2].update({b"chunks": [[b"x", 5, 5]]})), better=CRASHES
    ),
    archive_forgery("healthy list of another length", changed_items(lambda items: items[2].update({b"chunks_healthy": []}))),
    archive_forgery("no items", lambda forger: forger.replace("two", {**forger.fields("two"), b"items": []})),
]


def fill(twins: Twins) -> None:
    """Three archives."""
    twins.environment = CONFIRMED
    tree = twins.cwd
    for name in ARCHIVES:
        write_files(tree, {**FILES, f"tree/{name}": NOISE + name.encode()})
        # The last byte of a time may look like the beginning of an item, to Borg more often than to us.
        for path in (tree, *tree.rglob("*")):
            os.utime(path, ns=(EVEN_TIME_NS, EVEN_TIME_NS))
        done = twins.run("theirs", "create", "--noctime", f"REPO::{name}", "tree")
        assert done.code == 0, done


@pytest.fixture(scope="module")
def bench(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> DamageBench:
    return DamageBench(servers, tmp_path_factory.mktemp("bench"), fill)


@pytest.mark.parametrize("mode", modes(usual="none"))
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES if ALL or not case.is_rare])
def test_any_damage_is_told_and_repaired_as_borg_does(
    case: Case, mode: str, bench: DamageBench, become: Callable[[dict[str, str]], None]
) -> None:
    twins = bench.twins(mode)
    for name in ("theirs", "ours"):
        become(client_environment(twins.home(name)))
        case.damage(twins.repository(name))
    runs = [twins.both(*command) for command in (
        ("check", "-v", *case.options, "REPO"),
        ("check", "-v", "--repair", *case.options, "REPO"),
        ("check", "-v", *case.options, "REPO"),
    )]  # fmt: skip
    for theirs, ours in runs:
        assert "Traceback" not in ours.err, ours
        if not case.ours_is_better and "Traceback" not in theirs.err:
            assert verdict(ours) == verdict(theirs), f"{theirs}\n{ours}"
    _, repaired, checked = (ours for _, ours in runs)
    assert (repaired.code, checked.code) == (0, 0), f"{repaired}\n{checked}"
    twins.ask_borg("ours", "check", *(case.options if case.leaves_segments else ()), "REPO")
    if "Traceback" not in "".join(theirs.err for theirs, _ in runs):
        compare_archives(twins, more_is_better=bool(case.ours_is_better))
    else:
        assert case.ours_is_better == CRASHES


def test_every_difference_is_explained() -> None:
    told = (PROJECT / "docs" / "decisions" / "0011-verdicts-of-check.md").read_text()
    assert [case.name for case in CASES if case.ours_is_better and f"`{case.name}`" not in told] == []


def compare_archives(twins: Twins, *, more_is_better: bool) -> None:
    """Both have the same archives with the same files, and restore the same; with `more_is_better`, we may have saved more."""
    theirs, ours = (set(json_archives(done)) for done in twins.both("list", "--json", "REPO"))
    assert ours == theirs
    for archive in theirs:
        compare_trees(*(restored(twins, name, archive) for name in ("theirs", "ours")), more_is_better=more_is_better)
        if not more_is_better:
            twins.same_archive(archive, ignoring=("items",))
            continue
        wanted, got = ({item["path"]: item for item in twins.dump(name, archive)["_items"]} for name in ("theirs", "ours"))
        readable = [path for path in wanted if isinstance(path, str)]
        assert [got.get(path) for path in readable] == [wanted[path] for path in readable]


def compare_trees(theirs: Tree | None, ours: Tree | None, *, more_is_better: bool) -> None:
    if theirs is None or ours is None:
        assert theirs is None
        assert ours is None or more_is_better
        return
    found = differences(theirs, ours, ignoring=("extents", "mtime_ns"))  # directories that nobody tells of any more are of now
    assert [line for line in found if not (more_is_better and "should not be there" in line)] == []


def restored(twins: Twins, name: str, archive: str) -> Tree | None:
    """What a program brings back of its own twin; None if it cannot, as where nobody was asked to look for damaged content."""
    with tempfile.TemporaryDirectory() as place:
        where, twins.cwd = twins.cwd, Path(place)
        done = twins.run(name, "extract", f"REPO::{archive}")
        twins.cwd = where
        return snapshot(Path(place)) if done.code in (0, 1) else None


def json_archives(done: Completed) -> list[str]:
    return [archive["name"] for archive in json.loads(done.out)["archives"]]
