"""Envelopes, one piece after the other: the oracle for the crypto kernel."""

from __future__ import annotations

import struct
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from reference import hashing

MAC_KINDS = {"aes-ctr-hmac-sha256": "hmac-sha256", "aes-ctr-blake2b": "blake2b"}


class Damaged(Exception):
    """Not what a holder of the keys sealed."""


def aes256_ctr(key: bytes, counter: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor().update(data)


def seal(type_byte: int, cipher: str, enc_key: bytes, mac_key: bytes, payload: bytes, iv: int) -> bytes:
    if cipher == "none":
        return bytes([type_byte]) + payload
    counter = struct.pack(">Q", iv)
    authenticated = counter + aes256_ctr(enc_key, bytes(8) + counter, payload)
    return bytes([type_byte]) + hashing.digest(MAC_KINDS[cipher], mac_key, authenticated) + authenticated


def open_envelope(type_bytes: bytes, cipher: str, enc_key: bytes, mac_key: bytes, stored: bytes) -> bytes:
    """The payload of an object."""
    if stored[:1] == b"" or stored[0] not in type_bytes:
        raise Damaged("type")
    if cipher == "none":
        return stored[1:]
    mac, authenticated = stored[1:33], stored[33:]
    if len(authenticated) < 8 or mac != hashing.digest(MAC_KINDS[cipher], mac_key, authenticated):
        raise Damaged("mac")
    return aes256_ctr(enc_key, bytes(8) + authenticated[:8], authenticated[8:])


def entry(id: bytes, stored: bytes) -> bytes:
    """The PUT entry of an object."""
    covered = struct.pack("<IB", 41 + len(stored), 0) + id + stored
    return struct.pack("<I", zlib.crc32(covered)) + covered
