"""The encryption modes: names, type bytes, and what each does to ids and objects. Facts only, no secrets."""

from __future__ import annotations

from vinculum.errors import UnsupportedPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from vinculum._native import Blob, CipherKind, IdKind

    KeyStorage: TypeAlias = Literal["none", "file", "repository"]


class Mode:
    """One encryption mode. Immutable."""

    __slots__ = ("cipher", "id_kind", "label", "name", "storage", "type_byte")

    def __init__(self, name: str, type_byte: int, label: str, cipher: CipherKind, id_kind: IdKind, storage: KeyStorage) -> None:
        self.name = name
        self.type_byte = type_byte
        self.label = label  # as outputs and exported secrets call the kind of key
        self.cipher: CipherKind = cipher
        self.id_kind: IdKind = id_kind
        self.storage: KeyStorage = storage

    def __repr__(self) -> str:
        return f"<Mode {self.name}>"

    @property
    def encrypts(self) -> bool:
        return self.cipher != "none"

    @property
    def blake2(self) -> bool:
        return self.id_kind == "blake2b"

    @property
    def accepted_types(self) -> bytes:
        """Type bytes of the objects that a key of this mode opens."""
        # Repositories of the old passphrase mode keep their objects when their secrets become a repokey.
        legacy = bytes([PASSPHRASE_TYPE]) if self.name == "repokey" else b""
        return bytes([self.type_byte]) + legacy


PASSPHRASE_TYPE = 0x01

# In Borg's order.
MODES = {
    mode.name: mode
    for mode in (
        Mode("none", 0x02, "plaintext", "none", "sha256", "none"),
        Mode("keyfile", 0x00, "key file", "aes-ctr-hmac-sha256", "hmac-sha256", "file"),
        Mode("repokey", 0x03, "repokey", "aes-ctr-hmac-sha256", "hmac-sha256", "repository"),
        Mode("authenticated", 0x07, "authenticated", "none", "hmac-sha256", "repository"),
        Mode("keyfile-blake2", 0x04, "key file BLAKE2b", "aes-ctr-blake2b", "blake2b", "file"),
        Mode("repokey-blake2", 0x05, "repokey BLAKE2b", "aes-ctr-blake2b", "blake2b", "repository"),
        Mode("authenticated-blake2", 0x06, "authenticated BLAKE2b", "none", "blake2b", "repository"),
    )
}

_BY_TYPE = {type_byte: mode for mode in MODES.values() for type_byte in mode.accepted_types}


def mode_of(stored: Blob) -> Mode:
    """The mode of the repository that a stored object (normally the manifest) is from. UnsupportedPayload if unknown."""
    first = bytes(memoryview(stored)[:1])
    mode = _BY_TYPE.get(first[0]) if first else None
    if mode is None:
        raise UnsupportedPayload(f"0x{first.hex()}" if first else "none at all")
    return mode
