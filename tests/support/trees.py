"""Building trees of files: plain ones of any size, and the one that holds every kind of thing a file can be.

Content is made from a seed, so that a tree comes out the same each time.
"""

from __future__ import annotations

import os
import random
import socket
import stat
import struct
from pathlib import Path

from support.inode_flags import FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP, change_flags

ACL_VERSION = 2
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NOBODY_ID = 0xFFFFFFFF

NAMELESS_UID, NAMELESS_GID = 54321, 65432
SECOND_NS = 10**9
RECENT_NS = 1_700_000_000 * SECOND_NS


# -- attributes --------------------------------------------------------------------------------------------------------


def acl_value(*entries: tuple[int, int, int]) -> bytes:
    """The value of a system.posix_acl_* attribute for (tag, permissions, id) entries in the kernel's order."""
    return struct.pack("<I", ACL_VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def some_acl() -> bytes:
    """An ACL with a named user, a user without a name, and a named group."""
    return acl_value(
        (USER_OBJ, 7, NOBODY_ID),
        (USER, 5, 1),
        (USER, 4, NAMELESS_UID),
        (GROUP_OBJ, 5, NOBODY_ID),
        (GROUP, 6, 1),
        (MASK, 7, NOBODY_ID),
        (OTHER, 0, NOBODY_ID),
    )


def capability_value() -> bytes:
    """The value of security.capability that lets a program bind low ports."""
    return struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)


def set_mtime(path: bytes, mtime_ns: int) -> None:
    """Sets the modification time of anything, symlinks included."""
    os.utime(path, ns=(RECENT_NS, mtime_ns), follow_symlinks=False)


# -- plain trees -------------------------------------------------------------------------------------------------------


