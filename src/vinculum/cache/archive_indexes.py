"""`chunks.archive.d`: one chunk index per archive, kept so that a resynchronisation reads new archives only.

Real Borg fills this directory; here it is used, kept current and verified where Borg did, and never started (it costs as much
disk space as all indexes together). Invariant: an index under its final name is complete.
"""

from __future__ import annotations

import os

from vinculum._native import ChunkIndex
from vinculum.errors import IntegrityError
from vinculum.formats.integrity import HASH_INDEX_PARTS, integrity_string, verify_integrity
from vinculum.platform.files import remove_if_present

_COMPACT = ".compact"
_DIGEST = ".integrity"
_ID_DIGITS = 64


class ArchiveIndexes:
    """The indexes in one directory, by archive id. One that is missing, or is a file, has no `ids`; the rest is not for it."""

    __slots__ = ("_directory",)

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def ids(self) -> set[bytes]:
        """The archives that have an index here."""
        try:
            names = os.listdir(self._directory)
        except (FileNotFoundError, NotADirectoryError):
            return set()
        found = set()
        for name in names:
            digits = name.removesuffix(_COMPACT)
            if len(digits) == _ID_DIGITS:
                try:
                    found.add(bytes.fromhex(digits))
                except ValueError:
                    continue
        return found

    def load(self, archive_id: bytes) -> ChunkIndex | None:
        """The index of an archive; None if there is none, or it was damaged (it is removed then)."""
        for suffix in (_COMPACT, ""):
            name = archive_id.hex() + suffix
            content = self._read(name)
            if content is None:
                continue
            digest = self._read(name + _DIGEST)
            try:
                if digest is not None:
                    verify_integrity(digest.decode("ascii", "replace"), name, content, HASH_INDEX_PARTS)
                return ChunkIndex.load(content)
            except IntegrityError:
                self.remove(archive_id)
        return None

    def save(self, archive_id: bytes, index: ChunkIndex) -> None:
        """Keeps an index, in place of any other of the same archive."""
        name = archive_id.hex() + _COMPACT
        content = index.save_compact()
        temporary = os.path.join(self._directory, archive_id.hex() + ".tmp")
        with open(temporary, "wb") as file:
            file.write(content)
        with open(os.path.join(self._directory, name + _DIGEST), "w", encoding="ascii") as file:
            file.write(integrity_string(name, content, HASH_INDEX_PARTS))
        os.rename(temporary, os.path.join(self._directory, name))

    def remove(self, archive_id: bytes) -> None:
        """Forgets an archive, if it has an index."""
        for suffix in (_COMPACT, ""):
            for ending in ("", _DIGEST):
                remove_if_present(os.path.join(self._directory, archive_id.hex() + suffix + ending))

    def clear(self) -> None:
        """Forgets all of them."""
        for archive_id in self.ids():
            self.remove(archive_id)

    def _read(self, name: str) -> bytes | None:
        try:
            with open(os.path.join(self._directory, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
