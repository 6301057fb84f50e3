"""The keys that `list ARCHIVE --format` and `--json-lines` know, and how to get each of an item."""

from __future__ import annotations

import hashlib
import json
import stat
from collections import Counter

from vinculum._native import Xxh64
from vinculum.ui.templates import LAYOUT_KEYS, Moment, Template
from vinculum.ui.text import display, verbatim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vinculum._native import Bytes, ChunkIndex, ChunkList, Item

DEFAULT_FORMAT = "{mode} {user:6} {group:6} {size:8} {mtime} {path}{extra}{NL}"
SHORT_FORMAT = "{path}{NL}"
HASHES = tuple(sorted(hashlib.algorithms_guaranteed - {"shake_128", "shake_256"} | {"xxh64"}))
TIMES = ("mtime", "ctime", "atime")
KEYS_NEEDING_INDEX = frozenset({"dsize", "dcsize", "unique_chunks"})
_HASH_WINDOW = 64

# In the order in which JSON lines show them; those of the second row only if the format asks for them.
_ALWAYS = ("type", "mode", "user", "group", "uid", "gid", "path", "healthy", "source", "linktarget", "flags")
_ON_DEMAND = ("size", "csize", "dsize", "dcsize", "num_chunks", "unique_chunks", *TIMES, *(f"iso{time}" for time in TIMES))
ITEM_KEYS = frozenset({*_ALWAYS, *_ON_DEMAND, *HASHES, "bpath", "extra", "health", "archiveid", "archivename"}) - {"healthy"}


def _source(item: Item) -> str:
    return display(item.source) if item.source else ""


def _mode(item: Item) -> str:
    text = stat.filemode(item.mode)
    return "h" + text[1:] if item.source and not stat.S_ISLNK(item.mode) else text


def _extra(item: Item) -> str:
    if not item.source:
        return ""
    return (" -> " if stat.S_ISLNK(item.mode) else " link to ") + _source(item)


def _time(item: Item, key: str) -> Moment:
    return Moment.from_ns(getattr(item, key) or item.mtime)


def _size(item: Item) -> int:
    if item.chunks is not None:
        return item.chunks.size_bytes
    if stat.S_ISLNK(item.mode):
        return len(_source(item))
    return item.size or 0


def _csize(item: Item) -> int:
    if item.chunks is not None:
        return item.chunks.csize_bytes
    return len(_source(item)) if stat.S_ISLNK(item.mode) else 0


def _iso_time_getter(key: str) -> Callable[[Item], object]:
    return lambda item: _time(item, key).iso()


def _time_getter(key: str) -> Callable[[Item], object]:
    return lambda item: _time(item, key)


_GETTERS: dict[str, Callable[[Item], object]] = {
    "type": lambda item: stat.filemode(item.mode)[0],
    "mode": _mode,
    "user": lambda item: display(item.user) if item.user else item.uid,
    "group": lambda item: display(item.group) if item.group else item.gid,
    "uid": lambda item: item.uid,
    "gid": lambda item: item.gid,
    "path": lambda item: display(item.path),
    "bpath": lambda item: verbatim(item.path),
    "healthy": lambda item: item.chunks_healthy is None,
    "health": lambda item: "healthy" if item.chunks_healthy is None else "broken",
    "source": _source,
    "linktarget": _source,
    "extra": _extra,
    "flags": lambda item: item.bsdflags or 0,
    "size": _size,
    "csize": _csize,
    "num_chunks": lambda item: len(item.chunks) if item.chunks is not None else 0,
}
_GETTERS |= {key: _time_getter(key) for key in TIMES}
_GETTERS |= {f"iso{key}": _iso_time_getter(key) for key in TIMES}


class ItemFormatter:
    """Turns items into lines. Compiled once; `fetch` and `index` are only needed for keys that ask for them."""

    def __init__(
        self,
        format_text: str,
        *,
        archive_name: str,
        archive_id: bytes,
        fetch: Callable[[bytes], list[Bytes]],
        index: ChunkIndex | None,
    ) -> None:
        self.template = Template(format_text, ITEM_KEYS)
        self._fetch = fetch
        self._index = index
        self._archive = {"archivename": archive_name, "archiveid": archive_id.hex()}
        keys = self.template.keys
        on_demand = [key for key in (*_ON_DEMAND, *HASHES) if key in keys]
        self._text_getters = [(key, self._getter(key)) for key in keys - LAYOUT_KEYS.keys() - self._archive.keys()]
        self._json_getters = [(key, self._getter(key)) for key in (*_ALWAYS, *on_demand)]
        self._text_constants = {**LAYOUT_KEYS, **self._archive}
        self._json_constants = {key: value for key, value in self._archive.items() if key in keys}

    def _getter(self, key: str) -> Callable[[Item], object]:
        if key in KEYS_NEEDING_INDEX:
            return lambda item: self._unique(item, key)
        if key in HASHES:
            return lambda item: self._hash(item, key)
        return _GETTERS[key]

    def lines(self, items: Iterable[Item]) -> str:
        """The items as the template has them."""
        getters, constants, render = self._text_getters, self._text_constants, self.template.render
        return "".join([render({**constants, **{key: get(item) for key, get in getters}}) for item in items])

    def json_lines(self, items: Iterable[Item]) -> str:
        """One JSON object per item and line."""
        rows = []
        for item in items:
            row: dict[str, object] = {**self._json_constants}
            for key, get in self._json_getters:
                value = get(item)
                row[key] = value.iso() if isinstance(value, Moment) else value
            rows.append(json.dumps(row))
        return "".join([row + "\n" for row in rows])

    def _unique(self, item: Item, key: str) -> int:
        """Sums over chunks that nothing but this item refers to."""
        if item.chunks is None or self._index is None:
            return 0
        index, own = self._index, _count(item.chunks)
        entries = [(count, index.get(id)) for id, count in own.items()]
        place = {"dsize": 1, "dcsize": 2}.get(key)
        return sum(count * (entry[place] if place else 1) for count, entry in entries if entry and entry[0] == count)

    def _hash(self, item: Item, name: str) -> str:
        if item.chunks is None:
            return ""
        state = Xxh64() if name == "xxh64" else hashlib.new(name)
        ids = item.chunks.ids()
        for start in range(0, len(ids), 32 * _HASH_WINDOW):
            for chunk in self._fetch(ids[start : start + 32 * _HASH_WINDOW]):
                state.update(chunk)
        return state.hexdigest()


def _count(chunks: ChunkList) -> Counter[bytes]:
    ids = chunks.ids()
    return Counter(ids[start : start + 32] for start in range(0, len(ids), 32))
