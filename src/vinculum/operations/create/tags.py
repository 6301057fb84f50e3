"""Tags: files by which a directory says that it is to be left out, CACHEDIR.TAG or such as users name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from vinculum import _native
from vinculum.operations.create.roots import archived_path

if TYPE_CHECKING:
    from typing import Protocol

    class TagRules(Protocol):
        @property
        def exclude_caches(self) -> bool: ...
        @property
        def exclude_if_present(self) -> tuple[bytes, ...]: ...


Tag: TypeAlias = "tuple[_native.DirectoryListing, int]"
"""A listing, and which of its entries it is."""

CACHE_TAG_NAME = b"CACHEDIR.TAG"
CACHE_TAG_CONTENT = b"Signature: 8a477f597d28d172789f06886806bc55"
_SYMLINK = ord("l")


def tags_in(content: _native.DirectoryListing, rules: TagRules, prefix: bytes) -> list[Tag]:
    """The entries that mark this directory as one to leave out; `prefix` is what archived paths of this root lack."""
    if not rules.exclude_caches and not rules.exclude_if_present:
        return []
    names = content.names()
    tags: list[Tag] = []
    if rules.exclude_caches and CACHE_TAG_NAME in names and _is_cache_tag(os.path.join(content.path, CACHE_TAG_NAME)):
        tags.append((content, names.index(CACHE_TAG_NAME)))
    for name in rules.exclude_if_present:
        path = os.path.join(content.path, name)
        if name in names:
            if content.kinds()[names.index(name)] != _SYMLINK or os.path.exists(path):
                tags.append((content, names.index(name)))
        elif not _is_plain_name(name) and os.path.exists(path):
            walked = os.path.normpath(path)
            tags.append((_native.scan_root(walked, archived_path(walked, prefix)), 0))
    return tags


def is_below(path: bytes, directory: bytes) -> bool:
    """Whether a path leads to something inside of a directory."""
    relative = os.path.relpath(path, directory)
    return relative != b"." and relative != b".." and not relative.startswith(b"../")


def _is_plain_name(name: bytes) -> bool:
    """False for a name that leads elsewhere than to an entry of the directory."""
    return b"/" not in name and name not in (b"", b".", b"..")


def _is_cache_tag(path: bytes) -> bool:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as tag:  # a fifo of that name would wait for a writer
            return tag.read(len(CACHE_TAG_CONTENT)) == CACHE_TAG_CONTENT
    except OSError:
        return False
