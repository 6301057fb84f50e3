"""Tars from anywhere: an archive that can be listed and checked, or one line about the tar."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

from support.memory_store import MemoryStore, opened_in_memory
from vinculum._native import ItemOptions
from vinculum.archive.item_stream import read_items
from vinculum.errors import Error
from vinculum.events import NullSink
from vinculum.operations.create.options import CreateOptions
from vinculum.operations.import_tar import TarImport

WORDS = [b"ustar\x0000", b"ustar  \0", b"././@LongLink", b"12 path=a\n", b"30 SCHILY.xattr.user.a=", b"20 GNU.sparse.major=1\n"]


def seeds() -> Iterator[bytes]:
    for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w", format=kind) as tar:
            for number, kind_of_file in enumerate((tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE)):
                member = tarfile.TarInfo(f"d/{number}" + "x" * 60 * (number % 3))
                member.type, member.linkname, member.mtime = kind_of_file, "d/0", 1.5 if kind == tarfile.PAX_FORMAT else 1
                member.size = 5 if kind_of_file == tarfile.REGTYPE else 0
                tar.addfile(member, io.BytesIO(b"12345"))
        yield content.getvalue()[:4096].rstrip(b"\0")


def fuzz(data: bytes) -> None:
    store = MemoryStore()
    opened = opened_in_memory(store)
    options = CreateOptions("archive", ItemOptions(), chunker_params=("buzhash", 10, 14, 12, 63))
    tars = TarImport(opened, options, NullSink(), lambda: False)
    try:
        tars.add(io.BytesIO(data), ignore_zeros=False)
    except Error:
        return
    saved = tars.save()
    items = [item.path for batch in read_items(store, opened.key, saved.metadata.items) for item in batch]
    assert all(path and not path.startswith(b"/") for path in items)
