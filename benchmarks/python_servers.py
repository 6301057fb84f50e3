"""A tree in memory behind a Python binding for FUSE, in the foreground: what `bindings.py` measures.

    python benchmarks/python_servers.py mfusepy|pyfuse3 TREE MOUNTPOINT

TREE is read into dictionaries first; its directories are one level deep.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

Tree = dict[str, dict[str, bytes]]
FOREVER_S = 10 * 365 * 24 * 3600


def read(tree: Path) -> Tree:
    return {
        directory.name: {file.name: file.read_bytes() for file in sorted(directory.iterdir())}
        for directory in sorted(tree.iterdir())
    }


def serve_paths(tree: Tree, mountpoint: str) -> None:
    """The high-level interface of libfuse: each request comes with a path."""
    import mfusepy

    directory = {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 1}

    class Paths(mfusepy.Operations):  # type: ignore[misc]
        use_ns = True

        def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:  # noqa: ARG002
            _, top, *names = path.split("/")
            if not top or (not names and top in tree):
                return directory
            try:
                return {"st_mode": stat.S_IFREG | 0o644, "st_nlink": 1, "st_size": len(tree[top][names[0]])}
            except (KeyError, IndexError):
                raise mfusepy.FuseOSError(errno.ENOENT) from None

        def readdir(self, path: str, fh: int) -> list[str]:  # noqa: ARG002
            return [".", "..", *(tree[path[1:]] if path != "/" else tree)]

        def read(self, path: str, size: int, offset: int, fh: int) -> bytes:  # noqa: ARG002
            _, top, name = path.split("/")
            return tree[top][name][offset : offset + size]

    times = {"attr_timeout": FOREVER_S, "entry_timeout": FOREVER_S, "kernel_cache": True}
    mfusepy.FUSE(Paths(), mountpoint, foreground=True, ro=True, nothreads=True, **times)


def number_all(tree: Tree, root: int) -> tuple[dict[int, dict[bytes, int]], dict[int, bytes]]:
    """What directories hold, and files, by inode number."""
    children: dict[int, dict[bytes, int]] = {root: {}}
    contents: dict[int, bytes] = {}
    number = root
    for top, files in tree.items():
        number += 1
        children[root][os.fsencode(top)] = directory = number
        children[directory] = {}
        for name, content in files.items():
            number += 1
            children[directory][os.fsencode(name)] = number
            contents[number] = content
    return children, contents


def serve_inodes(tree: Tree, mountpoint: str) -> None:
    """The low-level interface: requests come with inode numbers, and directories are listed with attributes."""
    import pyfuse3
    import trio

    children, contents = number_all(tree, pyfuse3.ROOT_INODE)
    listings = {inode: list(entries.items()) for inode, entries in children.items()}

    def describe(inode: int) -> pyfuse3.EntryAttributes:
        entry = pyfuse3.EntryAttributes()
        entry.st_ino = inode
        entry.entry_timeout = entry.attr_timeout = FOREVER_S
        entry.st_mode = stat.S_IFDIR | 0o755 if inode in children else stat.S_IFREG | 0o644
        entry.st_size = len(contents.get(inode, b""))
        return entry

    class Inodes(pyfuse3.Operations):  # type: ignore[misc]
        async def getattr(self, inode: int, ctx: object = None) -> pyfuse3.EntryAttributes:  # noqa: ARG002
            return describe(inode)

        async def lookup(self, parent: int, name: bytes, ctx: object = None) -> pyfuse3.EntryAttributes:  # noqa: ARG002
            try:
                return describe(children[parent][name])
            except KeyError:
                raise pyfuse3.FUSEError(errno.ENOENT) from None

        async def opendir(self, inode: int, ctx: object) -> int:  # noqa: ARG002
            return inode

        async def readdir(self, fh: int, start: int, token: object) -> None:
            entries = listings[fh]
            for place in range(start, len(entries)):
                name, inode = entries[place]
                if not pyfuse3.readdir_reply(token, name, describe(inode), place + 1):
                    return

        async def open(self, inode: int, flags: int, ctx: object) -> pyfuse3.FileInfo:  # noqa: ARG002
            return pyfuse3.FileInfo(fh=inode, keep_cache=True)

        async def read(self, fh: int, offset: int, size: int) -> bytes:
            return contents[fh][offset : offset + size]

    pyfuse3.init(Inodes(), mountpoint, {*pyfuse3.default_options, "ro"})
    trio.run(pyfuse3.main)
    pyfuse3.close()


if __name__ == "__main__":
    binding, source, place = sys.argv[1:]
    {"mfusepy": serve_paths, "pyfuse3": serve_inodes}[binding](read(Path(source)), place)
