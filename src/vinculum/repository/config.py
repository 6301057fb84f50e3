"""The repository's `config` file: typed on reading, rewritten so that old secrets do not linger on the disk.

What is not understood here is preserved. The file is replaced as a whole, never edited in place.
"""

from __future__ import annotations

import errno
import os

from vinculum.errors import InvalidRepository, InvalidRepositoryConfig
from vinculum.formats.ids import ID_BYTES
from vinculum.formats.ini import Ini, parse_bool
from vinculum.formats.sizes import parse_size
from vinculum.repository.storage import replace_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from vinculum.events import Sink
    from vinculum.repository.storage import Storage

    T = TypeVar("T")

NAME = "config"
_OLD_NAME = "config.old"
_SECTION = "repository"
_DEFAULT_SEGMENTS_PER_DIR = 1000
_DEFAULT_MAX_SEGMENT_SIZE = 500 * 2**20
MAX_SEGMENT_SIZE_LIMIT = 2**32 - 20 * 2**20


class RepositoryConfig:
    """The values of one config file; change them through `values` (text by key in lower case) and write it."""

    __slots__ = (
        "_ini",
        "additional_free_space",
        "append_only",
        "id",
        "max_segment_size",
        "segments_per_dir",
        "storage_quota",
        "version",
    )

    def __init__(self, ini: Ini, path: str) -> None:
        """InvalidRepository or InvalidRepositoryConfig, naming `path`, for values that cannot be worked with."""
        self._ini = ini
        values = ini.sections.get(_SECTION)
        if values is None or values.get("version", "").strip() != "1":
            raise InvalidRepository(path)
        self.version = 1

        def typed(key: str, parse: Callable[[str], T], default: str | None = None) -> T:
            text = values.get(key, default)
            if text is None:
                raise InvalidRepositoryConfig(path, f"{key} is missing")
            try:
                return parse(text)
            except ValueError:
                raise InvalidRepositoryConfig(path, f"{key} has a wrong value") from None

        self.segments_per_dir = typed("segments_per_dir", int)
        if self.segments_per_dir < 1:
            raise InvalidRepositoryConfig(path, "segments_per_dir < 1")
        self.max_segment_size = typed("max_segment_size", parse_size)
        if self.max_segment_size >= MAX_SEGMENT_SIZE_LIMIT:
            raise InvalidRepositoryConfig(path, f"max_segment_size >= {MAX_SEGMENT_SIZE_LIMIT}")
        self.append_only = typed("append_only", parse_bool, "0")
        self.storage_quota = typed("storage_quota", parse_size, "0")
        self.additional_free_space = typed("additional_free_space", parse_size, "0")
        self.id = typed("id", _parse_id)

    @property
    def values(self) -> dict[str, str]:
        """The texts of the section `repository`."""
        return self._ini.section(_SECTION)

    @property
    def ini(self) -> Ini:
        """The texts of all sections."""
        return self._ini

    def format(self) -> str:
        return self._ini.format()


def new_config(*, append_only: bool, storage_quota: int) -> RepositoryConfig:
    """The config of a new repository, with a random id."""
    ini = Ini()
    ini.section(_SECTION).update(
        version="1",
        segments_per_dir=str(_DEFAULT_SEGMENTS_PER_DIR),
        max_segment_size=str(_DEFAULT_MAX_SEGMENT_SIZE),
        append_only=str(int(append_only)),
        storage_quota=str(storage_quota),
        additional_free_space="0",
        id=os.urandom(ID_BYTES).hex(),
    )
    return RepositoryConfig(ini, "")


def read_config(storage: Storage, path: str) -> RepositoryConfig:
    """Reads the config of the repository at `path`. InvalidRepository if there is none that can be read."""
    try:
        text = storage.read(NAME).decode("utf-8")
        ini = Ini.parse(text)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
        raise InvalidRepository(path) from None
    return RepositoryConfig(ini, path)


def write_config(storage: Storage, config: RepositoryConfig, *, sink: Sink | None = None) -> None:
    """Replaces the config file and overwrites the old one with random bytes: it may hold a key.

    The old file is kept as `config.old` until the new one is durable.
    """
    _erase_old(storage)
    try:
        storage.link(NAME, _OLD_NAME)
    except FileNotFoundError:
        pass  # a new repository
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EACCES, errno.EOPNOTSUPP):
            raise
        if sink is not None:
            sink.warning("No hard links here: the old repository config, with any key in it, cannot be overwritten securely.")
    replace_file(storage, NAME, config.format().encode("utf-8"))
    _erase_old(storage)


def _erase_old(storage: Storage) -> None:
    try:
        storage.erase(_OLD_NAME)
    except FileNotFoundError:
        pass


def _parse_id(text: str) -> bytes:
    id = bytes.fromhex(text.strip())
    if len(id) != ID_BYTES:
        raise ValueError(text)
    return id
