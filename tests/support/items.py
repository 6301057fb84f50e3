"""Items out of packed ones, as the program reads them, and packed ones as it writes them."""

from __future__ import annotations

import os

from vinculum._native import Bytes, ChunkList, Item, ItemWindowDecoder, encode_item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.restoring import File
    from support.plain_key import PlainKey
    from vinculum._native import Blob


def unpacked(*pieces: Blob) -> list[Item]:
    """The items of a whole item stream that comes in these pieces."""
    decoder = ItemWindowDecoder()
    items = [item for piece in pieces for item in decoder.feed([Bytes(piece)]).items()]
    decoder.finish()
    return items


def packed_item(file: File, key: PlainKey, path: bytes) -> bytes:
    """The item of a file of ours, at that path of an archive."""
    fields: dict[str, int | bytes | bool | dict[bytes, bytes | None] | None] = {
        "path": path, "mode": file.mode, "mtime": file.mtime, "uid": os.getuid(), "gid": os.getgid(),
    }  # fmt: skip
    if file.source:
        fields["source"] = file.source
    if file.xattrs:
        fields["xattrs"] = dict(file.xattrs)
    chunks = None
    if file.kind == "file":
        chunks = ChunkList.of(key.hasher.digest(file.content), [len(file.content)], [1])
    return bytes(memoryview(encode_item(fields, chunks)))
