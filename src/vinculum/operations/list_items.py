"""The items of an archive that a user asked for, in archive order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vinculum.archive.patterns import INCLUDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vinculum._native import Item
    from vinculum.archive.patterns import PatternMatcher


def select_items(batches: Iterable[list[Item]], matcher: PatternMatcher, *, with_parts: bool = False) -> Iterator[list[Item]]:
    """Batches of the items that match; parts of files that a checkpoint cut are hidden unless asked for."""
    for batch in batches:
        if not with_parts:
            batch = [item for item in batch if item.part is None]
        if not matcher.is_trivial:
            batch = [item for item in batch if matcher.decide(os.fsdecode(item.path)) == INCLUDE]
        if batch:
            yield batch
