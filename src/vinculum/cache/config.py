"""The `config` file of a cache: which state of the repository the cache mirrors, what the last access looked like, digests.

INI text, section `[cache]` for the facts and `[integrity]` for the digests of the other files. Invariant: the digests count
only while both sections name the same manifest, because programs that do not know digests update the first section alone.
"""

from __future__ import annotations

from vinculum.errors import Error
from vinculum.formats.ini import Ini
from vinculum.platform.files import write_atomically

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

VERSION = "1"


class CacheConfig:
    """One cache's config in memory; unknown keys are kept. `ValueError` from `load` means that the file is not usable."""

    __slots__ = ("_ini", "path")

    def __init__(self, path: str, ini: Ini) -> None:
        self.path = path
        self._ini = ini

    @classmethod
    def fresh(cls, path: str, repository_id: bytes) -> Self:
        """The config of a cache that mirrors nothing yet."""
        ini = Ini()
        ini.section("cache").update(version=VERSION, repository=repository_id.hex(), manifest="")
        ini.section("integrity").update(manifest="")
        return cls(path, ini)

    @classmethod
    def load(cls, path: str) -> Self:
        """The config in a file. FileNotFoundError, ValueError; Error if a later version wrote it."""
        with open(path, "rb") as file:
            text = file.read().decode("utf-8", "surrogateescape")
        config = cls(path, Ini.parse(text))
        config._verify()
        return config

    def _verify(self) -> None:
        if "cache" not in self._ini.sections:
            raise ValueError(f"{self.path} has no section [cache]")
        version = self._facts.get("version", "").strip()
        if version.isdecimal() and version != VERSION:
            # Written by a program that knows better; not ours to wipe.
            raise Error(f"{self.path} has version {version}, this program knows version {VERSION} only.")
        if version != VERSION:
            raise ValueError(f"{self.path} has no version")
        bytes.fromhex(self._facts.get("manifest", ""))
        bytes.fromhex(self._facts.get("repository", ""))
        int(self._facts.get("key_type", "0"))

    @property
    def ini(self) -> Ini:
        """The texts of all sections."""
        return self._ini

    def save(self) -> None:
        """Replaces the file as a whole."""
        write_atomically(self.path, self._ini.format().encode("utf-8", "surrogateescape"))

    @property
    def _facts(self) -> dict[str, str]:
        return self._ini.section("cache")

    @property
    def repository_id(self) -> bytes:
        return bytes.fromhex(self._facts.get("repository", ""))

    @property
    def manifest_id(self) -> bytes:
        """Id of the manifest whose repository state the cache mirrors; empty if none."""
        return bytes.fromhex(self._facts.get("manifest", ""))

    @property
    def previous_location(self) -> str | None:
        return self._facts.get("previous_location")

    @previous_location.setter
    def previous_location(self, location: str) -> None:
        self._facts["previous_location"] = location

    @property
    def timestamp(self) -> str | None:
        return self._facts.get("timestamp")

    @property
    def key_type(self) -> int | None:
        text = self._facts.get("key_type")
        return None if text is None else int(text)

    @property
    def ignored_features(self) -> frozenset[str]:
        """Mandatory features of the repository that a program which used this cache did not know."""
        return _names(self._facts.get("ignored_features", ""))

    @property
    def mandatory_features(self) -> frozenset[str]:
        """Mandatory features of the repository that the programs which used this cache did know."""
        return _names(self._facts.get("mandatory_features", ""))

    def digest(self, name: str) -> str | None:
        """The integrity string of a file of the cache; None if there is none that counts."""
        return self._digests().get(name.lower())

    def mirror(
        self,
        manifest_id: bytes,
        timestamp: str,
        *,
        location: str,
        key_type: int,
        ignored_features: frozenset[str],
        digests: dict[str, str],
    ) -> None:
        """Notes that the cache now mirrors this manifest. Digests of files that are not in `digests` stay if they count."""
        kept = self._digests() | {name.lower(): text for name, text in digests.items()}
        self._facts["manifest"] = manifest_id.hex()
        self._facts["previous_location"] = location
        self._facts["timestamp"] = timestamp
        self._facts["ignored_features"] = _text(self.ignored_features | ignored_features)
        self._facts["mandatory_features"] = _text(self.mandatory_features)
        self._facts["key_type"] = str(key_type)
        self._ini.sections["integrity"] = {"manifest": manifest_id.hex(), **kept}

    def _digests(self) -> dict[str, str]:
        section = dict(self._ini.sections.get("integrity", {}))
        return section if section.pop("manifest", None) == self._facts.get("manifest") else {}


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _text(names: frozenset[str]) -> str:
    return ",".join(sorted(names))
