"""How much memory hostile input gets, measured: for what is only claimed none, for the rest not much more than it is long."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

MEASURE = """
import json, lzma, re, struct, sys, zlib
sys.path[:0] = sys.argv[1:]
from vinculum._native import Bytes, ChunkIndex, FilesCache, ItemStream, RepositoryIndex, ShadowIndex, decompress
from support.items import unpacked
from vinculum.errors import IntegrityError
from vinculum.formats.json_text import parse_json
from vinculum.formats.msgpack import unpack
from vinculum.remote.framing import MAX_REPLY_ARRAY, MalformedStream, MessageSplitter
from vinculum.repository.hints import Hints

MIB = 1 << 20
BILLION = 0x7FFFFFFF

def counted(data):
    index = ChunkIndex()
    index.count_items(ItemStream(), Bytes(data))

def index(value_bytes, buckets):
    return Bytes(b"BORG_IDX" + struct.pack("<IIBB", buckets, buckets, 32, value_bytes) + bytes(100))

chunk = b"\\x93\\xda\\0\\x20" + bytes(32) + b"\\x01\\x02"
million = b"\\x82\\xa4path\\xa1x\\xa6chunks\\xdd" + struct.pack(">I", 10**6) + chunk * 10**6
MAX_DATA = 20971479
EIGHTH_OF_A_GIGABYTE = bytes(1 << 27)

def frame(claims, blocks):
    # Four bytes for a block of 128 KiB that are all zeros.
    run = (1 << 20 | 2).to_bytes(3, "little") + bytes(1)
    head = b"\\3\\0" + bytes.fromhex("28b52ffd") + b"\\xe0" + claims.to_bytes(8, "little")
    return head + run * blocks + b"\\1\\0\\0"

def xz(data, **options):
    return b"\\2\\0" + lzma.compress(data, check=lzma.CHECK_NONE, **options)

def with_dictionary(stored, code):
    # The size is told behind the filter's number, in a header with a checksum.
    header = stored[14:18] + bytes([code]) + stored[19:22]
    return stored[:14] + header + zlib.crc32(header).to_bytes(4, "little") + stored[26:]

BOMBS = {
    "zstd": frame(1 << 30, 1 << 13),
    "lz4": b"\\1\\0\\x1f\\0\\1\\0" + b"\\xff" * (1 << 22) + b"\\0\\x50abcde",
    "zlib": zlib.compress(EIGHTH_OF_A_GIGABYTE),
    "lzma": xz(EIGHTH_OF_A_GIGABYTE, preset=0),
}
CASES = {
    **{f"a bomb of {name}": lambda data=Bytes(bomb): decompress(data) for name, bomb in BOMBS.items()},
    "a zstd frame that claims a terabyte": lambda: decompress(Bytes(frame(2**40, 1))),
    "a zstd frame that claims a chunk": lambda: decompress(Bytes(frame(MAX_DATA, 1))),
    "a zstd frame that claims a byte": lambda: decompress(Bytes(frame(1, 8000))),
    "an xz stream that wants a gigabyte": lambda: decompress(Bytes(with_dictionary(xz(b"a"), 36))),
    "an xz stream of level 9, damaged": lambda: decompress(Bytes(with_dictionary(xz(b"a"), 28)[:-1])),
    "an index of a billion entries": lambda: RepositoryIndex.load(index(8, BILLION)),
    "a chunk index of a billion entries": lambda: ChunkIndex.load(index(12, BILLION)),
    "hints with a map of four billion": lambda: Hints.load(b"\\xdf\\xff\\xff\\xff\\xff" + bytes(100)),
    "shadows with a map of four billion": lambda: ShadowIndex.load(b"\\xdf\\xff\\xff\\xff\\xff" + bytes(100)),
    "a files cache with an array of four billion": lambda: FilesCache("cis", 20).load(
        Bytes(b"\\xc4\\x20" + bytes(32) + b"\\x95\\0\\1\\2\\3\\xdd\\xff\\xff\\xff\\xff")
    ),
    "msgpack with a text of four gigabytes": lambda: unpack(b"\\xdb\\xff\\xff\\xff\\xff" + b"abc"),
    "msgpack with an array of four billion": lambda: unpack(b"\\xdd\\xff\\xff\\xff\\xff" + b"abc"),
    "msgpack nested a million times": lambda: unpack(b"\\x91" * 10**6),
    "JSON nested a million times": lambda: parse_json("[" * 10**6),
    "an item with an array of four billion": lambda: unpacked(b"\\x82\\xa4path\\xa1x\\xa6chunks\\xdd\\xff\\xff\\xff\\xff"),
    "an item with a text of four gigabytes": lambda: unpacked(b"\\x82\\xa4path\\xdb\\xff\\xff\\xff\\xff"),
    "an item nested a million times": lambda: unpacked(b"\\x82\\xa4path\\xa1x\\xa6xattrs" + b"\\x81\\xa1x" * 10**6),
    "a message nested a million times": lambda: list(MessageSplitter(max_array=MAX_REPLY_ARRAY).feed(b"\\x91" * 10**6)),
    "a message of four gigabytes": lambda: list(MessageSplitter(max_array=MAX_REPLY_ARRAY).feed(b"\\xdb\\xff\\xff\\xff\\xff")),
    "an item with a million chunks": lambda: unpacked(million),
    "an item with a million chunks, counted": lambda: counted(million),
}

