"""A dry run says what its slow twin, which takes every item apart in Python, says of the same archive, damaged or not."""

from __future__ import annotations

import stat
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.items import unpacked
from support.memory_store import MemoryStore
from support.plain_key import PlainKey
from vinculum import _native
from vinculum.archive.chunk_reader import ChunkReader
from vinculum.archive.item_choice import ItemChoice
from vinculum.archive.patterns import EXCLUDE, PatternMatcher, parse_pattern
from vinculum.errors import Error, IntegrityError
from vinculum.events import NullSink
from vinculum.operations.extract import extract, local_content, rehearsal, window
from vinculum.operations.extract.extract import Extractor
from vinculum.operations.extract.options import ExtractOptions
from vinculum.operations.extract.rehearsal import Rehearsal
from vinculum.operations.extract.selection import Selection

KEY = PlainKey()
CONTENTS = [b"", b"one", b"two" * 40, b"three" * 70]
PATHS = st.lists(st.sampled_from([b"a", b"b", b"c", b""]), min_size=1, max_size=4).map(b"/".join)
MODES = st.sampled_from([stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755, stat.S_IFLNK | 0o777, 0])
FILES = st.fixed_dictionaries(
    {"path": PATHS, "mode": MODES},
    optional={
        "chunks": st.lists(st.sampled_from(CONTENTS), max_size=5),
        "size": st.sampled_from([0, 3, 123, 5000]),
        "source": st.just(b"a/b"),
        "part": st.just(1),
        "healed": st.booleans(),
    },
)


class Listener(NullSink):
    def __init__(self, *, files: bool, progress: bool) -> None:
        self.wants_files = files
        self.wants_progress = progress
        self.told: list[tuple[object, ...]] = []
        self.progressed: list[tuple[object, ...]] = []

    def status(self, letter: str, path: bytes) -> None:
        if self.wants_files:
            self.told.append(("status", letter, path))

    def warning(self, text: str, modern_code: int = 1, msgid: str = "", topic: str = "", path: bytes = b"") -> None:
        self.told.append(("warning", text, modern_code, msgid, topic, path))

    def progress(self, operation: str, current: int, total: int | None, text: str) -> None:
        self.progressed.append((operation, current, total, text))

    def finished(self, operation: str) -> None:
        # The slow one also finishes directories, of which a dry run has none.
        if operation != "extract.permissions":
            self.told.append(("finished", operation))


def encoded(file: dict[str, object]) -> bytes:
    contents = file.get("chunks")
    chunks = None
    if isinstance(contents, list):
        sizes = [len(content) for content in contents]
        chunks = _native.ChunkList.of(b"".join(map(KEY.hasher.digest, contents)), sizes, sizes)
    fields = {name: value for name, value in file.items() if name in ("path", "mode", "size", "source", "part")}
    packed = _native.encode_item({"mtime": 0, **fields}, chunks)  # type: ignore[dict-item]  # strategies are not typed
    if file.get("healed") and chunks is not None:
        (item,) = unpacked(packed)
        packed = item.with_content(chunks, chunks).encode()
    return bytes(memoryview(packed))


def windows_of(files: list[dict[str, object]], most: int, choice: ItemChoice) -> Iterator[_native.ItemWindow]:
    decoder = _native.ItemWindowDecoder(choice.selector)
    packed = [b"".join(map(encoded, files[start : start + most])) for start in range(0, len(files), most)]
    windows = (choice.narrow(decoder.feed([_native.Bytes(items)]), decoder.deciding) for items in packed)
    return (window for window in windows if len(window))


