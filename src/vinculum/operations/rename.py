"""Giving an archive another name: a new archive object takes the place of the old one, the content stays as it is."""

from __future__ import annotations

from vinculum._native import ChunkBatch
from vinculum.archive.archive import pack_renamed
from vinculum.archive.manifest import ArchiveEntry
from vinculum.errors import ArchiveAlreadyExists

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.operations.opened import OpenAnyCache


def rename_archive(opened: OpenAnyCache, name: str, new_name: str, *, workarounds: frozenset[str] = frozenset()) -> None:
    """Renames and commits. ArchiveDoesNotExist, ArchiveAlreadyExists; errors of `load_archive`."""
    store, key, manifest, cache = opened.store, opened.key, opened.manifest, opened.cache
    entry = manifest.archive(name)
    plaintext = bytes(key.opener.open(store.get(entry.id), entry.id))
    packed, time = pack_renamed(key, plaintext, name, new_name, workarounds=workarounds)
    if new_name in manifest.archives:
        raise ArchiveAlreadyExists(new_name)
    objects = ChunkBatch.of([packed], key.hasher)
    manifest.archives[new_name] = ArchiveEntry(new_name, objects.ids(), time)
    new = cache.chunks.claim(objects)
    if len(new):
        sealed = opened.codec.seal(new)
        store.put_many(sealed)
        cache.chunks.settle(sealed)
    store.delete_many(cache.chunks.remove_references(entry.id))
    del manifest.archives[name]
    opened.commit()
