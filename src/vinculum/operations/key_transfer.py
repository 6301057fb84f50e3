"""Taking a repository's key out and putting it back, still under its passphrase, which nobody is asked for.

What is taken out is the outer map (`keys.blob`); in which of its forms it travels is up to the caller. Only data that are a key
of this very repository are put back.
"""

from __future__ import annotations

import html

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
    from vinculum.repository.repository import Repository

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Key of Borg repository {short_id}</title>
<style>
body {{ font: 11pt/1.4 sans-serif; margin: 2em; }}
textarea, pre {{ font: 11pt/1.3 monospace; }}
textarea {{ width: 72ch; height: {rows}lh; border: 1px solid; padding: 1ex; resize: none; overflow: hidden; }}
section {{ break-inside: avoid; }}
</style>
</head>
<body>
<h1>Key of a Borg repository</h1>
<p>Repository id: <code>{id}</code></p>
<p>This key is protected by its passphrase, which is not on this page.</p>
<section>
<h2>As a file</h2>
<p>Save the text below, then run <code>borg key import REPOSITORY FILE</code>.</p>
<textarea readonly>{text}</textarea>
</section>
<section>
<h2>For typing</h2>
<pre>{paper}</pre>
</section>
</body>
</html>
"""


def key_mode(store: Repository) -> Mode:
    """The mode of the repository. UnencryptedRepo if there is no key in that mode; NoManifestError."""
    mode = mode_of(fetch_manifest_object(store))
    if mode.storage == "none":
        raise UnencryptedRepo
    return mode


def export_file(store: Repository) -> str:
    """The key as a key file. UnencryptedRepo, RepoKeyNotFound, Keyfile* errors."""
    return format_key_file(store.id, encode_text(load_key_blob(store, key_mode(store))))


def export_paper(store: Repository) -> str:
    """The key for printing and typing. Errors as `export_file`."""
    return format_paper(store.id, load_key_blob(store, key_mode(store)))


def export_page(store: Repository) -> str:
    """The key as a page for printing. Errors as `export_file`."""
    text = export_file(store)
    return _PAGE.format(
        short_id=store.id.hex()[:12],
        id=store.id.hex(),
        rows=len(text.splitlines()) + 1,
        text=html.escape(text),
        paper=html.escape(export_paper(store)),
    )


def import_file(store: Repository, content: bytes, source: str, *, path: str) -> None:
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
    import_blob(store, blob, source, path=path)


def import_blob(store: Repository, blob: bytes, source: str, *, path: str) -> None:
    """Puts back an outer map; a new key file is named after `path`. KeyfileInvalid, UnsupportedKeyFormat."""
    try:
        LockedBlob(blob)
    except ValueError:
        raise KeyfileInvalid(store.path, source) from None
    store_key_blob(store, key_mode(store), blob, path=path)
