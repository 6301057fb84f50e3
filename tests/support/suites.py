"""All suites of encryption, with sealers and openers of fixed keys, and their twins."""

from __future__ import annotations

import random
from typing import NamedTuple

from hypothesis import strategies as st

from vinculum import _native

ENC_KEY = bytes(range(32))


class Suite(NamedTuple):
    """A way to protect objects, with keys of its own."""

    cipher: _native.CipherKind
    enc_key: bytes
    mac_key: bytes
    ids: _native.IdKind
    id_key: bytes
    overhead: int

    @property
    def hasher(self) -> _native.IdHasher:
        return _native.IdHasher(self.ids, self.id_key)

    def sealer(self, spec: str, type_byte: int = 3) -> _native.Sealer:
        return _native.Sealer(type_byte, self.cipher, self.enc_key, self.mac_key, _native.Compressor(spec))

    def opener(self, type_bytes: bytes = b"\3", verify: bool = True) -> _native.Opener:
        return _native.Opener(type_bytes, self.cipher, self.enc_key, self.mac_key, self.hasher if verify else None)

    def batch(self, buffers: list[bytes]) -> _native.ChunkBatch:
        return _native.ChunkBatch.of([*buffers], self.hasher)


SUITES = [
    Suite("none", b"", b"", "sha256", b"", 1),
    Suite("none", b"", b"", "blake2b", b"i" * 64 + bytes(64), 1),
    Suite("aes-ctr-hmac-sha256", ENC_KEY, b"m" * 32, "hmac-sha256", b"i" * 32, 41),
    Suite("aes-ctr-blake2b", ENC_KEY, b"m" * 64 + bytes(64), "blake2b", b"i" * 64 + bytes(64), 41),
]
ENCRYPTED = SUITES[2:]
suites = st.sampled_from(SUITES)


def make_data(length: int, kind: int) -> bytes:
    return random.Random(length).randbytes(length) if kind else (b"%d " % length * (length // 2 + 1))[:length]


def objects(sealed: _native.SealedBatch) -> list[bytes]:
    return [bytes(sealed.object(index)) for index in range(len(sealed))]
