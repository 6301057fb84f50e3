"""The client state that real Borg 1.4.5 left behind, and stand-ins for the key and manifest that belong to it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from support.golden import REPOSITORIES, unpack_tar
from vinculum.cache.config import CacheConfig
from vinculum.cache.directory import Cache, FilesCacheSettings
from vinculum.cache.preloading import Preloaded
from vinculum.cache.security import SecurityRecord
from vinculum.events import NullSink

NAME = "client-state-b145-repokey"
LOCATION = "/mnt/out/b145-repokey"


class SomeKey:
    def __init__(self, type_byte: int = 3, *, logically_encrypted: bool = True) -> None:
        self.type_byte = type_byte
        self.logically_encrypted = logically_encrypted


class SomeManifest(NamedTuple):
    id: bytes
    timestamp: str
    mandatory_features: frozenset[str] = frozenset()


class RecordingSink(NullSink):
    """Keeps warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str, modern_code: int = 1, msgid: str = "", topic: str = "", path: bytes = b"") -> None:  # noqa: ARG002
        assert (modern_code, msgid) == (0, ""), "odd caches must not change the exit code"
        self.warnings.append(text)


class ClientState:
    """One cache directory and security directory, and what a session would know when it opens them."""

    def __init__(self, top: Path, repository_id: bytes, manifest: SomeManifest) -> None:
        self.cache_path = top / "cache"
        self.security_path = top / "security"
        self.repository_id = repository_id
        self.manifest = manifest
        self.key = SomeKey()
        self.record = SecurityRecord(str(self.security_path))
        self.sink = RecordingSink()

    def cache(
        self,
        files: FilesCacheSettings | None = None,
        location: str = LOCATION,
        lock_wait: float = 0,
        preloaded: Preloaded | None = None,
    ) -> Cache:
        return Cache(
            str(self.cache_path),
            self.repository_id,
            self.key,
            location,
            self.record,
            lock_wait=lock_wait,
            sink=self.sink,
            files=files,
            preloaded=preloaded,
        )

    def config(self) -> CacheConfig:
        return CacheConfig.load(str(self.cache_path / "config"))

    def contents(self) -> dict[str, bytes]:
        """Every file of the cache, by its path in it."""
        return {
            str(path.relative_to(self.cache_path)): path.read_bytes()
            for path in sorted(self.cache_path.rglob("*"))
            if path.is_file()
        }


def golden_state(to: Path) -> ClientState:
    """Unpacks the golden client state."""
    unpack_tar(REPOSITORIES / f"{NAME}.tar.gz", to)
    config = CacheConfig.load(str(to / NAME / "cache" / "config"))
    assert config.timestamp is not None
    return ClientState(to / NAME, config.repository_id, SomeManifest(config.manifest_id, config.timestamp))


def new_state(top: Path) -> ClientState:
    """A client that has no cache and no record yet, of a repository that was just made."""
    return ClientState(top / "client", bytes(range(32)), SomeManifest(b"m" * 32, "2024-01-01T00:00:00.000000"))
