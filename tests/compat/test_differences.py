"""Pairs of random items, also such as no backup makes today: ours calls different, and names, what Borg 1.4.5 does."""

from __future__ import annotations

import json
import random
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.items import unpacked
from vinculum._native import Bytes, ChunkList, Item, ItemWindow, ItemWindowDecoder, encode_item
from vinculum.archive.differences import Comparison, Difference
from vinculum.events import NullSink
from vinculum.operations.diff import differences
from vinculum.ui.diff_lines import json_line, text_line

ASK_BORG = """
import json, sys
import borg.archiver
from borg.helpers import BorgJsonEncoder, msgpack
from borg.item import ChunkListEntry, Item, ItemDiff
question = json.load(sys.stdin)
contents = {bytes.fromhex(id): bytes.fromhex(content) for id, content in question["contents"].items()}

def item(text):
    if text is None:
        return Item.create_deleted("p")
    item = Item(internal_dict=decode(bytes.fromhex(text)))
    if "chunks" in item:
        item.chunks = [ChunkListEntry(*entry) for entry in item.chunks]
    return item

def decode(raw):
    unpacker = msgpack.Unpacker(use_list=False)
    unpacker.feed(raw)
    return {key.decode(): value for key, value in next(iter(unpacker)).items()}

def read(item):
    return iter([contents[chunk.id] for chunk in item.get("chunks", [])])

for old, new in question["pairs"]:
    for by_ids in (True, False):
        for content_only in (True, False):
            a, b = item(old), item(new)
            found = ItemDiff(a, b, read(a), read(b), can_compare_chunk_ids=by_ids, content_only=content_only)
            said = [(fact, text) for fact, text in found.changes() if not (fact.get("added") == 0 == fact.get("removed"))]
            print(json.dumps(None if found.equal else said, sort_keys=True, cls=BorgJsonEncoder))
"""

CONTENTS = {bytes([number]) * 32: bytes([65 + number // 2]) * (3 + number % 4) for number in range(8)}
MODES = [
    kind | permissions
    for kind in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK)
    for permissions in (0o644, 0o755)
]
LINKABLE = (stat.S_IFREG, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK)


def random_item(chance: random.Random) -> Item:
    fields: dict[str, int | bytes | bool | dict[bytes, bytes | None] | None] = {
        "path": b"p",
        "mode": chance.choice([*MODES, *[stat.S_IFREG | 0o644] * 20]),
        "uid": chance.randint(0, 1),
        "gid": 0,
        "mtime": chance.choice((0, 10**18, 10**18, 10**18, 10**18 + 123_456_789, 2**62)),
    }
    for name, values in (
        ("user", (b"u", b"u", b"\xff")),
        ("group", (b"g", b"g", b"")),
        ("ctime", (10**18, 10**18, 1)),
        ("source", (b"a", b"\xff")),
        ("rdev", (1, 2)),
        ("bsdflags", (1,)),
        ("hardlink_master", (True, False)),
    ):
        if chance.randrange(6) >= (4 if name in ("source", "rdev", "bsdflags") else 1):
            fields[name] = chance.choice(values)
    if stat.S_IFMT(fields["mode"]) in LINKABLE:  # type: ignore[arg-type]
        fields.pop("source", None)  # would make it a hard link to something else, which is what would be compared
    chunks = None
    if stat.S_ISLNK(fields["mode"]):  # type: ignore[arg-type]
        fields.setdefault("source", b"b")  # Borg fails without
    elif stat.S_ISREG(fields["mode"]) or chance.randrange(6) == 0:  # type: ignore[arg-type]
        ids = chance.choices(sorted(CONTENTS), k=chance.randrange(4))
        sizes = [len(CONTENTS[id]) for id in ids]
        chunks = ChunkList.of(b"".join(ids), sizes, [chance.choice((9, 9, 9, 8)) for _ in ids])
        if chance.randrange(2):
            fields["size"] = sum(sizes)
    (item,) = unpacked(encode_item(fields, chunks))
    return item


def random_pairs(count: int) -> list[tuple[Item | None, Item | None]]:
    chance = random.Random(20261123)
    pairs: list[tuple[Item | None, Item | None]] = []
    for _ in range(count):
        old = random_item(chance)
        new = old if chance.randrange(20) == 0 else random_item(chance)
        pairs.append((None, new) if chance.randrange(8) == 0 else (old, None) if chance.randrange(8) == 0 else (old, new))
    return pairs


def fetch(ids: bytes) -> list[Bytes]:
    return [CONTENTS[ids[start : start + 32]] for start in range(0, len(ids), 32)]  # type: ignore[misc]


def window(item: Item | None) -> Iterator[ItemWindow]:
    """All of an archive, if any."""
    if item is not None:
        yield ItemWindowDecoder().feed([item.encode()])


def described(difference: Difference | None) -> object:
    """In the shape in which Borg was asked."""
    if difference is None:
        return None
    changes = json.loads(json_line(difference))["changes"]
    texts = [text_line(Difference(b"", None, None, [change])).removesuffix(" \n") for change in difference.changes]
    return [[change, text.rstrip(" ")] for change, text in zip(changes, texts, strict=True)]


@pytest.fixture(autouse=True)
def in_one_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def test_random_pairs(borg145_python: Path) -> None:
    pairs = random_pairs(1500)
    question = json.dumps(
        {
            "pairs": [[None if item is None else bytes(item.encode()).hex() for item in pair] for pair in pairs],
            "contents": {id.hex(): content.hex() for id, content in CONTENTS.items()},
        }
    )
    done = subprocess.run([borg145_python, "-c", ASK_BORG], input=question, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = iter(done.stdout.splitlines())
    equal = 0
    for old, new in pairs:
        for by_ids in (True, False):
            for content_only in (True, False):
                expected = json.loads(next(answers))
                comparison = Comparison(fetch, by_ids=by_ids, content_only=content_only)
                found = next(differences(window(old), window(new), comparison, NullSink()), None)
                assert described(found) == expected, (old and bytes(old.encode()), new and bytes(new.encode()), by_ids)
                equal += found is None
    assert 100 < equal < 3000
