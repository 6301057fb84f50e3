"""Opens every object of a repository, be it used or not, to see whether it is still what it was when it was stored."""

from __future__ import annotations

from collections import deque

from vinculum.errors import Error, IntegrityError, ObjectNotFound
from vinculum.formats.ids import ID_BYTES
from vinculum.repository.store import MANIFEST_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Bytes, DamageToCome
    from vinculum.keys.key import Key
    from vinculum.operations.check.workshop import Findings
    from vinculum.repository.store import Store

OPERATION = "check.verify_data"
_WINDOWS_AT_WORK = 3  # while there are several, each core fills the lanes of its hash functions from one of them


class Verification:
    """One verification. Confined to one thread."""

    def __init__(self, store: Store, key: Key, findings: Findings) -> None:
        self.defective: list[bytes] = []
        self._store = store
        self._key = key
        self._findings = findings
        self._verified = 0
        self._errors = 0

    def run(self, count: int, *, repair: bool) -> None:
        """Opens all objects, about `count`. `defective` are those that cannot be opened; for a repair they are tried twice."""
        findings = self._findings
        findings.info("Starting cryptographic data integrity verification...")
        begun: deque[tuple[bytes, DamageToCome]] = deque()
        for window in self._store.read_all():
            self._verified += len(window)
            for id, reason in window.damaged:
                self._note(id, f": {reason}")
            begun.append(self._begin(window.ids, window.objects))
            if len(begun) > _WINDOWS_AT_WORK:
                self._complete(*begun.popleft())
            findings.sink.progress(OPERATION, min(self._verified, count), count, "")
        while begun:
            self._complete(*begun.popleft())
        findings.sink.finished(OPERATION)
        if self.defective:
            self._announce(repair=repair)
        text = (
            f"Finished cryptographic data integrity verification, verified {self._verified} chunks "
            f"with {self._errors} integrity errors."
        )
        if self._errors:
            findings.error(text)
        else:
            findings.info(text)

    def delete_defective(self) -> None:
        """Deletes them. Error if even that takes a repair of the segment files first."""
        try:
            self._store.delete_many(b"".join(self.defective))
        except IntegrityError as error:
            raise Error(f"{error}. First repair the repository itself, by check --repair without --archives-only.") from None

    def _begin(self, ids: bytes, objects: list[Bytes]) -> tuple[bytes, DamageToCome]:
        at = _find_manifest(ids)
        if at is not None:
            # Its key is not its id.
            self._verify_manifest(objects[at])
            objects = objects[:at] + objects[at + 1 :]
            ids = ids[: at * ID_BYTES] + ids[(at + 1) * ID_BYTES :]
        return ids, self._key.opener.find_damage(objects, ids)

    def _verify_manifest(self, stored: Bytes) -> None:
        try:
            self._key.opener.open(stored, None)
        except IntegrityError as error:
            self._note(MANIFEST_KEY, f", integrity error: {error}")

    def _complete(self, ids: bytes, to_come: DamageToCome) -> None:
        for place, reason in to_come.wait():
            self._note(ids[place * ID_BYTES : (place + 1) * ID_BYTES], f", integrity error: {IntegrityError(reason)}")

    def _note(self, id: bytes, reason: str) -> None:
        self._errors += 1
        self.defective.append(id)
        self._findings.error(f"chunk {id.hex()}{reason}")

    def _announce(self, *, repair: bool) -> None:
        if not repair:
            self._findings.error(
                "Found defect chunks. With --repair, they would get deleted, so affected files could get repaired then "
                "and maybe healed later."
            )
            return
        self._findings.error(
            "Found defect chunks. They will be deleted now, so affected files can get repaired now and maybe healed later."
        )
        self.defective = [id for id in self.defective if self._fails_again(id)]

    def _fails_again(self, id: bytes) -> bool:
        try:
            self._key.opener.open(self._store.get(id), None if id == MANIFEST_KEY else id)
        except IntegrityError:
            return True
        except ObjectNotFound:
            return False
        self._findings.warning(f"chunk {id.hex()} not deleted, did not consistently fail.")
        return False


def _find_manifest(ids: bytes) -> int | None:
    at = ids.find(MANIFEST_KEY)
    while at >= 0 and at % ID_BYTES:
        at = ids.find(MANIFEST_KEY, at + 1)
    return at // ID_BYTES if at >= 0 else None
