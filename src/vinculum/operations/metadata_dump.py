"""Manifest, archive objects and items as they are stored: maps with raw keys, and nothing that a reader would make of them."""

from __future__ import annotations

from vinculum.archive.item_stream import read_items
from vinculum.archive.manifest import fetch_manifest_object
from vinculum.errors import ArchiveDoesNotExist, IntegrityError
from vinculum.formats.ids import ID_BYTES
from vinculum.formats.msgpack import unpack
from vinculum.formats.texts import to_raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from vinculum._native import Blob
    from vinculum.keys.key import Key
    from vinculum.repository.store import Store

    Fields: TypeAlias = dict[object, object]


def manifest_fields(store: Store, key: Key) -> Fields:
    """The map that the manifest is. NoManifestError, IntegrityError."""
    return _fields(key.opener.open(fetch_manifest_object(store), None), "the manifest")


class ArchiveFields:
    """What is stored about one archive: its `entry` in the manifest, the map of its archive object, its items."""

    def __init__(self, store: Store, key: Key, name: str) -> None:
        """ArchiveDoesNotExist, ObjectNotFound, IntegrityError."""
        archives = manifest_fields(store, key).get(b"archives")
        entry = archives.get(to_raw(name)) if isinstance(archives, dict) else None
        if entry is None:
            raise ArchiveDoesNotExist(name)
        id = entry.get(b"id") if isinstance(entry, dict) else None
        if not isinstance(id, bytes) or len(id) != ID_BYTES:
            raise IntegrityError(f"the entry of archive {name} in the manifest is not well formed")
        self.entry: Fields = entry
        self.archive = _fields(key.opener.open(store.get(id), id), f"archive {name}")
        self._store = store
        self._key = key
        self._name = name

    def items(self) -> Iterator[Fields]:
        """The items, in order. ObjectNotFound, IntegrityError."""
        ids = self.archive.get(b"items")
        if not isinstance(ids, list) or not all(isinstance(id, bytes) and len(id) == ID_BYTES for id in ids):
            raise IntegrityError(f"archive {self._name} is damaged: items are not ids")
        for batch in read_items(self._store, self._key, ids):
            for item in batch:
                yield _fields(item.encode(), "an item")


def _fields(packed: Blob, what: str) -> Fields:
    try:
        fields = unpack(packed)
    except ValueError as error:
        raise IntegrityError(f"{what} is damaged: {error}") from error
    if not isinstance(fields, dict):
        raise IntegrityError(f"{what} is not a map of fields")
    return fields