def outcome(
    files: list[dict[str, object]], most: int, store: MemoryStore, sink: Listener, pattern: str, strip: int, *, quick: bool
) -> str | None:
    """What the dry run ends with, None if it gets to its end."""
    matcher = PatternMatcher()
    if pattern:
        matcher.add([parse_pattern(pattern, "sh", EXCLUDE)])
    selection = Selection(matcher, lambda choice: windows_of(files, most, choice), strip)
    source = ChunkReader(store, KEY)
    total = selection.total_bytes()
    try:
        if quick:
            Rehearsal(source, b"/nowhere", selection, sink, total).extract()
        else:
            Extractor(source, b"/nowhere", selection, ExtractOptions(dry_run=True), sink, total_bytes=total).extract()
    except Error as error:
        return f"{type(error).__name__}: {error}"
    return None


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that files lie across windows, and some are larger than one."""
    for module in (window, rehearsal, local_content, extract):
        monkeypatch.setattr(module, "WINDOW_BYTES", 300)
    for module in (window, rehearsal, local_content):
        monkeypatch.setattr(module, "WINDOW_CHUNKS", 6)


CHOICES = st.tuples(st.sampled_from(["", "a/*", "pp:b"]), st.integers(-2, 3), st.booleans(), st.booleans(), st.integers(1, 9))


@settings(deadline=None)
@given(st.lists(FILES, max_size=20), CHOICES)
def test_the_same_is_told(files: list[dict[str, object]], choices: tuple[str, int, bool, bool, int]) -> None:
    pattern, strip, wants_files, wants_progress, most = choices
    store = MemoryStore()
    store.store(KEY, *CONTENTS)
    slow, quick = (Listener(files=wants_files, progress=wants_progress) for _ in range(2))
    assert outcome(files, most, store, slow, pattern, strip, quick=False) is None
    assert outcome(files, most, store, quick, pattern, strip, quick=True) is None
    assert quick.told == slow.told
    # Both show the end of each file; how often a large one is shown in between is another matter.
    assert quick.progressed[-1:] == slow.progressed[-1:]
    assert {text for *_, text in quick.progressed} == {text for *_, text in slow.progressed}


@settings(deadline=None)
@given(st.lists(FILES, min_size=1, max_size=20), st.sampled_from(CONTENTS), st.booleans())
def test_lost_and_damaged_content_ends_it_in_the_same_way(
    files: list[dict[str, object]], content: bytes, is_lost: bool
) -> None:
    store = MemoryStore()
    store.store(KEY, *CONTENTS)
    id = KEY.hasher.digest(content)
    if is_lost:
        del store.objects[id]
    else:
        store.objects[id] = _native.Bytes(b"\x02\0\0" + content + b"?")
    slow, quick = (Listener(files=True, progress=False) for _ in range(2))
    ends = [outcome(files, 7, store, sink, "", 0, quick=quick_one) for sink, quick_one in ((slow, False), (quick, True))]
    assert ends[0] == ends[1]
    shorter, longer = sorted((slow.told, quick.told), key=len)
    assert longer[: len(shorter)] == shorter, "what comes before it is told in the same order, as far as it is"


def test_what_was_begun_is_told_before_a_damaged_item_stream_ends_it() -> None:
    store = MemoryStore()
    store.store(KEY, *CONTENTS)
    good: list[dict[str, object]] = [{"path": b"%d" % n, "mode": stat.S_IFREG, "chunks": CONTENTS[2:]} for n in range(4)]

    def read(choice: ItemChoice) -> Iterator[_native.ItemWindow]:
        yield from windows_of(good, 1, choice)
        raise IntegrityError("damaged")

    sink = Listener(files=True, progress=False)
    selection = Selection(PatternMatcher(), read)
    with pytest.raises(IntegrityError, match="damaged"):
        Rehearsal(ChunkReader(store, KEY), b"/nowhere", selection, sink).extract()
    assert [path for _, _, path in sink.told] == [b"0", b"1", b"2"]


def test_each_plan_is_settled_with_what_it_asked_for() -> None:
    items = _native.ItemWindowDecoder().feed([_native.Bytes(encoded({"path": b"a", "mode": stat.S_IFREG, "chunks": [b"one"]}))])
    plan = _native.ContentPlan(items, 0)
    with pytest.raises(ValueError, match="asked"):
        plan.settle([3])
    assert plan.next(1, 1) == KEY.hasher.digest(b"one")
    assert plan.next(1, 1) is None
    assert (plan.complete, plan.begun_bytes) == (0, 0)
    assert plan.settle([3]) == []
    assert plan.complete == 1
    with pytest.raises(ValueError, match="no entry 1"):
        plan.path(1)
