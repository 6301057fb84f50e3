"""Whether manifest and archives of a repository are authenticated (TAM), and making it so.

Adding authentication trusts what is there: only its user can say whether that is what was once backed up.
"""

from __future__ import annotations

from vinculum.archive.archive import IGNORE_INVALID_ARCHIVE_TAM, parse_archive
from vinculum.archive.manifest import ArchiveEntry
from vinculum.keys.key import require_tam
from vinculum.keys.tam import pack_with_tam, verify_archive
from vinculum.keys.tam_marker import is_marked, set_marked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.operations.opened import OpenAnyCache, OpenArchives


class ManifestAuthentication:
    """The three places that say that the manifest must be authenticated: itself, the key, and this client's record."""

    def __init__(self, opened: OpenArchives) -> None:
        self._store = opened.store
        self._key = opened.key
        self._manifest = opened.manifest
        self._codec = opened.codec

    @property
    def manifest_agrees(self) -> bool:
        return self._manifest.tam_verified and self._manifest.config.get(b"tam_required", False) is True

    @property
    def key_agrees(self) -> bool:
        return self._key.tam_required or not self._key.has_secrets

    @property
    def client_agrees(self) -> bool:
        return is_marked(self._store.id)

    def tell_manifest(self) -> None:
        self._manifest.write(self._store, self._codec, require_tam=True)
        self._store.commit()

    def tell_key(self) -> None:
        require_tam(self._store, self._key, required=True)

    def tell_client(self) -> None:
        set_marked(self._store.id, True)

    def disable(self) -> bool:
        """Tells all three that it need not be; True if the key had to be changed for that."""
        set_marked(self._store.id, False)
        changes_key = self._key.tam_required and self._key.has_secrets
        if changes_key:
            require_tam(self._store, self._key, required=False)
        self._manifest.write(self._store, self._codec, require_tam=False)
        self._store.commit()
        return changes_key


class ArchiveAuthentication:
    """Goes over the archives of an open cache. Nothing counts before `commit`."""

    def __init__(self, opened: OpenAnyCache) -> None:
        self._opened = opened

    def entries(self) -> list[ArchiveEntry]:
        """All archives, oldest first."""
        return sorted(self._opened.manifest.archives.values(), key=lambda entry: entry.time)

    def is_authentic(self, entry: ArchiveEntry) -> bool:
        """IntegrityError if the archive object is damaged."""
        trusting = frozenset((IGNORE_INVALID_ARCHIVE_TAM,))
        return parse_archive(self._opened.key, self._open(entry), entry.name, workarounds=trusting).tam_verified

    def authenticate(self, entry: ArchiveEntry) -> bytes:
        """Replaces the archive object by one with the same content and a valid TAM; returns its id."""
        opened = self._opened
        fields, _ = verify_archive(opened.key, self._open(entry), entry.name, accept_invalid=True)
        packed = pack_with_tam(opened.key, fields, b"archive")
        archive_id, sealed = opened.codec.seal_object(packed, f"Archive {entry.name}")
        opened.store.put_many(sealed)
        opened.cache.chunks.add(archive_id, 1, len(packed), sealed.sizes()[0])
        if opened.cache.chunks.remove_references(entry.id):
            opened.store.delete(entry.id)
        opened.manifest.archives[entry.name] = ArchiveEntry(entry.name, archive_id, entry.timestamp)
        return archive_id

    def commit(self) -> None:
        self._opened.commit()

    def _open(self, entry: ArchiveEntry) -> bytes:
        return bytes(self._opened.key.opener.open(self._opened.store.get(entry.id), entry.id))
