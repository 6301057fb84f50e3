"""What is open, as types: who needs archives or a cache takes one of these, and can have it in no other way than by a door."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vinculum.archive.manifest import Manifest
    from vinculum.cache.adhoc import AdHocCache
    from vinculum.cache.directory import Cache
    from vinculum.cache.preloading import Preloaded
    from vinculum.keys.key import Key
    from vinculum.objects.codec import ObjectCodec
    from vinculum.repository.store import Store


class OpenArchives:
    """An open repository whose archives are known. `codec` seals, if it was opened exclusively."""

    __slots__ = ("codec", "key", "manifest", "preloaded", "store")

    def __init__(
        self, store: Store, key: Key, manifest: Manifest, codec: ObjectCodec, preloaded: Preloaded | None = None
    ) -> None:
        self.store = store
        self.key = key
        self.manifest = manifest
        self.codec = codec
        self.preloaded = preloaded  # what was read of the cache meanwhile, for those who go on to it

    def commit(self) -> None:
        """Makes permanent what was changed in the repository, the manifest as it is now with it."""
        self.manifest.write(self.store, self.codec)
        self.store.commit()


class OpenAnyCache(OpenArchives):
    """The same, and a chunk index: what it takes to make and delete archives."""

    __slots__ = ("cache",)

    def __init__(self, archives: OpenArchives, cache: Cache | AdHocCache) -> None:
        super().__init__(archives.store, archives.key, archives.manifest, archives.codec)
        self.cache = cache

    def commit(self) -> None:
        """The same, and the cache follows: whatever dies in between leaves one that is out of date, never one that is wrong."""
        super().commit()
        self.cache.commit(self.manifest)

    def with_compression(self, specification: str) -> Self:
        """The same, but new objects are compressed as it says. ValueError if it is malformed."""
        from vinculum._native import Compressor

        codec = self.codec.with_compressor(Compressor(specification))
        return type(self)(OpenArchives(self.store, self.key, self.manifest, codec), self.cache)


class OpenCache(OpenAnyCache):
    """The same with the cache of this client: it counts references, in agreement with the manifest, and may know files."""

    __slots__ = ()

    cache: Cache


class OpenAdHocCache(OpenAnyCache):
    """The same with an index for this command alone: it knows what is stored, but not how often it is used."""

    __slots__ = ()

    cache: AdHocCache
