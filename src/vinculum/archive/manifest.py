"""The manifest: which archives there are, and what every program that opens the repository has to know.

It is the only mutable object, always written last before a commit. Invariants: its timestamp grows strictly, entries of its
config that we do not know survive, and it is never written without authentication.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from datetime import UTC, datetime, timedelta

from vinculum.errors import (
    ArchiveDoesNotExist,
    Error,
    IntegrityError,
    MandatoryFeatureUnsupported,
    NoManifestError,
    ObjectNotFound,
)
from vinculum.formats.ids import ID_BYTES
from vinculum.formats.texts import to_raw, to_text
from vinculum.formats.times import format_timestamp, parse_timestamp
from vinculum.keys.tam import pack_with_tam, verify_manifest
from vinculum.keys.tam_marker import set_marked
from vinculum.repository.store import MANIFEST_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, Protocol, Self, TypeAlias

    from vinculum._native import Blob, Bytes
    from vinculum.keys.key import Key
    from vinculum.objects.codec import ObjectCodec
    from vinculum.repository.store import Store

    Operation: TypeAlias = Literal["read", "check", "write", "delete"]

    class ManifestStore(Protocol):
        def get(self, id: bytes) -> Bytes: ...


ITEM_KEYS = frozenset(
    b"acl_access acl_default acl_extended acl_nfs4 atime birthtime bsdflags chunks chunks_healthy ctime gid group "
    b"hardlink_master mode mtime part path rdev size source uid user xattrs".split()
)
MAX_ARCHIVES = 400_000
LONGEST_NAME = 255
_MICROSECOND = timedelta(microseconds=1)


class ArchiveEntry:
    """What the manifest says about one archive: the name that counts, the id of its object, its start. Immutable."""

    __slots__ = ("_time", "id", "name")

    def __init__(self, name: str, id: bytes, time: datetime | str) -> None:
        self.name = name
        self.id = id
        self._time = time

    @property
    def time(self) -> datetime:
        """When the archive was begun. IntegrityError if the manifest holds something else than a time."""
        # Most commands look at few of many entries, so texts from a manifest are parsed when asked for.
        if isinstance(self._time, datetime):
            return self._time
        try:
            return parse_timestamp(self._time)
        except ValueError as error:
            raise IntegrityError(f"time of archive {self.name} in the manifest: {error}") from error

    @property
    def timestamp(self) -> str:
        """The start in the form in which it is stored."""
        return self._time if isinstance(self._time, str) else format_timestamp(self._time)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ArchiveEntry):
            return NotImplemented
        return (self.name, self.id, self.timestamp) == (other.name, other.id, other.timestamp)

    def __hash__(self) -> int:
        return hash((self.name, self.id))

    def __repr__(self) -> str:
        return f"<ArchiveEntry {self.name!r} {self.id.hex()}>"


class Archives(MutableMapping[str, ArchiveEntry]):
    """name -> entry; what is set must have a permitted name. Names that a manifest came with are taken as they are."""

    __slots__ = ("_entries",)

    def __init__(self, entries: dict[str, ArchiveEntry]) -> None:
        self._entries = entries

    def __getitem__(self, name: str) -> ArchiveEntry:
        return self._entries[name]

    def __setitem__(self, name: str, entry: ArchiveEntry) -> None:
        check_archive_name(name)
        if entry.name != name or len(entry.id) != ID_BYTES:
            raise ValueError(f"{entry!r} cannot be the archive {name!r}")
        if name not in self._entries and len(self._entries) >= MAX_ARCHIVES:
            raise Error(f"The repository holds {MAX_ARCHIVES} archives, which is the most that its format allows.")
        self._entries[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries


class Manifest:
    """The manifest of an open repository. Confined to one thread.

    `id` identifies the version last loaded or written (empty for a new one), `timestamp` likewise; `config` and `item_keys` are
    as stored, with raw names.
    """

    __slots__ = ("_key", "archives", "config", "id", "item_keys", "tam_verified", "timestamp")

    def __init__(self, key: Key) -> None:
        self._key = key
        self.archives = Archives({})
        self.config: dict[bytes, object] = {}
        self.item_keys = ITEM_KEYS
        self.id = b""
        self.timestamp = ""
        self.tam_verified = False

    @classmethod
    def new(cls, key: Key) -> Self:
        """The manifest of a repository without archives."""
        return cls(key)

    @classmethod
    def load(cls, store: ManifestStore, key: Key, *, stored: Blob | None = None, trust: bool = False) -> Self:
        """The repository's manifest; `stored` is its object, if it was fetched already (to open the key with).

        With `trust` an unauthenticated one is accepted, whatever the key wants. An authenticated manifest also decides whether
        this client insists on authentication from now on. NoManifestError, UnsupportedManifestError, TamRequired, TamInvalid,
        TamUnsupportedSuite, IntegrityError.
        """
        if stored is None:
            stored = fetch_manifest_object(store)
        plaintext = bytes(key.opener.open(stored, None))
        fields, verified = verify_manifest(key, plaintext, required=key.tam_required and not trust)
        manifest = cls(key)
        manifest.id = key.hasher.digest(plaintext)
        manifest.tam_verified = verified
        manifest._take(fields)
        if verified:
            set_marked(key.repository_id, manifest.config.get(b"tam_required", False) is True)
        return manifest

    def _take(self, fields: dict[bytes, object]) -> None:
        if fields.get(b"version") not in (1, 2):
            raise IntegrityError(f"the manifest is of an unknown version: {fields.get(b'version')!r}")
        self.archives = Archives(_parse_archives(fields.get(b"archives")))
        timestamp = fields.get(b"timestamp", b"")
        config = fields.get(b"config", {})
        item_keys = fields.get(b"item_keys", [])
        if not isinstance(timestamp, bytes) or not isinstance(config, dict) or not isinstance(item_keys, list):
            raise IntegrityError("the manifest holds something that does not belong there")
        self.timestamp = to_text(timestamp)
        self.config = config
        self.item_keys = ITEM_KEYS | frozenset(name for name in item_keys if isinstance(name, bytes))

    def archive(self, name: str) -> ArchiveEntry:
        """The entry of one archive. ArchiveDoesNotExist."""
        if name not in self.archives:
            others = sorted(self.archives.values(), key=lambda entry: entry.timestamp)
            raise ArchiveDoesNotExist(name, [entry.name for entry in others])
        return self.archives[name]

    # -- features ------------------------------------------------------------------------------------------------------

    @property
    def mandatory_features(self) -> frozenset[str]:
        """The features that some operation on this repository needs."""
        return frozenset(feature for operation in ("read", "check", "write", "delete") for feature in self._features(operation))

    def check_feature_flags(self, operation: Operation) -> None:
        """MandatoryFeatureUnsupported if `operation` needs a feature; there is none that we have."""
        features = self._features(operation)
        if features:
            raise MandatoryFeatureUnsupported(", ".join(sorted(features)))

    def _features(self, operation: str) -> list[str]:
        flags = self.config.get(b"feature_flags", {})
        requirements = flags.get(operation.encode("ascii"), {}) if isinstance(flags, dict) else None
        features = requirements.get(b"mandatory", []) if isinstance(requirements, dict) else None
        if not isinstance(features, list):
            raise IntegrityError("the feature flags in the manifest are not well formed")
        return [to_text(feature) if isinstance(feature, bytes) else str(feature) for feature in features]

    # -- writing -------------------------------------------------------------------------------------------------------

    def write(self, store: Store, codec: ObjectCodec, *, now: datetime | None = None, require_tam: bool | None = None) -> None:
        """Stores the manifest as it is now with a timestamp later than before; the caller commits. Sets `id`, `timestamp`.

        `require_tam` makes it say whether it must be authenticated; by default that stays, unless the key insists.
        """
        if require_tam is not None or self._key.tam_required:
            self.config[b"tam_required"] = require_tam is not False
        timestamp = self._next_timestamp(datetime.now(UTC) if now is None else now)
        fields: dict[bytes, object] = {
            b"version": 2 if self.config.get(b"feature_flags") else 1,
            b"archives": {
                to_raw(entry.name): {b"id": entry.id, b"time": to_raw(entry.timestamp)} for entry in self.archives.values()
            },
            b"config": self.config,
            b"item_keys": sorted(self.item_keys),
            b"timestamp": to_raw(timestamp),
        }
        plaintext = pack_with_tam(self._key, fields, b"manifest")
        manifest_id, sealed = codec.seal_object(plaintext, "The manifest")
        store.put(MANIFEST_KEY, sealed.object(0))
        self.id = manifest_id
        self.timestamp = timestamp
        self.tam_verified = True

    def _next_timestamp(self, now: datetime) -> str:
        current = format_timestamp(now)
        if not self.timestamp:
            return current
        try:
            following = format_timestamp(parse_timestamp(self.timestamp) + _MICROSECOND)
        except (ValueError, OverflowError) as error:
            raise IntegrityError(f"timestamp of the manifest: {error}") from error
        return max(current, following)


def fetch_manifest_object(store: ManifestStore) -> Bytes:
    """The stored manifest, still sealed. NoManifestError."""
    try:
        return store.get(MANIFEST_KEY)
    except ObjectNotFound:
        raise NoManifestError from None


def check_archive_name(name: str) -> None:
    """Error if a new archive cannot be called that."""
    if not name:
        raise Error("An archive needs a name.")
    if len(name) > LONGEST_NAME:
        raise Error(f"The archive name is {len(name)} characters long, {LONGEST_NAME} are possible.")
    if "/" in name:
        raise Error(f"The archive name {name!r} contains a slash.")


def _parse_archives(archives: object) -> dict[str, ArchiveEntry]:
    if not isinstance(archives, dict):
        raise IntegrityError("the manifest has no archives map")
    entries = {}
    for raw_name, facts in archives.items():
        name = to_text(raw_name) if isinstance(raw_name, bytes) else repr(raw_name)
        archive_id = facts.get(b"id") if isinstance(facts, dict) else None
        time = facts.get(b"time") if isinstance(facts, dict) else None
        if not isinstance(raw_name, bytes) or not isinstance(archive_id, bytes) or not isinstance(time, bytes):
            raise IntegrityError(f"the entry of archive {name} in the manifest is not well formed")
        entries[name] = ArchiveEntry(name, archive_id, to_text(time))
    return entries
