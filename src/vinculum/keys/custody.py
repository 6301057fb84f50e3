"""Where the locked key of a repository is: in its config or in a key file, as its mode wants it. Nothing is unlocked here."""

from __future__ import annotations

from vinculum.errors import KeyfileInvalid, KeyfileNotFound, RepoKeyNotFound
from vinculum.keys.blob import decode_text, encode_text
from vinculum.keys.keyfile import create_key_file, find_key_file, read_key_file, replace_key_file
from vinculum.platform.paths import key_file as named_key_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from vinculum.keys.modes import Mode

    class KeyStore(Protocol):
        @property
        def id(self) -> bytes: ...
        @property
        def path(self) -> str: ...
        def load_key(self) -> bytes: ...
        def save_key(self, data: bytes) -> None: ...


def load_key_blob(store: KeyStore, mode: Mode) -> bytes:
    """The outer map as it is stored. RepoKeyNotFound, KeyfileNotFound, KeyfileMismatch, KeyfileInvalid."""
    if mode.storage == "file":
        return read_key_file(find_key_file(store.id, store.path), store.id, store.path)
    return read_repository_key(store, store.path)


def store_key_blob(store: KeyStore, mode: Mode, blob: bytes, *, path: str, host: str | None) -> None:
    """Puts an outer map where the mode wants it, in place of one that is there.

    A new key file is named after `path`, and `host` if it is another.
    """
    text = encode_text(blob)
    if mode.storage == "repository":
        store.save_key(text.encode("ascii"))
        return
    target = named_key_file()
    if target is None:
        try:
            target = find_key_file(store.id, store.path)
        except KeyfileNotFound:
            create_key_file(store.id, text, path, host)
            return
    replace_key_file(target, store.id, text)


def read_repository_key(store: KeyStore, name: str) -> bytes:
    """The outer map in the repository's config. RepoKeyNotFound, KeyfileInvalid."""
    text = store.load_key()
    if not text.strip():
        raise RepoKeyNotFound(name)
    try:
        return decode_text(text)
    except ValueError:
        raise KeyfileInvalid(name, name) from None
