"""Looking at and changing single settings in the config of a repository or of its cache.

What is written is checked as Borg checks it; beyond that, a config with which the repository could no longer be opened is never
written.
"""

from __future__ import annotations

import os

from vinculum.cache.config import CacheConfig
from vinculum.errors import CommandError, Error, InvalidRepository, InvalidRepositoryConfig
from vinculum.formats.sizes import parse_size
from vinculum.repository.config import MAX_SEGMENT_SIZE_LIMIT, RepositoryConfig
from vinculum.repository.location import Location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vinculum.formats.ini import Ini
    from vinculum.repository.repository import Repository

_MIN_SPACE = 10_000_000
LISTED = ("version", "segments_per_dir", "max_segment_size", "storage_quota", "additional_free_space", "append_only", "id")


class Settings:
    """One open config; changes are written at once."""

    def __init__(self, section: str, ini: Ini, checks: dict[str, Callable[[str], None]], save: Callable[[], None]) -> None:
        self._section = section
        self._ini = ini
        self._checks = checks
        self._save = save

    def get(self, name: str) -> str:
        """The text of a setting, be it one that can be changed or not. Error if there is none."""
        section, key = self._split(name)
        values = self._ini.sections.get(section)
        if values is None:
            raise Error(f"No section: {section!r}")
        if key.lower() not in values:
            raise Error(f"No option {key!r} in section: {section!r}")
        return values[key.lower()]

    def set(self, name: str, value: str) -> None:
        """CommandError if there is no such setting, or the value does not fit."""
        check = self._check_of(name)
        try:
            check(value)
        except ValueError as error:
            raise CommandError(f"Invalid value for {name}: {error}") from None
        self._ini.section(self._section)[self._split(name)[1]] = value
        self._save()

    def delete(self, name: str) -> None:
        """Removes a setting, which need not be there. CommandError if it cannot be missing."""
        self._check_of(name)
        self._ini.section(self._section).pop(self._split(name)[1], None)
        self._save()

    def describe(self) -> str:
        """What `--list` shows: always of the repository's section, and `False` for what is not set, as Borg has it."""
        values = self._ini.sections.get("repository", {})
        lines = [f"{key} = {values.get(key, False)}" for key in LISTED]
        if "last_segment_checked" in values:
            lines.append(f"last_segment_checked = {values['last_segment_checked']}")
        return "\n".join(["[repository]", *lines])

    def _check_of(self, name: str) -> Callable[[str], None]:
        section, key = self._split(name)
        if section != self._section:
            raise CommandError(f"Invalid section: {section}")
        if key not in self._checks:
            raise CommandError(f"Invalid name: {key}")
        return self._checks[key]

    def _split(self, name: str) -> tuple[str, str]:
        section, dot, key = name.partition(".")
        return (section, key) if dot and "." not in key else (self._section, name)


def repository_settings(store: Repository) -> Settings:
    """The settings of an open repository."""

    def save() -> None:
        try:
            RepositoryConfig(store.config.ini, store.path)
        except (InvalidRepository, InvalidRepositoryConfig) as error:
            raise CommandError(f"Without that, the repository could not be opened any more: {error}") from None
        store.save_config()

    checks: dict[str, Callable[[str], None]] = {
        "segments_per_dir": _check_positive,
        "last_segment_checked": _check_number,
        "max_segment_size": _check_segment_size,
        "additional_free_space": _check_space,
        "storage_quota": _check_space,
        "append_only": _check_switch,
        "id": _check_id,
    }
    return Settings("repository", store.config.ini, checks, save)


def cache_settings(directory: str) -> Settings:
    """The settings of the cache in that directory, which the caller has locked."""
    config = CacheConfig.load(os.path.join(directory, "config"))
    return Settings("cache", config.ini, {"previous_location": _check_location}, config.save)


def _check_number(text: str) -> None:
    int(text)


def _check_positive(text: str) -> None:
    if int(text) < 1:
        raise ValueError("it must be 1 at least")


def _check_segment_size(text: str) -> None:
    if parse_size(text) >= MAX_SEGMENT_SIZE_LIMIT:
        raise ValueError(f"it must be below {MAX_SEGMENT_SIZE_LIMIT}")


def _check_space(text: str) -> None:
    if 0 < parse_size(text) < _MIN_SPACE:
        raise ValueError("it must be 0 or 10M at least")


def _check_switch(text: str) -> None:
    if text not in ("0", "1"):
        raise ValueError("it must be 0 or 1")


def _check_id(text: str) -> None:
    # As a repository keeps it: any other spelling would be another file name for keys and caches.
    if len(text) != 64 or bytes.fromhex(text).hex() != text.lower():
        raise ValueError("it must be 64 hex digits")


def _check_location(text: str) -> None:
    Location.parse(text)
