"""Items out of packed ones, as the program reads them."""

from __future__ import annotations

from vinculum._native import Bytes, Item, ItemWindowDecoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Blob


def unpacked(*pieces: Blob) -> list[Item]:
    """The items of a whole item stream that comes in these pieces."""
    decoder = ItemWindowDecoder()
    items = [item for piece in pieces for item in decoder.feed([Bytes(piece)]).items()]
    decoder.finish()
    return items
