"""What is open, as types: who needs archives or a cache takes one of these, and can have it in no other way than by a door."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.archive.manifest import Manifest
    from vinculum.cache.adhoc import AdHocCache
    from vinculum.cache.directory import Cache
    from vinculum.cache.preloading import Preloaded
    from vinculum.keys.key import Key
    from vinculum.objects.codec import ObjectCodec
    from vinculum.repository.store import Store


class OpenArchives:
    """An open repository whose archives are known. `codec` seals with the session's compression; only if opened exclusively."""

    __slots__ = ("codec", "key", "manifest", "preloaded", "store")

    def __init__(
        self, store: Store, key: Key, manifest: Manifest, codec: ObjectCodec, preloaded: Preloaded | None = None
    ) -> None:
        self.store = store
        self.key = key
        self.manifest = manifest
        self.codec = codec
        self.preloaded = preloaded  # what was read of the cache meanwhile, for those who go on to it


class OpenCache(OpenArchives):
    """The same, and the chunk index (and files cache, if asked for) of this client, in agreement with the manifest."""

    __slots__ = ("cache",)

    def __init__(self, archives: OpenArchives, cache: Cache) -> None:
        super().__init__(archives.store, archives.key, archives.manifest, archives.codec)
        self.cache = cache


class OpenAdHocCache(OpenArchives):
    """The same, and a chunk index that knows what is stored, but not how often it is used."""

    __slots__ = ("cache",)

    def __init__(self, archives: OpenArchives, cache: AdHocCache) -> None:
        super().__init__(archives.store, archives.key, archives.manifest, archives.codec)
        self.cache = cache
