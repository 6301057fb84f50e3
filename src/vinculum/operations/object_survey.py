"""Every object of a repository in the order of the disk, decrypted; and looking for byte sequences in them.

For people who look for a fault. Nothing here needs a manifest, and never is more in memory than a few objects.
"""

from __future__ import annotations

from itertools import islice

from vinculum.errors import IntegrityError, RuntimeTrouble
from vinculum.repository.segments import COMMIT, DELETE, PUT
from vinculum.repository.store import MANIFEST_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vinculum._native import Blob, Bytes
    from vinculum.keys.key import Key
    from vinculum.repository.repository import Repository
    from vinculum.repository.segment_walk import Entry
    from vinculum.repository.store import Store

# Objects may be 20 MiB big, and a batch is held as stored and as plaintext.
_BATCH = 8
CONTEXT_BYTES = 32
_TAG_NAMES = {PUT: "put", DELETE: "del", COMMIT: "commit"}


def any_object(store: Store) -> Bytes:
    """A stored object, to open the key with where the manifest may be lost. RuntimeTrouble if there is none."""
    ids = store.list(limit=1)
    if not ids:
        raise RuntimeTrouble("the repository holds no objects.")
    return store.get(ids[0])


def read_all_objects(store: Store, key: Key) -> Iterator[tuple[bytes, Blob]]:
    """Id and plaintext of every object. IntegrityError at the first one that is damaged; those before it have come out."""
    ids = store.ids_in_disk_order()
    while batch := tuple(islice(ids, _BATCH)):
        yield from zip(batch, _read(store, key, batch), strict=True)


def _read(store: Store, key: Key, ids: tuple[bytes, ...]) -> Iterator[Blob]:
    joined = b"".join(ids)
    if MANIFEST_KEY not in ids:  # its key is not its id, so it cannot be opened in a batch
        try:
            plain = key.opener.open_many(list(store.get_many(joined)), joined)
        except IntegrityError:
            pass  # which one it is shows below
        else:
            yield from plain
            return
    for id in ids:
        yield open_object(key, id, store.get(id))


def open_object(key: Key, id: bytes, stored: Blob) -> Bytes:
    """The verified plaintext of a stored object, be it the manifest. IntegrityError."""
    return key.opener.open(stored, None if id == MANIFEST_KEY else id)


class Ghost:
    """What one entry of a segment file holds, whether or not it counts; `content` is the plaintext of a PUT. Immutable."""

    __slots__ = ("content", "id", "offset", "segment", "tag")

    def __init__(self, segment: int, entry: Entry, content: Blob) -> None:
        self.segment = segment
        self.offset = entry.offset
        self.tag = _TAG_NAMES[entry.tag]
        self.id = entry.id
        self.content = content


def read_ghosts(
    store: Repository, open_key: Callable[[Blob], Key], segment: int | None = None, offset: int | None = None
) -> Iterator[Ghost]:
    """Every entry of the segment files, or of just one, or just those at one offset.

    `open_key` finds the key by a stored object. IntegrityError at the first object that cannot be decrypted.
    """
    key = next((open_key(entry.data) for _, entry in store.ghosts() if entry.tag == PUT), None)
    for number, entry in store.ghosts(segment, offset):
        content: Blob = b""
        if entry.tag == PUT:
            assert key is not None
            content = open_object(key, entry.id, entry.data)
        yield Ghost(number, entry, content)


class Finding:
    """The first place of a byte sequence in an object, which has `count` of them; or across two neighbours (count 0)."""

    __slots__ = ("after", "before", "count", "ids")

    def __init__(self, ids: tuple[bytes, ...], count: int, data: bytes, at: int, length: int) -> None:
        self.ids = ids
        self.count = count
        # Near the beginning the slice counts from the end and is mostly empty, which is what Borg shows.
        self.before = data[at - CONTEXT_BYTES : at]
        self.after = data[at + length :][:CONTEXT_BYTES]


class Search:
    """Looks for a byte sequence in a run of objects, and where two of them meet."""

    def __init__(self, wanted: bytes) -> None:
        self._wanted = wanted
        self._last_id = b""
        self._last_end = b""

    def look_into(self, id: bytes, content: Blob) -> list[Finding]:
        """What there is in the next object, and between it and the one before."""
        wanted, data = self._wanted, bytes(content)
        reach = len(wanted) - 1
        wide = reach + CONTEXT_BYTES
        findings = []
        if reach and wanted in self._last_end[-reach:] + data[:reach]:
            border = self._last_end + data[:wide]
            findings.append(Finding((self._last_id, id), 0, border, border.find(wanted), len(wanted)))
        count = data.count(wanted)
        if count:
            findings.append(Finding((id,), count, data, data.find(wanted), len(wanted)))
        self._last_id, self._last_end = id, data[-wide:]
        return findings
