"""Key files: finding the one of a repository, reading it, naming and writing a new one.

    BORG_KEY <repository id, 64 hex digits>
    <text form of the key>

A file that exists is never overwritten by a new key. What is in the text form is not known here.
"""

from __future__ import annotations

import os
import re

from vinculum.errors import KeyfileExists, KeyfileInvalid, KeyfileMismatch, KeyfileNotFound
from vinculum.keys.blob import decode_text
from vinculum.platform.files import remove_if_present, write_atomically
from vinculum.platform.paths import key_file, keys_dir, make_private

MAGIC = b"BORG_KEY "
LONGEST_NAME = 100
_LARGEST_FILE = 1 << 20  # a key is below 1 KiB; directories of keys may hold anything


def find_key_file(repository_id: bytes, repository_name: str) -> str:
    """The path of the repository's key file: the one the user names, else the first good one in the keys directory.

    `repository_name` is for messages. KeyfileNotFound; KeyfileInvalid and KeyfileMismatch for the file that the user named.
    """
    named = key_file()
    if named is not None:
        read_key_file(named, repository_id, repository_name)
        return named
    directory = keys_dir()
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        names = []
    for name in names:
        path = os.path.join(directory, name)
        try:
            read_key_file(path, repository_id, repository_name)
        except (KeyfileInvalid, KeyfileMismatch, KeyfileNotFound, OSError):
            continue
        return path
    raise KeyfileNotFound(repository_name, directory)


def read_key_file(path: str, repository_id: bytes, repository_name: str) -> bytes:
    """The key's outer map from that file. KeyfileNotFound, KeyfileInvalid, KeyfileMismatch."""
    try:
        with open(path, "rb") as file:
            content = file.read(_LARGEST_FILE)
    except FileNotFoundError:
        raise KeyfileNotFound(repository_name, path) from None
    lines = content.splitlines()
    if not content.startswith(MAGIC):
        raise KeyfileInvalid(repository_name, path)
    if lines[0][len(MAGIC) :] != repository_id.hex().encode("ascii"):
        raise KeyfileMismatch(repository_name, path)
    if len(lines) < 2:
        raise KeyfileInvalid(repository_name, path)
    try:
        return decode_text(b"\n".join(lines[1:]))
    except ValueError:
        raise KeyfileInvalid(repository_name, path) from None


def format_key_file(repository_id: bytes, text: str) -> str:
    """The whole content of a key file."""
    return f"{MAGIC.decode()}{repository_id.hex()}\n{text}\n"


def default_name(path: str, host: str | None) -> str:
    """The name of a new key file for the repository at that path, on that host if it is remote."""
    name = re.sub(r"\W", "_", path).strip("_")
    if host is not None:
        name = re.sub(r"\W", "_", host) + "__" + name
    return name[:LONGEST_NAME]


def create_key_file(repository_id: bytes, text: str, path: str, host: str | None) -> str:
    """Writes the key file of a new repository and returns its path. KeyfileExists if the user named one that exists."""
    target = _reserve(path, host)
    try:
        write_atomically(target, format_key_file(repository_id, text).encode("ascii"), 0o600)
    except BaseException:
        remove_if_present(target)  # still the empty file that held its place
        raise
    return target


def replace_key_file(target: str, repository_id: bytes, text: str) -> None:
    """Writes a key file anew, whatever was there."""
    make_private(os.path.dirname(os.path.abspath(target)))
    write_atomically(target, format_key_file(repository_id, text).encode("ascii"), 0o600)


def _reserve(path: str, host: str | None) -> str:
    """Creates an empty file of the right name, which nobody else can have created."""
    named = key_file()
    if named is not None:
        make_private(os.path.dirname(os.path.abspath(named)))
        try:
            _create(named)
        except FileExistsError:
            raise KeyfileExists(named) from None
        return named
    first = os.path.join(make_private(keys_dir()), default_name(path, host))
    candidate, number = first, 1
    while True:
        try:
            _create(candidate)
        except FileExistsError:
            number += 1
            candidate = f"{first}.{number}"
        else:
            return candidate


def _create(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
