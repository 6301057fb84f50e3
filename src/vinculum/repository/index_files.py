"""The files that spare a repository from reading all its segments: index.T, hints.T and integrity.T of transaction T.

They are redundant, but must never be wrong under the right name: a crash at any point leaves an older set or a new one, each
guarded by digests. Whatever is amiss with them is reported as IntegrityError, and the caller replays.
"""

from __future__ import annotations

import time

from vinculum._native import Bytes, RepositoryIndex
from vinculum.errors import FileIntegrityError
from vinculum.formats.integrity import HASH_INDEX_PARTS, integrity_string, verify_integrity
from vinculum.formats.msgpack import pack, unpack
from vinculum.repository.hints import Hints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vinculum._native import Blob
    from vinculum.events import Sink
    from vinculum.repository.storage import Storage

_KINDS = ("index", "hints", "integrity")
_LOG_NAME = "transactions"


class IndexFiles:
    """Those files of one repository. Confined to one thread."""

    __slots__ = ("_sink", "_storage")

    def __init__(self, storage: Storage, sink: Sink | None = None) -> None:
        self._storage = storage
        self._sink = sink

    def find_transaction(self) -> int | None:
        """The newest transaction that has an index; empty files do not count."""
        numbers = [
            int(number)
            for kind, dot, number in (name.partition(".") for name in self._storage.list(""))
            if kind == "index" and dot and number.isascii() and number.isdecimal()
        ]
        return next((number for number in sorted(numbers, reverse=True) if self._storage.size(f"index.{number}") > 0), None)

    def load_index(self, transaction: int) -> RepositoryIndex:
        """Reads index.T. IntegrityError if it is missing or damaged."""
        name = f"index.{transaction}"
        content = self._read(name)
        self._verify(transaction, "index", content)
        return RepositoryIndex.load(content)

    def load_hints(self, transaction: int) -> Hints:
        """Reads hints.T. IntegrityError if it is missing or damaged."""
        content = self._read(f"hints.{transaction}")
        self._verify(transaction, "hints", content)
        return Hints.load(content)

    def save(self, transaction: int, index: RepositoryIndex, hints: Hints) -> None:
        """Writes the set of a transaction, durably, and removes all others."""
        try:
            self._write(transaction, index, hints)
        except OSError:
            # Halves of them must not keep a full disk full.
            for kind in _KINDS:
                try:
                    self._storage.delete(f"{kind}.{transaction}.tmp")
                except OSError:
                    pass  # it may not exist, and the first error tells more
            raise
        self._remove_others(transaction)

    def _write(self, transaction: int, index: RepositoryIndex, hints: Hints) -> None:
        storage = self._storage
        hints_name, index_name, integrity_name = (f"{kind}.{transaction}" for kind in ("hints", "index", "integrity"))
        hints_content = hints.save()
        storage.write(f"{hints_name}.tmp", hints_content)
        index_content = index.save()
        storage.write(f"{index_name}.tmp", index_content)
        integrity = {
            b"version": 2,
            b"hints": integrity_string(hints_name, hints_content).encode(),
            b"index": integrity_string(index_name, index_content, HASH_INDEX_PARTS).encode(),
        }
        storage.write(f"{integrity_name}.tmp", pack(integrity))
        # The digests come first: files without them would be trusted, digests without files do no harm.
        storage.rename(f"{integrity_name}.tmp", integrity_name)
        storage.sync_directory("")
        storage.rename(f"{hints_name}.tmp", hints_name)
        storage.rename(f"{index_name}.tmp", index_name)
        storage.sync_directory("")

    def remove(self, transaction: int) -> None:
        """Removes hints and index of a transaction, so that its state will be rebuilt."""
        for name in (f"hints.{transaction}", f"index.{transaction}"):
            try:
                self._storage.delete(name)
            except FileNotFoundError:
                pass

    def remove_all(self) -> None:
        """Removes hints and indexes of whatever transaction, durably."""
        for name in self._storage.list(""):
            if name.partition(".")[0] in ("hints", "index"):
                self._storage.delete(name)
        self._storage.sync_directory("")

    def log_transaction(self, transaction: int) -> None:
        """Notes a transaction in the log by which a user of an append-only repository finds the way back."""
        now_ns = time.time_ns()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ns // 10**9))
        line = f"transaction {transaction}, UTC time {moment}.{now_ns // 1000 % 10**6:06d}\n"
        self._storage.append(_LOG_NAME, line.encode())

    def _remove_others(self, transaction: int) -> None:
        for name in self._storage.list(""):
            kind, dot, _ = name.partition(".")
            if kind in _KINDS and dot and not name.endswith(f".{transaction}"):
                self._storage.delete(name)

    def _read(self, name: str) -> Bytes:
        try:
            fd = self._storage.open(name)
        except FileNotFoundError:
            raise FileIntegrityError(f"{name} (missing)") from None
        try:
            return Bytes.read(fd)
        finally:
            self._storage.close(fd)

    def _verify(self, transaction: int, kind: str, content: Blob) -> None:
        name = f"integrity.{transaction}"
        try:
            record: Any = unpack(self._storage.read(name))
            if record[b"version"] != 2:
                self._warn(f"{name} has an unknown version, so {kind}.{transaction} is used without verification")
                return
            text = record[kind.encode()].decode()
        except FileNotFoundError:
            return
        except (ValueError, TypeError, KeyError, AttributeError):
            raise FileIntegrityError(f"{name} (malformed)") from None
        parts = HASH_INDEX_PARTS if kind == "index" else ()
        verify_integrity(text, f"{kind}.{transaction}", content, parts)

    def _warn(self, text: str) -> None:
        """Tells of something that is odd but harmless: commands end as if nothing had been, as Borg's do."""
        if self._sink is not None:
            self._sink.warning(text, 0, topic="repository")
