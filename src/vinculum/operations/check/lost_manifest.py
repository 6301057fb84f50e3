"""Makes a new manifest where the old one is lost: all objects are searched for archives.

What was deleted from the old manifest but not from the repository comes back with that; what was deleted properly does not.
"""

from __future__ import annotations

from vinculum.archive.archive import ArchiveMetadata
from vinculum.archive.manifest import ArchiveEntry, Manifest
from vinculum.errors import ArchiveTamInvalid, ArchiveTamRequired, Error, IntegrityError, TamUnsupportedSuite
from vinculum.formats.ids import split_ids
from vinculum.keys.counters import counter_after
from vinculum.keys.tam import verify_archive
from vinculum.repository.store import MANIFEST_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from vinculum._native import Bytes
    from vinculum.keys.key import Key
    from vinculum.operations.check.workshop import Findings
    from vinculum.repository.store import Store

OPERATION = "check.rebuild_manifest"
_UNSEEN_COUNTERS = 2**40  # enough for 16 TiB
TAM_ERRORS = (ArchiveTamInvalid, ArchiveTamRequired, TamUnsupportedSuite)


class ManifestSearch:
    """One search. Confined to one thread."""

    def __init__(self, store: Store, key: Key, findings: Findings) -> None:
        self._first_counter = 0
        self._store = store
        self._key = key
        self._findings = findings
        self._manifest = Manifest.new(key)
        self._found: list[tuple[datetime, bytes, str]] = []

    def run(self, count: int, *, repair: bool) -> Manifest:
        """A manifest of all archives among about `count` objects."""
        findings = self._findings
        findings.info("Rebuilding missing manifest, this might take some time...")
        done = 0
        for window in self._store.read_all():
            for _, reason in window.damaged:
                self._skip(reason)
            self._search(window.ids, window.objects)
            done += len(window)
            findings.sink.progress(OPERATION, min(done, count), count, "")
        findings.sink.finished(OPERATION)
        self._list_found()
        findings.info("Manifest rebuild complete.")
        if not repair:
            findings.warning("The rebuilt manifest will only be committed when using --repair!")
        return self._manifest

    def first_counter(self) -> int:
        """A counter that was never used, as were all after it, by what is there and what the repository has noted."""
        if self._key.encrypts and self._store.get_free_nonce() is None:
            # The manifest is not all that is lost: who knows what was deleted, and can still be found in segment files?
            return self._first_counter + _UNSEEN_COUNTERS
        return self._first_counter

    def _search(self, ids: bytes, objects: list[Bytes]) -> None:
        each = split_ids(ids)
        archives, damaged = self._key.opener.find_archives(objects, ids)
        for place, reason in damaged:
            if each[place] != MANIFEST_KEY:
                self._skip(str(IntegrityError(reason)))
        if self._key.encrypts:
            sound = set(range(len(each))).difference(place for place, _ in damaged)
            self._first_counter = max([self._first_counter, *(counter_after(objects[place]) for place in sound)])
        for place in archives:
            id = each[place]
            self._add(id, bytes(self._key.opener.open(objects[place], id)))

    def _skip(self, reason: str) -> None:
        self._findings.error(f"Skipping corrupted chunk: {reason}")

    def _add(self, id: bytes, plaintext: bytes) -> None:
        try:
            fields, _ = verify_archive(self._key, plaintext, id.hex(), accept_invalid=True)
            archive = ArchiveMetadata.from_fields(fields)
        except (IntegrityError, ValueError):
            return  # it only looks like one
        self._findings.info(f"Found archive {archive.name}")
        try:
            verify_archive(self._key, plaintext, archive.name, required=self._key.tam_required)
        except TAM_ERRORS as error:
            self._findings.error(f"Archive TAM authentication issue for archive {archive.name}: {error}")
            self._findings.error("This archive will *not* be added to the rebuilt manifest! It will be deleted.")
            return
        self._found.append((archive.time, id, archive.name))

    def _list_found(self) -> None:
        """Of several archives of one name the oldest keeps it, wherever they lie: compaction may have moved any of them."""
        for time, id, wanted in sorted(self._found):
            name = self._free_name(wanted)
            try:
                self._manifest.archives[name] = ArchiveEntry(name, id, time)
            except Error as error:
                self._findings.error(f"Archive {wanted} cannot be added to the rebuilt manifest: {error}")

    def _free_name(self, name: str) -> str:
        free, number = name, 0
        while free in self._manifest.archives:
            number += 1
            free = f"{name}.{number}"
        if free != name:
            self._findings.warning(f"Duplicate archive name {name}, storing as {free}")
        return free
