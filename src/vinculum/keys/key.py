"""The opened key of a repository: what computes ids, seals, opens and authenticates; creating one and opening one.

Where passphrases and key files come from is known to the neighbours. A `Key` is immutable, and shows its secrets to nobody but
the kernels and `tam`.
"""

from __future__ import annotations

from vinculum._native import IdHasher, Opener, Sealer
from vinculum.errors import CommandError, Error, KeyfileInvalid
from vinculum.keys.blob import KeyMaterial, LockedBlob, encode_text, lock_blob
from vinculum.keys.counters import counter_after
from vinculum.keys.custody import read_repository_key
from vinculum.keys.keyfile import create_key_file, find_key_file, read_key_file, replace_key_file
from vinculum.keys.modes import MODES, mode_of
from vinculum.keys.related_secrets import RelatedSecrets, format_related_secrets
from vinculum.keys.tam_marker import is_marked, set_marked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Blob, Compressor
    from vinculum.keys.custody import KeyStore
    from vinculum.keys.modes import Mode
    from vinculum.keys.passphrase import PassphraseSource


AUTHENTICATED_NO_KEY = "authenticated_no_key"


class Key:
    """An opened key. Immutable, thread-safe.

    `material` is None without secrets: in mode none, and where `verifies` is False (everything is taken on trust, nothing can
    be written). `key_file` is the path of the key file, where there is one.
    """

    __slots__ = (
        "_material",
        "_passphrase",
        "chunk_seed",
        "hasher",
        "key_file",
        "logically_encrypted",
        "mode",
        "opener",
        "repository_id",
        "tam_required",
        "verifies",
    )

    def __init__(
        self,
        mode: Mode,
        repository_id: bytes,
        material: KeyMaterial | None,
        *,
        logically_encrypted: bool,
        tam_required: bool,
        key_file: str | None = None,
        passphrase: str = "",
    ) -> None:
        self.mode = mode
        self.repository_id = repository_id
        self.logically_encrypted = logically_encrypted
        self.tam_required = tam_required
        self.key_file = key_file
        self.verifies = material is not None or mode.storage == "none"
        self.chunk_seed = material.chunk_seed if material else 0
        self._material = material
        self._passphrase = passphrase
        # Without secrets there are no real ids; what a hasher is then asked for is only the manifest's version.
        self.hasher = IdHasher(mode.id_kind, material.id_key) if material else IdHasher("sha256")
        enc_key, mac_key = self._cipher_keys()
        self.opener = Opener(mode.accepted_types, mode.cipher, enc_key, mac_key, self.hasher if self.verifies else None)

    def __repr__(self) -> str:
        return f"<Key {self.name} of {self.repository_id.hex()}>"

    @property
    def name(self) -> str:
        """The mode as `init --encryption` calls it."""
        return self.mode.name

    @property
    def type_byte(self) -> int:
        return self.mode.type_byte

    @property
    def has_secrets(self) -> bool:
        return self._material is not None

    @property
    def encrypts(self) -> bool:
        """True if sealing needs counters."""
        return self.mode.encrypts

    @property
    def tam_secret(self) -> bytes | None:
        return self._material.tam_secret if self._material else None

    def sealer(self, compressor: Compressor) -> Sealer:
        """What makes stored objects, compressed by `compressor`."""
        if not self.verifies:
            raise Error("Nothing can be written to this repository without its key.")
        enc_key, mac_key = self._cipher_keys()
        return Sealer(self.type_byte, self.mode.cipher, enc_key, mac_key, compressor)

    def first_counter(self, manifest_object: Blob) -> int:
        """Where a session's counters start at least, by the stored (and already authenticated) manifest; 0 if none are used."""
        return counter_after(manifest_object) if self.encrypts else 0

    def _cipher_keys(self) -> tuple[bytes, bytes]:
        if self._material is None or not self.encrypts:
            return b"", b""
        return self._material.enc_key, self._material.enc_hmac_key


