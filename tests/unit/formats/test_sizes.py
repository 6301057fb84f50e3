"""Sizes with decimal suffixes."""

from __future__ import annotations

import pytest

from vinculum.formats.sizes import format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("524288000", 524288000),
        ("1.5M", 1_500_000),
        ("10K", 10_000),
        (".5G", 500_000_000),
        ("2T", 2 * 10**12),
        ("3P", 3 * 10**15),
        ("9007199254740993", 2**53 + 1),
        ("1.999", 1),
        (" 7 ", 7),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "K", "1E3", "-1", "1.2.3", "one", "1 K B", "nan", "inf", "٣"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (1_500_000, "1.50 MB"),
        (999_999, "1.00 MB"),
        (-2000, "-2.00 kB"),
        (10**16, "10.00 PB"),
    ],
)
def test_sizes_are_shown(size: int, text: str) -> None:
    assert format_size(size) == text
