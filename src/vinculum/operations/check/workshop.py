"""What every step of a check of archives needs: the open repository, the survey of its objects, and how findings are told.

Everything that a repair stores or deletes goes through here, so that the survey always knows what there is. Nothing counts
before the commit at the end.
"""

from __future__ import annotations

from vinculum._native import ArchiveSurvey, ChunkBatch, ItemRules
from vinculum.formats.ids import split_ids
from vinculum.objects.limits import MAX_DATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.archive.manifest import Manifest
    from vinculum.events import Sink
    from vinculum.keys.key import Key
    from vinculum.objects.codec import ObjectCodec
    from vinculum.repository.store import Store

TOPIC = "archive"


class Findings:
    """Tells what is found, and remembers whether anything was wrong."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.any_errors = False

    def error(self, text: str) -> None:
        self.any_errors = True
        self.sink.error(text, topic=TOPIC)

    def warning(self, text: str) -> None:
        """Something odd that is not counted as damage."""
        self.sink.warning(text, 0, topic=TOPIC)

    def info(self, text: str) -> None:
        self.sink.info(text, TOPIC)


class Workshop:
    """A check of the archives of one repository, at work. Confined to one thread. `codec` is None unless it repairs."""

    def __init__(
        self, store: Store, key: Key, manifest: Manifest, ids: bytes, findings: Findings, codec: ObjectCodec | None
    ) -> None:
        self.store = store
        self.key = key
        self.manifest = manifest
        self.findings = findings
        self.rules = ItemRules(sorted(manifest.item_keys))
        self.survey = ArchiveSurvey(ids, self.rules)
        self.superseded: set[bytes] = set()
        """What was replaced by something else, or would be: nothing to be told of if nobody needs it any more."""
        self._codec = codec
        self._zeros: dict[int, tuple[bytes, int]] = {}

    @property
    def repairs(self) -> bool:
        return self._codec is not None

    def put(self, chunks: ChunkBatch) -> None:
        """Stores those of the chunks that the repository does not have."""
        assert self._codec is not None
        for place, id in enumerate(split_ids(chunks.ids())):
            if id not in self.survey:
                sealed = self._codec.seal(ChunkBatch.of([chunks.data(place)], self.key.hasher))
                self.store.put_many(sealed)
                self.survey.add(id)

    def put_object(self, plaintext: bytes, what: str) -> bytes:
        """Stores one object unless it is there; returns its id. Error if it is too big, with `what` it is."""
        assert self._codec is not None
        id = self.key.hasher.digest(plaintext)
        if id not in self.survey:
            id, sealed = self._codec.seal_object(plaintext, what)
            self.store.put_many(sealed)
            self.survey.add(id)
        return id

    def zeros(self, size: int) -> tuple[bytes, int] | None:
        """Id and stored size of a chunk of so many zeros, stored if this is a repair; None if there can be no such chunk."""
        if size > MAX_DATA:
            return None
        if size not in self._zeros:
            chunks = ChunkBatch.of([bytes(size)], self.key.hasher)
            stored_size = 0
            if self._codec is not None:
                self.put(chunks)
                stored_size = len(self.store.get(chunks.ids()))
            self._zeros[size] = chunks.ids(), stored_size
        return self._zeros[size]

    def delete(self, ids: bytes) -> None:
        """Deletes objects, whether or not they are all there."""
        self.store.delete_many(ids)
        self.survey.remove(ids)

    def finish(self) -> None:
        """Makes all changes permanent.

        The manifest is written in any case: it may be that of an earlier transaction than clients have seen already.
        """
        if self._codec is None:
            return
        self.findings.info("Writing Manifest.")
        self.manifest.write(self.store, self._codec)
        self.findings.info("Committing repo.")
        self.store.commit()
