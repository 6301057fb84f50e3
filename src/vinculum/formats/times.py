"""Time stamps as manifests and archive objects hold them: UTC without zone, `YYYY-MM-DDTHH:MM:SS.ffffff`.

Written always with six digits of fraction, so that they compare as texts; read without fraction too. No other form exists.
"""

from __future__ import annotations

from datetime import UTC, datetime

_WITHOUT_FRACTION = len("YYYY-MM-DDTHH:MM:SS")
_WITH_FRACTION = len("YYYY-MM-DDTHH:MM:SS.ffffff")


def parse_timestamp(text: str) -> datetime:
    """The moment, aware and in UTC. ValueError for any other form."""
    whole = len(text) == _WITHOUT_FRACTION
    if not (whole or len(text) == _WITH_FRACTION) or text[10] != "T" or not text.isascii():
        raise ValueError(f"not a time stamp: {text!r}")
    if not (whole or text[_WITHOUT_FRACTION] == ".") or "W" in text or "Z" in text or "+" in text or "-" in text[10:]:
        raise ValueError(f"not a time stamp: {text!r}")
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def format_timestamp(moment: datetime) -> str:
    """The text for an aware moment."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
