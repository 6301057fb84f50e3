"""What is different between an item of one archive and the item at the same path of another.

An item that one of the archives lacks is None here. Changes are maps in the shape of Borg's JSON, but with names as bytes and
times in nanoseconds; how they look is decided elsewhere. Extended attributes, ACLs, flags and device numbers are not compared.
"""

from __future__ import annotations

import stat

from vinculum.formats.ids import split_ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from vinculum._native import Bytes, ChunkList, Item

    Change: TypeAlias = dict[str, object]

WINDOW_BYTES = 16 << 20
# What comes and goes without content, as Borg names it.
_KINDS = {stat.S_IFDIR: "directory", stat.S_IFBLK: "blkdev", stat.S_IFCHR: "chrdev", stat.S_IFIFO: "fifo"}


class Difference:
    """Two items that are not equal. `changes` may be empty all the same: not everything that counts has a name."""

    __slots__ = ("changes", "new", "old", "path")

    def __init__(self, path: bytes, old: Item | None, new: Item | None, changes: list[Change]) -> None:
        self.path = path
        self.old = old
        self.new = new
        self.changes = changes


class Comparison:
    """Tells what is different. With `by_ids` chunk lists are compared, otherwise the content that `fetch` reads by ids."""

    __slots__ = ("_fetch", "by_ids", "content_only")

    def __init__(self, fetch: Callable[[bytes], list[Bytes]], *, by_ids: bool, content_only: bool) -> None:
        self._fetch = fetch
        self.by_ids = by_ids
        self.content_only = content_only

    def describe(self, path: bytes, old: Item | None, new: Item | None, depends_on_content: bool) -> Difference | None:
        """The difference between items that a kernel found unequal; None if it is up to the content, which is the same.

        Raises what `fetch` raises.
        """
        if old is None or new is None:
            return Difference(path, old, new, _presence(old, new))
        if depends_on_content and self._same_content(old.chunks, new.chunks):
            return None
        return Difference(path, old, new, self._changes(old, new))

    def _same_content(self, before: ChunkList | None, after: ChunkList | None) -> bool:
        """Reads both until they differ; they may be cut differently."""
        if before is None or after is None:
            return True
        old_chunks, new_chunks = self._read(before), self._read(after)
        old = new = memoryview(b"")
        while True:
            if not old:
                old = memoryview(next(old_chunks, b""))
            if not new:
                new = memoryview(next(new_chunks, b""))
            length = min(len(old), len(new))
            if not length:
                return len(old) == len(new)
            # Views compare byte by byte: bytes are faster, even with the copying.
            if bytes(old[:length]) != bytes(new[:length]):
                return False
            old, new = old[length:], new[length:]

    def _read(self, chunks: ChunkList) -> Iterator[Bytes]:
        count = len(chunks)
        step = max(1, count * WINDOW_BYTES // max(1, chunks.size_bytes))
        for start in range(0, count, step):
            yield from self._fetch(chunks.part(start, start + step).ids())

    def _changes(self, old: Item, new: Item) -> list[Change]:
        changes: list[Change] = []
        is_link = stat.S_ISLNK(old.mode) or stat.S_ISLNK(new.mode)
        if is_link and old.source is not None and new.source is not None and old.source != new.source:
            changes.append({"type": "changed link"})
        if old.chunks is not None and new.chunks is not None:
            changes += self._content_changes(old.chunks, new.chunks)
        if not self.content_only:
            changes += _attribute_changes(old, new)
        return changes

    def _content_changes(self, before: ChunkList, after: ChunkList) -> list[Change]:
        if not self.by_ids:
            # Only where nothing else differs has the content been looked at: it may be the same.
            return [{"type": "modified"}]
        old_ids, new_ids = before.ids(), after.ids()
        if old_ids == new_ids:
            return []
        old_list, new_list = split_ids(old_ids), split_ids(new_ids)
        added, removed = _size_outside(after, new_list, set(old_list)), _size_outside(before, old_list, set(new_list))
        return [{"type": "modified", "added": added, "removed": removed}] if added or removed else []


def size_of(item: Item) -> int:
    """The size of the content, of a symlink that of its target."""
    if stat.S_ISLNK(item.mode):
        return len((item.source or b"").decode(errors="surrogateescape"))
    if item.size is not None:
        return item.size
    return 0 if item.chunks is None else item.chunks.size_bytes


def _presence(old: Item | None, new: Item | None) -> list[Change]:
    """What to say about an item that only one archive has."""
    item, verb = (new, "added") if new is not None else (old, "removed")
    if item is None:
        return []
    changes: list[Change] = []
    if stat.S_ISLNK(item.mode):
        changes.append({"type": f"{verb} link"})
    if item.chunks is not None:
        changes.append({"type": verb, "size": size_of(item)})
    kind = _KINDS.get(stat.S_IFMT(item.mode))
    if kind:
        changes.append({"type": f"{verb} {kind}"})
    return changes


def _attribute_changes(old: Item, new: Item) -> Iterator[Change]:
    if (old.user, old.group) != (new.user, new.group):
        yield {
            "type": "owner",
            "old_user": old.user,
            "old_group": old.group,
            "new_user": new.user,
            "new_group": new.group,
        }
    if old.mode != new.mode:
        yield {"type": "mode", "old_mode": stat.filemode(old.mode), "new_mode": stat.filemode(new.mode)}
    if old.ctime is not None and new.ctime is not None and old.ctime != new.ctime:
        yield {"type": "ctime", "old_ctime": old.ctime, "new_ctime": new.ctime}
    if old.mtime != new.mtime:
        yield {"type": "mtime", "old_mtime": old.mtime, "new_mtime": new.mtime}


def _size_outside(chunks: ChunkList, ids: list[bytes], others: set[bytes]) -> int:
    """How much of the content is in chunks that are not among the others; each counts as often as it occurs."""
    return sum(size for id, size in zip(ids, chunks.sizes(), strict=True) if id not in others)
