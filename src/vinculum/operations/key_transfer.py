"""Taking a repository's key out and putting it back, still under its passphrase, which nobody is asked for.

What is taken out is the outer map (`keys.blob`); in which of its forms it travels is up to the caller. Only data that are a key
of this very repository are put back.
"""

from __future__ import annotations

from vinculum.archive.manifest import fetch_manifest_object
from vinculum.errors import KeyfileInvalid, NotABorgKeyFile, RepoIdMismatch, UnencryptedRepo
from vinculum.keys.blob import LockedBlob, decode_text, encode_text
from vinculum.keys.custody import load_key_blob, store_key_blob
from vinculum.keys.keyfile import MAGIC, format_key_file
from vinculum.keys.modes import mode_of
from vinculum.keys.paper import format_paper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.keys.modes import Mode
    from vinculum.repository.store import Store


def key_mode(store: Store) -> Mode:
    """The mode of the repository. UnencryptedRepo if there is no key in that mode; NoManifestError."""
    mode = mode_of(fetch_manifest_object(store))
    if mode.storage == "none":
        raise UnencryptedRepo
    return mode


def export_file(store: Store) -> str:
    """The key as a key file. UnencryptedRepo, RepoKeyNotFound, Keyfile* errors."""
    return format_key_file(store.id, encode_text(load_key_blob(store, key_mode(store))))


def export_paper(store: Store) -> str:
    """The key for printing and typing. Errors as `export_file`."""
    return format_paper(store.id, load_key_blob(store, key_mode(store)))


def import_file(store: Store, content: bytes, source: str, *, path: str, host: str | None = None) -> None:
    """Puts back a key file. NotABorgKeyFile, RepoIdMismatch; KeyfileInvalid (naming `source`) if it is cut short, say."""
    key_mode(store)
    first, _, rest = content.partition(b"\n")
    if not first.startswith(MAGIC.rstrip()):
        raise NotABorgKeyFile
    if first != MAGIC + store.id.hex().encode("ascii"):
        raise RepoIdMismatch
    try:
        blob = decode_text(rest)
    except ValueError:
        raise KeyfileInvalid(store.path, source) from None
    import_blob(store, blob, source, path=path, host=host)


def import_blob(store: Store, blob: bytes, source: str, *, path: str, host: str | None = None) -> None:
    """Puts back an outer map; a new key file is named after `path` and `host`. KeyfileInvalid, UnsupportedKeyFormat."""
    try:
        LockedBlob(blob)
    except ValueError:
        raise KeyfileInvalid(store.path, source) from None
    store_key_blob(store, key_mode(store), blob, path=path, host=host)
