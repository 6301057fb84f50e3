"""What a user can choose about recreating archives."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Literal, TypeAlias

    from vinculum import _native

    Recompress: TypeAlias = Literal["never", "if-different", "always"]


class TagOptions(NamedTuple):
    """Which directories stay out because of a file in them, and whether that file stays."""

    exclude_caches: bool = False
    exclude_if_present: frozenset[bytes] = frozenset()
    keep_exclude_tags: bool = False


class RecreateOptions(NamedTuple):
    """Everything but which files stay. None keeps what the archive has."""

    recompress: Recompress = "never"
    chunker_params: _native.BuzhashParams | _native.FixedParams | None = None
    comment: str | None = None
    timestamp: datetime | None = None
    target: str | None = None  # the name of a further archive; without one the old archive is replaced
    tags: TagOptions = TagOptions()
    checkpoint_interval_s: int = 1800
    cmdline: tuple[bytes, ...] = ()
    hostname: str = ""
    username: str = ""
    dry_run: bool = False
