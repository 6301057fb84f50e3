"""One archive: its object, its item stream, and the content that its files refer to.

Most archives are flawless, which is found out at full speed. Only the others are taken apart, first to tell what is wrong, and,
in a repair, a second time to write down what is left.
"""

from __future__ import annotations

from vinculum._native import ItemSalvage, ItemStream, encode_items
from vinculum.archive.archive import IGNORE_INVALID_ARCHIVE_TAM, ArchiveMetadata
from vinculum.archive.item_references import ItemReferenceReader
from vinculum.archive.item_stream import ItemStreamWriter
from vinculum.archive.manifest import ArchiveEntry
from vinculum.errors import IntegrityError, ObjectNotFound
from vinculum.events import NullSink
from vinculum.keys.tam import pack_with_tam, verify_archive
from vinculum.operations.check.files import FileExamination
from vinculum.operations.check.lost_manifest import TAM_ERRORS
from vinculum.operations.check.workshop import Findings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vinculum._native import Bytes, Item, ItemReferences
    from vinculum.operations.check.workshop import Workshop

_WINDOW = 32


class ArchiveCheck:
    """Checks archives one after the other. Confined to one thread."""

    def __init__(self, workshop: Workshop, workarounds: frozenset[str]) -> None:
        self.understood_all = True
        """False if there is an archive of which nobody knows what it refers to."""
        self._workshop = workshop
        self._findings = workshop.findings
        self._accepts_invalid = IGNORE_INVALID_ARCHIVE_TAM in workarounds
        self._references = ItemReferenceReader(workshop.store, workshop.key, workshop.rules)

    def check(self, entry: ArchiveEntry) -> None:
        """Tells what is wrong with an archive and, in a repair, mends it or takes it out of the manifest."""
        survey = self._workshop.survey
        fields = self._open(entry)
        if fields is None:
            del self._workshop.manifest.archives[entry.name]
            return
        try:
            item_ids = ArchiveMetadata.from_fields(fields).items
        except ValueError as error:
            # Maybe a later version knows what to do with it.
            self._findings.error(f"Archive {entry.name} cannot be checked: {error}. It is left as it is.")
            self.understood_all = False
            survey.refer(entry.id)
            return
        survey.begin()
        if self._is_flawless(item_ids):
            survey.refer(entry.id)
            return
        survey.abandon()
        survey.begin()
        self._take_apart(entry, fields, item_ids)

    # -- the archive object --------------------------------------------------------------------------------------------

    def _open(self, entry: ArchiveEntry) -> dict[bytes, object] | None:
        """What the archive object says; None if nothing can be said about this archive any more."""
        key, name, findings = self._workshop.key, entry.name, self._findings
        block = f"Archive metadata block {entry.id.hex()}"
        if entry.id not in self._workshop.survey:
            findings.error(f"{block} is missing!")
            return None
        # Unless it proves to be in use.
        self._workshop.superseded.add(entry.id)
        try:
            plaintext = bytes(key.opener.open(self._workshop.store.get(entry.id), entry.id))
            fields, _ = verify_archive(key, plaintext, name, required=key.tam_required, accept_invalid=self._accepts_invalid)
        except TAM_ERRORS as error:
            findings.error(f"Archive TAM authentication issue for archive {name}: {error}")
            if self._workshop.repairs:
                findings.error("This archive will be *removed* from the manifest! It will be deleted.")
            else:
                findings.error("This archive would be *removed* / *deleted* when using --repair!")
            return None
        except IntegrityError as error:
            findings.error(f"{block} is corrupted: {error}")
            return None
        return fields

    # -- flawless archives ---------------------------------------------------------------------------------------------

    def _is_flawless(self, item_ids: list[bytes]) -> bool:
        """Whether every item is sound and everything that the archive refers to is there; all that is noted."""
        survey, stream, flawless = self._workshop.survey, ItemStream(), True

        def take(chunks: list[ItemReferences]) -> int:
            nonlocal flawless
            taken, sound = survey.examine(stream, chunks)
            flawless &= sound
            return taken

        def take_rest(piece: Bytes) -> None:
            nonlocal flawless
            flawless &= survey.examine_rest(stream, piece)

        try:
            self._references.feed(item_ids, take, take_rest)
        except (IntegrityError, ObjectNotFound):
            return False
        return flawless and stream.is_between_items

    # -- the others ----------------------------------------------------------------------------------------------------

    def _take_apart(self, entry: ArchiveEntry, fields: dict[bytes, object], item_ids: list[bytes]) -> None:
        workshop = self._workshop
        survey = workshop.survey
        salvage = _Salvage(workshop, entry.name, self._findings)
        for items in salvage.items(item_ids):
            survey.refer_to_content(items)
        if not salvage.has_altered:
            survey.refer(b"".join((entry.id, *item_ids)))
            return
        workshop.superseded.update((entry.id, *item_ids))
        if workshop.repairs:
            self._rewrite(entry, fields, item_ids)

    def _rewrite(self, entry: ArchiveEntry, fields: dict[bytes, object], item_ids: list[bytes]) -> None:
        """Puts an archive of what is left in the place of a damaged one."""
        workshop = self._workshop
        writer = ItemStreamWriter(workshop.key, workshop.put)
        # All has been told by now.
        salvage = _Salvage(workshop, entry.name, Findings(NullSink()))
        for items in salvage.items(item_ids):
            writer.feed(encode_items(items))
        new_ids = writer.checkpoint()
        packed = pack_with_tam(workshop.key, {**fields, b"items": new_ids}, b"archive")
        archive_id = workshop.put_object(packed, f"Archive {entry.name}")
        workshop.survey.refer(b"".join((archive_id, *new_ids)))
        workshop.manifest.archives[entry.name] = ArchiveEntry(entry.name, archive_id, entry.timestamp)
        # Fields that nobody here knows are kept with the items, so the manifest has to permit them.
        workshop.manifest.item_keys |= frozenset(salvage.unknown_keys)