def create_key(
    store: KeyStore,
    mode: str,
    passphrases: PassphraseSource,
    *,
    path: str | None = None,
    host: str | None = None,
    related: RelatedSecrets | None = None,
) -> Key:
    """Makes the key of a new repository and stores it where the mode wants it.

    A new key file is named after `path` (the store's own, if None) and `host`; `related` secrets are taken over. Asks for a
    passphrase; this client will from now on insist on authenticated manifests. PasswordRetriesExceeded, NoPassphrase,
    KeyfileExists.
    """
    chosen = MODES[mode]
    if chosen.storage == "none":
        return Key(chosen, store.id, None, logically_encrypted=False, tam_required=False)
    passphrase = passphrases.choose()
    material = KeyMaterial.generate(store.id, blake2=chosen.blake2, related=related)
    text = encode_text(lock_blob(material, passphrase))
    set_marked(store.id, True)
    # Last of what can fail, so that whoever makes a repository knows of every key file that came to be.
    key_file = None
    if chosen.storage == "file":
        key_file = create_key_file(store.id, text, store.path if path is None else path, host)
    else:
        store.save_key(text.encode("ascii"))
    return Key(
        chosen,
        store.id,
        material,
        logically_encrypted=_is_logically_encrypted(chosen, passphrase),
        tam_required=True,
        key_file=key_file,
    )


def open_key(
    store: KeyStore,
    manifest_object: Blob,
    passphrases: PassphraseSource,
    *,
    repository_name: str | None = None,
    workarounds: frozenset[str] = frozenset(),
    begun: LockedBlob | None = None,
) -> Key:
    """The key of an existing repository, whose stored manifest says which mode it is in.

    `repository_name` is what prompts and messages call the repository (the store's path if None); `begun` is what was found
    before, and begun to be unlocked: it is used if it proves to be this key. UnsupportedPayload,
    RepoKeyNotFound, KeyfileNotFound, KeyfileMismatch, KeyfileInvalid, UnsupportedKeyFormat, PassphraseWrong,
    PasswordRetriesExceeded, NoPassphrase, PasscommandFailed.
    """
    mode = mode_of(manifest_object)
    name = store.path if repository_name is None else repository_name
    if mode.storage == "none" or (not mode.encrypts and AUTHENTICATED_NO_KEY in workarounds):
        return Key(mode, store.id, None, logically_encrypted=False, tam_required=False)
    key_file, where, blob = None, name, b""
    if mode.storage == "file":
        key_file = where = find_key_file(store.id, name)
        blob = read_key_file(key_file, store.id, name)
    else:
        blob = read_repository_key(store, name)
    try:
        locked = begun if begun is not None and begun.blob == blob else LockedBlob(blob)
        material, passphrase = passphrases.unlock(where, locked.unlock)
        return Key(
            mode,
            store.id,
            material,
            logically_encrypted=_is_logically_encrypted(mode, passphrase),
            tam_required=is_marked(store.id) if material.tam_required is None else material.tam_required,
            key_file=key_file,
            passphrase=passphrase,
        )
    except ValueError:
        raise KeyfileInvalid(name, where) from None


def change_passphrase(store: KeyStore, key: Key, passphrases: PassphraseSource) -> None:
    """Locks an opened key by another passphrase, in the place where it is. CommandError if there is none."""
    if key._material is None:
        raise CommandError("This repository has no key that could be changed, hence no passphrase.")
    _replace_key(store, key, lock_blob(key._material, passphrases.choose()))


def require_tam(store: KeyStore, key: Key, *, required: bool) -> None:
    """Notes in the stored key whether it wants authenticated manifests; its passphrase stays. `key` itself does not change."""
    if key._material is None:
        return
    _replace_key(store, key, lock_blob(key._material.with_tam_required(required), key._passphrase))


def related_secrets(key: Key) -> str:
    """What another repository needs to deduplicate like this one, as a file's content. CommandError if there is nothing."""
    if key._material is None:
        raise CommandError("This repository has no key, so there are no secrets to export.")
    return format_related_secrets(RelatedSecrets(key._material.id_key, key._material.chunk_seed), key.mode)


def _replace_key(store: KeyStore, key: Key, blob: bytes) -> None:
    if key.key_file is None:
        store.save_key(encode_text(blob).encode("ascii"))
    else:
        replace_key_file(key.key_file, key.repository_id, encode_text(blob))


def _is_logically_encrypted(mode: Mode, passphrase: str) -> bool:
    """Whether somebody who has the repository alone cannot read it."""
    if not mode.encrypts:
        return False
    return mode.storage == "file" or passphrase != ""
