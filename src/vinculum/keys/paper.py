"""The paper form of a key: lines of hex with checksums, made for typing them in again.

    BORG PAPER KEY v1
    id: <lines> / <start of the repository id> / <checksum of the key> - <checksum of this line>
     1: <18 bytes in groups of 3> - <checksum of line number and bytes>

A `PaperReader` takes such lines one after the other and says at once what is wrong with one.
"""

from __future__ import annotations

import hashlib

from vinculum.errors import RepoIdMismatch

_LINE_BYTES = 18
_ID_DIGITS = 18
_KEY_DIGITS = 12


def format_paper(repository_id: bytes, blob: bytes) -> str:
    """The text to be printed, for the outer map of a key."""
    pieces = [blob[start : start + _LINE_BYTES] for start in range(0, len(blob), _LINE_BYTES)]
    id_digits, key_digits = repository_id.hex()[:_ID_DIGITS], _digits(blob, _KEY_DIGITS)
    checksum = _id_checksum(f"{len(pieces)}/{id_digits}/{key_digits}")
    lines = [
        "To restore key use borg key import --paper /path/to/repo",
        "",
        "BORG PAPER KEY v1",
        f"id: {len(pieces)} / {_grouped(id_digits)} / {_grouped(key_digits)} - {checksum}",
        *(f"{number:2d}: {_grouped(piece.hex())} - {_checksum(number, piece)}" for number, piece in enumerate(pieces, start=1)),
    ]
    return "\n".join(lines) + "\n"


class PaperReader:
    """What was typed so far. Lines that are wrong raise ValueError with advice, and are forgotten."""

    __slots__ = ("_expected", "_key_digits", "_pieces", "_repository_id")

    def __init__(self, repository_id: bytes) -> None:
        self._repository_id = repository_id
        self._expected = 0
        self._key_digits = ""
        self._pieces: list[bytes] = []

    @property
    def next_line(self) -> int:
        """The number of the line to be typed next; 0 is the id line."""
        return len(self._pieces) + 1 if self._expected else 0

    @property
    def is_complete(self) -> bool:
        return self._expected > 0 and len(self._pieces) == self._expected

    def take(self, line: str) -> None:
        """Takes the next line. RepoIdMismatch if it is from the key of another repository."""
        data, dash, checksum = line.replace(" ", "").partition("-")
        if not dash or "-" in checksum:
            raise ValueError("There must be exactly one '-' in each line, try again.")
        if self.next_line == 0:
            self._take_id_line(data, checksum)
        else:
            self._take_piece(data, checksum)

    def finish(self) -> bytes | None:
        """The outer map of the key; None if its checksum is wrong: then all begins anew."""
        blob = b"".join(self._pieces)
        if _digits(blob, _KEY_DIGITS) == self._key_digits:
            return blob
        self._expected = 0
        self._pieces.clear()
        return None

    def _take_id_line(self, data: str, checksum: str) -> None:
        parts = data.split("/")
        if len(parts) != 3:
            raise ValueError("There must be exactly two '/' in the id line, try again.")
        if _id_checksum(data.lower()) != checksum or not (parts[0].isascii() and parts[0].isdecimal() and int(parts[0])):
            raise ValueError("The checksum does not fit the line, try the same line again.")
        if parts[1] != self._repository_id.hex()[:_ID_DIGITS]:
            raise RepoIdMismatch
        self._expected, self._key_digits = int(parts[0]), parts[2]

    def _take_piece(self, data: str, checksum: str) -> None:
        try:
            piece = bytes.fromhex(data)
        except ValueError:
            raise ValueError("Only pairs of 0-9 and a-f may stand before the '-', try again.") from None
        if _checksum(self.next_line, piece) != checksum:
            raise ValueError(f"The checksum does not fit the line, try line {self.next_line} again.")
        self._pieces.append(piece)


def _grouped(digits: str) -> str:
    return " ".join(digits[start : start + 6] for start in range(0, len(digits), 6))


def _id_checksum(text: str) -> str:
    return _digits(text.encode("utf-8", "surrogateescape"), 2)


def _checksum(number: int, piece: bytes) -> str:
    return _digits((number & 0xFFFF).to_bytes(2, "big") + piece, 2)


def _digits(data: bytes, count: int) -> str:
    return hashlib.sha256(data).hexdigest()[:count]