def status(name):
    with open("/proc/self/status") as file:
        return int(re.search(rf"^{name}:\\s*(\\d+)", file.read(), re.MULTILINE)[1]) * 1024

for name, act in CASES.items():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = status("VmRSS")
    try:
        result = act()
        end = "taken"
    except (IntegrityError, ValueError, MalformedStream) as error:
        result = None
        end = "refused"
    del result
    print(json.dumps([name, end, (status("VmHWM") - before) / MIB]), flush=True)
"""
A_LITTLE_MIB = 24
"""What parsers may need for themselves, and for a million bytes of nonsense."""
A_CHUNK_MIB = 20
MILLION_CHUNKS_MIB = 41
"""What the item with a million chunks is long."""


@pytest.fixture(scope="module")
def measured() -> dict[str, tuple[str, float]]:
    """What became of each, and by how much it raised the highest amount of memory in use."""
    paths = [path for path in sys.path if path.endswith(("src", "tests"))]
    done = subprocess.run([sys.executable, "-c", MEASURE, *paths], stdout=subprocess.PIPE, check=True, timeout=300)
    return {name: (end, mib) for name, end, mib in map(json.loads, done.stdout.splitlines())}


def test_what_is_only_claimed_gets_no_memory(measured: dict[str, tuple[str, float]]) -> None:
    claims = {name: found for name, found in measured.items() if not name.startswith("a bomb") and "chunks" not in name}
    assert len(claims) == 19
    assert {name: mib for name, (_, mib) in claims.items() if mib > A_LITTLE_MIB} == {}
    assert {name for name, (end, _) in claims.items() if end != "refused"} == set()


def test_bombs_get_no_more_than_a_chunk(measured: dict[str, tuple[str, float]]) -> None:
    """Those of lz4 and zstd say how large they are; zlib and lzma have to be unpacked up to there."""
    bombs = {name: found for name, found in measured.items() if name.startswith("a bomb")}
    assert len(bombs) == 4
    assert {name for name, (end, _) in bombs.items() if end != "refused"} == set()
    assert {name: mib for name, (_, mib) in bombs.items() if mib > A_CHUNK_MIB + A_LITTLE_MIB} == {}


def test_an_item_with_a_million_chunks_is_an_item(measured: dict[str, tuple[str, float]]) -> None:
    for name in ("an item with a million chunks", "an item with a million chunks, counted"):
        end, mib = measured[name]
        assert end == "taken"
        assert mib < 8 * MILLION_CHUNKS_MIB