class _Salvage:
    """Gets out of an item stream what can be had, in the form that it should have; `has_altered` says if that is another."""

    def __init__(self, workshop: Workshop, archive: str, findings: Findings) -> None:
        self.has_altered = False
        self.unknown_keys: list[bytes] = []
        self._workshop = workshop
        self._findings = findings
        self._files = FileExamination(workshop, archive, findings)

    def items(self, item_ids: list[bytes]) -> Iterator[list[Item]]:
        """The items in order, some at a time."""
        salvage = ItemSalvage(self._workshop.rules)
        for number, id, chunk in self._chunks(item_ids):
            place = f"[chunk: {number:06d}_{id.hex()}]"
            if isinstance(chunk, Exception):
                missing = isinstance(chunk, ObjectNotFound)
                self._complain(f"{'item metadata chunk missing' if missing else chunk} {place}")
                salvage.skip()
                continue
            items, complaints = salvage.feed(chunk)
            for complaint in complaints:
                self._complain(f"{complaint} {place}")
            yield self._examined(items)
        items, complaints = salvage.finish()
        for complaint in complaints:
            self._complain(complaint)
        yield self._examined(items)
        self.unknown_keys = salvage.unknown_keys()

    def _complain(self, text: str) -> None:
        self.has_altered = True
        self._findings.error(text)

    def _examined(self, items: list[Item]) -> list[Item]:
        for place in self._workshop.survey.flawed(items):
            items[place], altered = self._files.examine(items[place])
            self.has_altered |= altered
        return items

    def _chunks(self, item_ids: list[bytes]) -> Iterator[tuple[int, bytes, Bytes | Exception]]:
        """(number, id, content or why there is none) of each chunk of the stream."""
        for start in range(0, len(item_ids), _WINDOW):
            window = item_ids[start : start + _WINDOW]
            for number, (id, chunk) in enumerate(zip(window, self._read(window), strict=True), start):
                yield number, id, chunk

    def _read(self, ids: list[bytes]) -> list[Bytes | Exception]:
        store, opener = self._workshop.store, self._workshop.key.opener
        joined = b"".join(ids)
        try:
            return list(opener.open_many(list(store.get_many(joined)), joined))
        except (IntegrityError, ObjectNotFound) as error:
            if len(ids) == 1:
                return [error]
        return [chunk for id in ids for chunk in self._read([id])]
