"""Growing the trees of archives: a kernel takes item streams apart, here is decided what is shown and to whom it belongs."""

from __future__ import annotations

import os

from vinculum.archive.archive import load_archive
from vinculum.archive.item_stream import read_windows
from vinculum.archive.patterns import INCLUDE
from vinculum.platform import owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vinculum._native import FileTree, ItemWindow
    from vinculum.archive.manifest import ArchiveEntry
    from vinculum.archive.patterns import PatternMatcher
    from vinculum.keys.key import Key
    from vinculum.repository.store import Store

# Enough for all cores; a mount should not keep more than its tree in memory.
_WINDOW_BYTES = 1 << 20


class TreeSource:
    """Where trees come from, and which files are in them. Confined to the store's thread."""

    def __init__(
        self, store: Store, key: Key, matcher: PatternMatcher, workarounds: frozenset[str], warn: Callable[[str], None]
    ) -> None:
        self._store = store
        self._key = key
        self._matcher = matcher
        self._workarounds = workarounds
        self._warn = warn

    def grow(self, tree: FileTree, entry: ArchiveEntry) -> Iterator[None]:
        """Adds an archive to a tree, some of it with each step. Raises like `load_archive` and `read_windows`."""
        archive = load_archive(self._store, self._key, entry, workarounds=self._workarounds)
        for window in read_windows(self._store, self._key, archive.items, _WINDOW_BYTES):
            broken, senseless = self._grow(tree, window)
            for path in broken:
                self._warn(f"{os.fsdecode(path)}: what it is a hard link of is not in archive {entry.name}")
            for path in senseless:
                self._warn(f"{os.fsdecode(path)}: its ACL in archive {entry.name} makes no sense, so it is shown without")
            yield
        tree.finish_archive()

    def _grow(self, tree: FileTree, window: ItemWindow) -> tuple[list[bytes], list[bytes]]:
        """Adds all items of a window that are wanted; the paths of links to what is not there, and of senseless ACLs."""
        mask = self._mask(window)
        done, broken, senseless = 0, list[bytes](), list[bytes]()
        while done < len(window):
            done, users, groups, links, acls = tree.grow(window, done, mask)
            broken += links
            senseless += acls
            for name in users:
                if (uid := owners.user_id(name)) is not None:
                    tree.set_user(name, uid)
            for name in groups:
                if (gid := owners.group_id(name)) is not None:
                    tree.set_group(name, gid)
        return broken, senseless

    def _mask(self, window: ItemWindow) -> bytes | None:
        if self._matcher.is_trivial:
            return None
        decide = self._matcher.decide
        return bytes(decide(os.fsdecode(path)) == INCLUDE for path in window.paths())
