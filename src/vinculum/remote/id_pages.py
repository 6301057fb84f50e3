"""All ids that a server has, page by page, however it behaves.

A server answers with some ids and is asked again for those behind the last one. One that forgets where it was, or does so on
purpose, would keep a client for ever; here that is an error. One that makes up new ids without end cannot be told from one that
has so many.
"""

from __future__ import annotations

from vinculum.errors import UnexpectedDataFromServer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def id_pages(
    ask: Callable[[int, bytes | None], list[bytes]], page_size: int, limit: int | None = None, marker: bytes | None = None
) -> Iterator[list[bytes]]:
    """The ids behind `marker`, at most `limit` of them, in pages; `ask` wants to know how many, and behind which one.

    UnexpectedDataFromServer if a page is longer than that, or has ids that were there before.
    """
    landmark = marker
    pages, moves_after = 0, 1
    while limit is None or limit > 0:
        wanted = page_size if limit is None else min(limit, page_size)
        page = ask(wanted, marker)
        if not page:
            return
        if len(page) > wanted:
            raise UnexpectedDataFromServer(f"{len(page)} ids where {wanted} were asked for")
        known = set(page)
        if len(known) < len(page) or marker in known or landmark in known:
            raise UnexpectedDataFromServer("an id for the second time")
        yield page
        marker = page[-1]
        limit = None if limit is None else limit - len(page)
        # One id is remembered at a time, twice as long as the one before: whatever the server goes round in, that is noticed.
        pages += 1
        if pages == moves_after:
            landmark, moves_after = marker, 2 * moves_after
