"""The keys that `list ARCHIVE --format` and `--json-lines` know, and how to get each of an item."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections import Counter

from vinculum._native import ItemRenderer, Xxh64
from vinculum.formats.ids import ID_BYTES, split_ids
from vinculum.ui.templates import LAYOUT_KEYS, Moment, Template
from vinculum.ui.text import display, verbatim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vinculum._native import Bytes, ChunkIndex, ChunkList, Item, ItemWindow, ListingPart

DEFAULT_FORMAT = "{mode} {user:6} {group:6} {size:8} {mtime} {path}{extra}{NL}"
SHORT_FORMAT = "{path}{NL}"
HASHES = tuple(sorted(hashlib.algorithms_guaranteed - {"shake_128", "shake_256"} | {"xxh64"}))
TIMES = ("mtime", "ctime", "atime")
KEYS_NEEDING_INDEX = frozenset({"dsize", "dcsize", "unique_chunks"})
_HASH_WINDOW = 16  # chunks, of up to 20 MiB
_LAYOUT = re.compile(r"([<>^]?)((?:[1-9][0-9]{0,3})?)")  # what the kernel knows of format specifications

# In the order in which JSON lines show them; those of the second row only if the format asks for them.
_ALWAYS = ("type", "mode", "user", "group", "uid", "gid", "path", "healthy", "source", "linktarget", "flags")
_ON_DEMAND = ("size", "csize", "dsize", "dcsize", "num_chunks", "unique_chunks", *TIMES, *(f"iso{time}" for time in TIMES))
NATIVE_KEYS = frozenset({*_ALWAYS, *_ON_DEMAND, "bpath", "extra", "health"}) - KEYS_NEEDING_INDEX
_JSON_NAMES = {time: f"iso{time}" for time in TIMES}  # JSON shows them in this form
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
    """Turns items into lines. Compiled once; `fetch` and `index` are only needed for keys that ask for them.

    A kernel renders what it can; the values of other keys, and of fields with a conversion or an unusual specification, come
    from the getters here, a column for each window. `lines_of` and `json_lines_of` use getters only: that is for windows with
    something in them that has to be refused as Borg refuses it.
    """

    def __init__(
        self,
        format_text: str,
        *,
        archive_name: str,
        archive_id: bytes,
        fetch: Callable[[bytes], list[Bytes]],
        index: ChunkIndex | None,
        for_json: bool = False,
    ) -> None:
        self.template = Template(format_text, ITEM_KEYS, only_chooses=for_json)
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

    # -- by the kernel -------------------------------------------------------------------------------------------------

    def lines(self, windows: Iterable[ItemWindow]) -> Iterator[str]:
        """The items as the template has them, in large blocks."""
        parts: list[ListingPart] = []
        columns: list[Callable[[Item], str]] = []
        for part in self.template.parts:
            parts.append(part.literal.encode(errors="surrogateescape"))
            if part.key is None:
                continue
            layout = _LAYOUT.fullmatch(part.spec)
            if part.key in self._text_constants:
                parts.append(Template(part.source, ITEM_KEYS).render(self._text_constants).encode(errors="surrogateescape"))
            elif part.key in NATIVE_KEYS and part.is_plain and layout and not (part.spec and part.key in TIMES):
                parts.append((part.key, layout[1], int(layout[2] or 0)))
            else:
                parts.append(None)
                columns.append(self._text_column(part.source))
        yield from _rendered(windows, ItemRenderer(parts), columns, self.lines_of)

    def json_lines(self, windows: Iterable[ItemWindow]) -> Iterator[str]:
        """One JSON object per item and line, in large blocks."""
        parts: list[ListingPart] = [json.dumps(self._json_constants)[:-1].encode()]
        columns: list[Callable[[Item], str]] = []
        for key, get in self._json_getters:
            separator = ", " if len(parts) > 1 or self._json_constants else ""
            parts.append(f'{separator}"{key}": '.encode())
            if key in NATIVE_KEYS:
                parts.append(_JSON_NAMES.get(key, key))
            else:
                parts.append(None)
                columns.append(_json_column(get))
        yield from _rendered(windows, ItemRenderer([*parts, b"}\n"]), columns, self.json_lines_of)

    def _text_column(self, source: str) -> Callable[[Item], str]:
        template = Template(source, ITEM_KEYS)
        getters = [(key, self._getter(key)) for key in template.keys]
        return lambda item: template.render({key: get(item) for key, get in getters})

    # -- by getters ----------------------------------------------------------------------------------------------------

    def lines_of(self, items: Iterable[Item]) -> str:
        """The same without the kernel."""
        getters, constants, render = self._text_getters, self._text_constants, self.template.render
        return "".join([render({**constants, **{key: get(item) for key, get in getters}}) for item in items])

    def json_lines_of(self, items: Iterable[Item]) -> str:
        """The same without the kernel."""
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
        for start in range(0, len(ids), ID_BYTES * _HASH_WINDOW):
            for chunk in self._fetch(ids[start : start + ID_BYTES * _HASH_WINDOW]):
                state.update(chunk)
        return state.hexdigest()


def _json_column(get: Callable[[Item], object]) -> Callable[[Item], str]:
    return lambda item: json.dumps(get(item))


def _rendered(
    windows: Iterable[ItemWindow],
    renderer: ItemRenderer,
    columns: list[Callable[[Item], str]],
    render_otherwise: Callable[[list[Item]], str],
) -> Iterator[str]:
    for window in windows:
        items = window.items() if columns else []
        texts = [[get(item).encode(errors="surrogateescape") for item in items] for get in columns]
        rendered = renderer.render(window, texts)
        yield render_otherwise(window.items()) if rendered is None else str(rendered, "utf-8", "surrogateescape")


def _count(chunks: ChunkList) -> Counter[bytes]:
    return Counter(split_ids(chunks.ids()))
