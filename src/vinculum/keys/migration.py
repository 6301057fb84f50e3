"""Leaving the passphrase mode of the first Borgs, in which the secrets were derived from the passphrase and stored nowhere."""

from __future__ import annotations

from vinculum.errors import CommandError, IntegrityError
from vinculum.keys.blob import KeyMaterial, encode_text, lock_blob
from vinculum.keys.key import Key
from vinculum.keys.modes import MODES, PASSPHRASE_TYPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Blob
    from vinculum.keys.custody import KeyStore
    from vinculum.keys.passphrase import PassphraseSource


def migrate_passphrase_key(store: KeyStore, manifest_object: Blob, passphrases: PassphraseSource) -> None:
    """Stores the secrets of a repository in passphrase mode as a repokey. CommandError if it is in another mode.

    PassphraseWrong, PasswordRetriesExceeded, NoPassphrase.
    """
    if bytes(memoryview(manifest_object)[:1]) != bytes([PASSPHRASE_TYPE]):
        raise CommandError("This repository is not in the old passphrase mode.")

    def attempt(passphrase: str) -> KeyMaterial | None:
        material = KeyMaterial.from_passphrase(store.id, passphrase)
        key = Key(MODES["repokey"], store.id, material, logically_encrypted=True, tam_required=False)
        try:
            key.opener.open(manifest_object, None)
        except IntegrityError:
            return None
        return material

    material, _ = passphrases.unlock(store.path, attempt, prompt=f"Enter passphrase for {store.path}: ")
    store.save_key(encode_text(lock_blob(material, passphrases.choose())).encode("ascii"))