def text_content(seed: object, size_bytes: int) -> bytes:
    """Content that compresses well, different for each seed."""
    source = random.Random(f"text {seed}")
    words = [bytes(source.choices(b"etaoinshrdlu", k=source.randint(2, 9))) for _ in range(200)]
    lines = b" ".join(source.choices(words, k=size_bytes // 3 + 1))
    return lines[:size_bytes]


def random_content(seed: object, size_bytes: int) -> bytes:
    """Content that does not compress, different for each seed."""
    return random.Random(f"random {seed}").randbytes(size_bytes)


def build_plain(top: Path, *, files: int, seed: object = 0, size_bytes: int = 2000, per_directory: int = 50) -> None:
    """A tree of that many regular files of about that size, with old, distinct times."""
    top.mkdir(parents=True, exist_ok=True)
    source = random.Random(f"plain {seed}")
    for number in range(files):
        directory = top / f"directory-{number // per_directory:04}"
        directory.mkdir(exist_ok=True)
        path = directory / f"file-{number:06}"
        path.write_bytes(text_content((seed, number), source.randint(0, 2 * size_bytes)))
        set_mtime(os.fsencode(path), RECENT_NS + number * SECOND_NS + number)


def write_files(top: Path, files: dict[str, bytes | None]) -> None:
    """Files with this content, directories where it is None; names may hold surrogates for bytes that are not UTF-8."""
    for name in files:
        path = os.path.join(top, name)
        content = files[name]
        os.makedirs(path if content is None else os.path.dirname(path), exist_ok=True)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content)


# -- every kind --------------------------------------------------------------------------------------------------------

STRANGE_NAMES = (
    b"not utf-8 \xff\xfe",
    b"new\nline",
    b"tab\tand \x01 control",
    "grün 日本 ∆".encode(),
    "decomposed u\u0308".encode(),
    b"-dash first",
    b" space first and last ",
    b"quote'\"`$(x)*?[a]{b}",
    b"back\\slash",
    b"colon::inside",
    b"{now}",
    b"n" * 255,
)


def build_every_kind(top: Path, *, seed: object = 0, big_bytes: int = 20 << 20) -> None:
    """A tree of everything that a Linux file can be or have. Needs root, and a file system with xattrs, ACLs and flags.

    With the default chunker `big_bytes` of at least 17 MiB makes sure that there are three chunks.
    """
    top.mkdir(parents=True)
    root = os.fsencode(top)
    _content(root, seed, big_bytes)
    _names(root, seed)
    _links_and_nodes(root)
    _sparse_files(root, seed)
    _owners_and_modes(root)
    _attributes(root)
    _nesting(root)
    _times(root)
    _flags(root)  # last: nothing can be changed afterwards


def _write(path: bytes, content: bytes) -> bytes:
    with open(path, "wb") as file:
        file.write(content)
    return path


def _subdirectory(root: bytes, name: bytes) -> bytes:
    path = os.path.join(root, name)
    os.mkdir(path)
    return path


def _content(root: bytes, seed: object, big_bytes: int) -> None:
    here = _subdirectory(root, b"content")
    _write(os.path.join(here, b"empty"), b"")
    _write(os.path.join(here, b"one byte"), b"1")
    _write(os.path.join(here, b"text"), text_content(seed, 70_000))
    _write(os.path.join(here, b"random"), random_content(seed, 30_000))
    _write(os.path.join(here, b"zeros"), bytes(300_000))
    _write(os.path.join(here, b"big"), random_content((seed, "big"), big_bytes // 2) + text_content(seed, big_bytes // 2))


def _names(root: bytes, seed: object) -> None:
    here = _subdirectory(root, b"names")
    for name in STRANGE_NAMES:
        _write(os.path.join(here, name), text_content((seed, name), 100))
    inside = _subdirectory(here, b"directory \xfe\xed")
    _write(os.path.join(inside, b"\xc3\x28"), b"inside")
    os.symlink(b"to \xff", os.path.join(here, b"symlink \xff"))


def _links_and_nodes(root: bytes) -> None:
    here = _subdirectory(root, b"links and nodes")
    first = _write(os.path.join(here, b"linked-1"), b"three names, one file" * 100)
    other = _subdirectory(here, b"elsewhere")
    os.link(first, os.path.join(here, b"linked-2"))
    os.link(first, os.path.join(other, b"linked-3"))
    empty = _write(os.path.join(here, b"linked-empty-1"), b"")
    os.link(empty, os.path.join(other, b"linked-empty-2"))
    os.symlink(b"linked-1", os.path.join(here, b"symlink"))
    os.symlink(b"nowhere/at/all", os.path.join(here, b"dangling"))
    os.symlink(b"elsewhere", os.path.join(here, b"symlink-to-directory"))
    os.symlink(b"/etc/passwd", os.path.join(here, b"symlink-absolute"))
    os.symlink(b"x" * 1000, os.path.join(here, b"symlink-long"))
    os.mkfifo(os.path.join(here, b"fifo-1"))
    os.link(os.path.join(here, b"fifo-1"), os.path.join(here, b"fifo-2"))
    os.mknod(os.path.join(here, b"null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(os.path.join(here, b"character-1"), stat.S_IFCHR | 0o600, os.makedev(300, 70000))
    os.link(os.path.join(here, b"character-1"), os.path.join(here, b"character-2"))
    os.mknod(os.path.join(here, b"block"), stat.S_IFBLK | 0o660, os.makedev(7, 200))
    with socket.socket(socket.AF_UNIX) as listener:
        # A socket's address is short, hence relative to a directory that is reached through its descriptor.
        fd = os.open(here, os.O_RDONLY | os.O_DIRECTORY)
        listener.bind(f"/proc/self/fd/{fd}/socket")
        os.close(fd)


def _sparse_files(root: bytes, seed: object) -> None:
    here = _subdirectory(root, b"sparse")
    with open(os.path.join(here, b"only a hole"), "wb") as file:
        file.truncate(1 << 20)
    with open(os.path.join(here, b"holes between"), "wb") as file:
        file.write(random_content((seed, 1), 8192))
        file.seek(1 << 20)
        file.write(random_content((seed, 2), 4096))
        file.truncate(3 << 20)
    with open(os.path.join(here, b"hole first"), "wb") as file:
        file.seek(256 << 10)
        file.write(random_content((seed, 3), 4096))


def _owners_and_modes(root: bytes) -> None:
    here = _subdirectory(root, b"owners and modes")
    for name, uid, gid, mode in (
        (b"nameless owner", NAMELESS_UID, NAMELESS_GID, 0o640),
        (b"another user", 1, 1, 0o604),
        (b"setuid", 0, 0, 0o4755),
        (b"setgid", 0, 1, 0o2755),
        (b"setuid of another", 1, 2, 0o6711),
        (b"sticky file", 0, 0, 0o1644),
        (b"no permissions", 0, 0, 0o000),
        (b"all permissions", 0, 0, 0o777),
    ):
        path = _write(os.path.join(here, name), name)
        os.chown(path, uid, gid)
        os.chmod(path, mode)
    for name, mode in ((b"sticky directory", 0o1777), (b"setgid directory", 0o2770), (b"closed directory", 0o000)):
        path = _subdirectory(here, name)
        os.chown(path, NAMELESS_UID, 1)
        os.chmod(path, mode)
    link = os.path.join(here, b"symlink of another")
    os.symlink(b"setuid", link)
    os.lchown(link, 1, NAMELESS_GID)


def _attributes(root: bytes) -> None:
    here = _subdirectory(root, b"attributes")
    path = _write(os.path.join(here, b"xattrs"), b"x")
    os.setxattr(path, b"user.plain", b"value")
    os.setxattr(path, b"user.empty", b"")
    os.setxattr(path, b"user.binary", bytes(range(256)))
    os.setxattr(path, "user.grün".encode(), "größer".encode())
    os.setxattr(path, b"user.long", b"l" * 2000)
    os.setxattr(path, b"trusted.kept", b"for root only")
    path = _write(os.path.join(here, b"capability"), b"#!/bin/true\n")
    os.chown(path, 1, 1)
    os.chmod(path, 0o755)
    os.setxattr(path, b"security.capability", capability_value())
    path = _write(os.path.join(here, b"access acl"), b"a")
    os.setxattr(path, b"system.posix_acl_access", some_acl())
    path = _subdirectory(here, b"directory with acls")
    os.setxattr(path, b"system.posix_acl_access", some_acl())
    os.setxattr(path, b"system.posix_acl_default", some_acl())
    os.setxattr(path, b"user.of directory", b"d")
    path = os.path.join(here, b"symlink with xattr")
    os.symlink(b"xattrs", path)
    os.setxattr(path, b"trusted.of symlink", b"s", follow_symlinks=False)


def _nesting(root: bytes) -> None:
    here = _subdirectory(root, b"nesting")
    _subdirectory(here, b"empty directory")
    for level in range(60):
        here = _subdirectory(here, b"level %d" % level)
    _write(os.path.join(here, b"at the bottom"), b"deep")


def _times(root: bytes) -> None:
    here = _subdirectory(root, b"times")
    special = {
        b"before 1970": -5 * SECOND_NS,
        b"zero": 0,
        b"one nanosecond": 1,
        b"last nanosecond": RECENT_NS + 999_999_999,
        b"end of 32 bits": (2**31 - 1) * SECOND_NS,
        b"far future": 10**10 * SECOND_NS,
    }
    for name in special:
        _write(os.path.join(here, name), name)
    number = 0
    for directory, directories, names in os.walk(root, topdown=False):
        for name in sorted((*directories, *names)):
            number += 1
            mtime_ns = special.get(name, RECENT_NS + number * SECOND_NS + number * 1_234_567 % SECOND_NS)
            set_mtime(os.path.join(directory, name), mtime_ns)
    set_mtime(root, RECENT_NS + 42)


def _flags(root: bytes) -> None:
    here = _subdirectory(root, b"flags")
    wanted = {
        b"nodump": FLAG_NODUMP,
        b"immutable": FLAG_IMMUTABLE,
        b"append only": FLAG_APPEND,
        b"all three": FLAG_NODUMP | FLAG_IMMUTABLE | FLAG_APPEND,
    }
    for name in wanted:
        set_mtime(_write(os.path.join(here, name), name), RECENT_NS + 7)
    directory = _subdirectory(here, b"immutable directory")
    set_mtime(_write(os.path.join(directory, b"inside"), b"i"), RECENT_NS + 8)
    for path in (directory, here, root):
        set_mtime(path, RECENT_NS + 9)
    change_flags(directory, add=FLAG_IMMUTABLE)
    for name, flags in wanted.items():
        change_flags(os.path.join(here, name), add=flags)
