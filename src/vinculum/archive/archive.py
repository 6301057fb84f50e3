"""The archive object: everything about an archive but its items, and which chunks hold those.

Texts are `str` here and raw on disk (bytes that are not UTF-8 survive as surrogate escapes). Fields that this program does not
know are kept, so that rewriting an archive object loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from vinculum.archive.fields import Fields
from vinculum.errors import IntegrityError, ObjectNotFound
from vinculum.formats.texts import to_raw, to_text
from vinculum.formats.times import format_timestamp, parse_timestamp
from vinculum.keys.tam import pack_with_tam, verify_archive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from typing import Protocol, Self

    from vinculum._native import Bytes, Opener
    from vinculum.archive.fields import ChunkerParams
    from vinculum.archive.manifest import ArchiveEntry
    from vinculum.keys.tam import TamKey

    class ArchiveStore(Protocol):
        def get(self, id: bytes) -> Bytes: ...

    class ArchivesStore(ArchiveStore, Protocol):
        def get_many(self, ids: bytes) -> list[Bytes]: ...

    class ArchiveKey(TamKey, Protocol):
        @property
        def opener(self) -> Opener: ...
        @property
        def tam_required(self) -> bool: ...


VERSION = 1
IGNORE_INVALID_ARCHIVE_TAM = "ignore_invalid_archive_tam"
_TOTALS = ("size", "csize", "nfiles", "size_parts", "csize_parts", "nfiles_parts")
# Of archive objects that are read together; most take some hundred bytes, none more than a few hundred KiB.
_AT_ONCE = 256
_NEEDED = ("name", "items", "cmdline", "time")


class ArchiveMetadata:
    """The content of one archive object. Immutable.

    Absent fields are None, but texts are then empty and `time_end` is `time`. `other` holds unknown fields as stored.
    `tam_verified` is False unless it came from the repository and was found authentic.
    """

    __slots__ = (
        "chunker_params",
        "cmdline",
        "comment",
        "csize",
        "csize_parts",
        "cwd",
        "hostname",
        "items",
        "name",
        "nfiles",
        "nfiles_parts",
        "other",
        "recreate_cmdline",
        "size",
        "size_parts",
        "tam_verified",
        "time",
        "time_end",
        "username",
    )

    def __init__(
        self,
        *,
        name: str,
        items: list[bytes],
        cmdline: Sequence[str | bytes],
        time: datetime,
        time_end: datetime | None = None,
        hostname: str = "",
        username: str = "",
        comment: str = "",
        chunker_params: ChunkerParams | None = None,
        cwd: str | bytes | None = None,
        size: int | None = None,
        csize: int | None = None,
        nfiles: int | None = None,
        size_parts: int | None = None,
        csize_parts: int | None = None,
        nfiles_parts: int | None = None,
        recreate_cmdline: Sequence[str | bytes] | None = None,
        other: Mapping[bytes, object] | None = None,
        tam_verified: bool = False,
    ) -> None:
        self.name = name
        self.items = items
        self.cmdline = [_text(word) for word in cmdline]
        self.time = time
        self.time_end = time if time_end is None else time_end
        self.hostname = hostname
        self.username = username
        self.comment = comment
        self.chunker_params = chunker_params
        self.cwd = None if cwd is None else _text(cwd)
        self.size = size
        self.csize = csize
        self.nfiles = nfiles
        self.size_parts = size_parts
        self.csize_parts = csize_parts
        self.nfiles_parts = nfiles_parts
        self.recreate_cmdline = None if recreate_cmdline is None else [_text(word) for word in recreate_cmdline]
        self.other = dict(other or {})
        self.tam_verified = tam_verified

    @classmethod
    def from_fields(cls, fields: Mapping[bytes, object], *, tam_verified: bool = False) -> Self:
        """From an unpacked archive object. ValueError names the field that is missing or not what it should be."""
        reader = Fields(fields)
        version = reader.take("version")
        if version != VERSION:
            raise ValueError(f"unknown version {version!r}")
        for needed in _NEEDED:
            if needed not in reader:
                raise ValueError(f"{needed} is missing")
        return cls(
            name=reader.text("name") or "",
            items=reader.ids("items"),
            cmdline=reader.texts("cmdline") or [],
            time=parse_timestamp(reader.text("time") or ""),
            time_end=parse_timestamp(reader.text("time_end") or "") if "time_end" in reader else None,
            hostname=reader.text("hostname") or "",
            username=reader.text("username") or "",
            comment=reader.text("comment") or "",
            chunker_params=reader.chunker_params("chunker_params"),
            cwd=reader.text("cwd"),
            size=reader.number("size"),
            csize=reader.number("csize"),
            nfiles=reader.number("nfiles"),
            size_parts=reader.number("size_parts"),
            csize_parts=reader.number("csize_parts"),
            nfiles_parts=reader.number("nfiles_parts"),
            recreate_cmdline=reader.texts("recreate_cmdline"),
            other=reader.rest(),
            tam_verified=tam_verified,
        )

    def totals(self) -> dict[str, int] | None:
        """What the archive records of its sizes, by the names of the fields; None if it is older than that (before 1.2)."""
        if self.nfiles is None or self.size is None or self.csize is None:
            return None
        return {name: getattr(self, name) or 0 for name in _TOTALS}

    def to_fields(self) -> dict[bytes, object]:
        """The map to be packed, without `tam`."""
        fields: dict[bytes, object] = {
            **self.other,
            b"version": VERSION,
            b"name": to_raw(self.name),
            b"items": self.items,
            b"cmdline": [to_raw(word) for word in self.cmdline],
            b"time": to_raw(format_timestamp(self.time)),
            b"time_end": to_raw(format_timestamp(self.time_end)),
            b"hostname": to_raw(self.hostname),
            b"username": to_raw(self.username),
            b"comment": to_raw(self.comment),
        }
        if self.cwd is not None:
            fields[b"cwd"] = to_raw(self.cwd)
        for name in _TOTALS:
            number = getattr(self, name)
            if number is not None:
                fields[name.encode()] = number
        if self.chunker_params is not None:
            fields[b"chunker_params"] = [to_raw(part) if isinstance(part, str) else part for part in self.chunker_params]
        if self.recreate_cmdline is not None:
            fields[b"recreate_cmdline"] = [to_raw(word) for word in self.recreate_cmdline]
        return fields


def load_archive(
    store: ArchiveStore,
    key: ArchiveKey,
    entry: ArchiveEntry,
    *,
    workarounds: frozenset[str] = frozenset(),
    tam_required: bool = False,
) -> ArchiveMetadata:
    """The archive that the manifest lists as `entry`.

    A missing TAM is accepted unless `tam_required` (as `check` does, if the key requires them); a wrong one never is, unless
    `workarounds` say so. ObjectNotFound, IntegrityError, ArchiveTamInvalid, ArchiveTamRequired.
    """
    plaintext = bytes(key.opener.open(store.get(entry.id), entry.id))
    return parse_archive(key, plaintext, entry.name, workarounds=workarounds, tam_required=tam_required)


def load_archives(
    store: ArchivesStore, key: ArchiveKey, entries: Iterable[ArchiveEntry], *, workarounds: frozenset[str] = frozenset()
) -> Iterator[ArchiveMetadata]:
    """The archives in this order, many at a time. Errors as `load_archive`, when it is the turn of the archive."""
    entries = list(entries)
    for start in range(0, len(entries), _AT_ONCE):
        window = entries[start : start + _AT_ONCE]
        ids = b"".join([entry.id for entry in window])
        try:
            plaintexts = key.opener.open_many(list(store.get_many(ids)), ids)
        except (ObjectNotFound, IntegrityError):  # of any of them
            for entry in window:
                yield load_archive(store, key, entry, workarounds=workarounds)
            continue
        for entry, plaintext in zip(window, plaintexts, strict=True):
            yield parse_archive(key, bytes(plaintext), entry.name, workarounds=workarounds)


def parse_archive(
    key: TamKey, plaintext: bytes, name: str, *, workarounds: frozenset[str] = frozenset(), tam_required: bool = False
) -> ArchiveMetadata:
    """The archive that an opened archive object describes; `name` is for messages. Errors as `load_archive`."""
    accept_invalid = IGNORE_INVALID_ARCHIVE_TAM in workarounds
    fields, verified = verify_archive(key, plaintext, name, required=tam_required, accept_invalid=accept_invalid)
    try:
        return ArchiveMetadata.from_fields(fields, tam_verified=verified)
    except ValueError as error:
        raise IntegrityError(f"archive {name} is damaged: {error}") from error


def pack_archive(key: TamKey, metadata: ArchiveMetadata) -> bytes:
    """The plaintext of the archive object, with a new TAM."""
    return pack_with_tam(key, metadata.to_fields(), b"archive")


def pack_renamed(
    key: TamKey, plaintext: bytes, name: str, new_name: str, *, workarounds: frozenset[str] = frozenset()
) -> tuple[bytes, str]:
    """The plaintext of the same archive object under another name, with a new TAM, and the archive's time as it is stored.

    Nothing else changes, not even the form of a field. Errors as `load_archive`.
    """
    parse_archive(key, plaintext, name, workarounds=workarounds)
    accept_invalid = IGNORE_INVALID_ARCHIVE_TAM in workarounds
    fields, _ = verify_archive(key, plaintext, name, accept_invalid=accept_invalid)
    time = fields[b"time"]
    assert isinstance(time, bytes)  # it was parsed above
    return pack_with_tam(key, {**fields, b"name": to_raw(new_name)}, b"archive"), to_text(time)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else to_text(value)
