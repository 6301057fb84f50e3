"""The counters of encryption that clients have reserved: all below the one in the file `nonce` are taken."""

from __future__ import annotations

from vinculum.errors import Error, IntegrityError
from vinculum.repository.storage import replace_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.repository.storage import Storage

_NAME = "nonce"


def read_free_counter(storage: Storage, path: str) -> int | None:
    """The first counter that nobody has reserved; None if nobody ever has. IntegrityError if the file holds something else.

    `path` is what people call the repository.
    """
    try:
        text = storage.read(_NAME).strip()
    except FileNotFoundError:
        return None
    try:
        if len(text) != 16:
            raise ValueError(text)
        return int.from_bytes(bytes.fromhex(text.decode("ascii")), "big")
    except ValueError:
        raise IntegrityError(f"malformed nonce file in repository {path}") from None


def reserve_counters(storage: Storage, path: str, next_free: int, expected: int | None) -> None:
    """Takes the counters from the one `expected` to be free up to `next_free`, durably. Error if another one is free by now."""
    found = read_free_counter(storage, path)
    if found != expected:
        raise Error(f"Somebody else reserved counters of repository {path} (expected {expected}, found {found}).")
    replace_file(storage, _NAME, f"{next_free:016x}".encode())
