"""Headers of tar members in GNU format, by the hundred thousand: what `tarfile` writes, in a fraction of its time.

Names or numbers that do not fit into their fields are rare, and left to `tarfile`.
"""

from __future__ import annotations

import tarfile
from typing import NamedTuple

from vinculum.formats.texts import to_text

_NAME_BYTES = 100
_MOST_ID = 8**7
_MOST_NUMBER = 8**11
_SPACES = 8 * ord(" ")  # what the field of the checksum adds to it
_BEHIND_LINK = b"ustar  \0"


class Member(NamedTuple):
    """What a header says. `kind` is one of tarfile's types, times are whole seconds."""

    kind: bytes
    name: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    link: bytes
    user: bytes
    group: bytes
    device: tuple[int, int] | None


def gnu_header(member: Member) -> bytes:
    """The header, with those for long names before it."""
    name = member.name
    if member.kind == tarfile.DIRTYPE and not name.endswith(b"/"):
        name += b"/"
    fits = len(name) <= _NAME_BYTES and len(member.link) <= _NAME_BYTES and member.device is None
    is_usual = 0 <= member.uid < _MOST_ID and 0 <= member.gid < _MOST_ID
    if not (fits and is_usual and 0 <= member.size < _MOST_NUMBER and 0 <= member.mtime < _MOST_NUMBER):
        return _any_header(member)
    numbers = f"{member.mode & 0o7777:07o}\0{member.uid:07o}\0{member.gid:07o}\0{member.size:011o}\0{member.mtime:011o}\0"
    front = name.ljust(_NAME_BYTES, b"\0") + numbers.encode()
    owner = member.user[:32].ljust(32, b"\0") + member.group[:32].ljust(32, b"\0")
    back = b"".join((member.kind, member.link.ljust(_NAME_BYTES, b"\0"), _BEHIND_LINK, owner))
    checksum = sum(front) + sum(back) + _SPACES
    return b"".join((front, b"%06o\0 " % checksum, back)).ljust(tarfile.BLOCKSIZE, b"\0")


def _any_header(member: Member) -> bytes:
    header = tarfile.TarInfo(to_text(member.name))
    header.type = member.kind
    header.mode, header.mtime, header.size = member.mode, member.mtime, member.size
    header.uid, header.gid = member.uid, member.gid
    header.uname, header.gname = to_text(member.user), to_text(member.group)
    header.linkname = to_text(member.link)
    if member.device is not None:
        header.devmajor, header.devminor = member.device
    return header.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
