"""Sizes as people write them: `1.5M` is 1500000 bytes.

Suffixes are powers of 1000, as in a repository's config and on the command line.
"""

from __future__ import annotations

_FACTORS = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}


def parse_size(text: str) -> int:
    """The number of bytes that `text` stands for. ValueError if it is not a size."""
    digits = text.strip()
    factor = _FACTORS.get(digits[-1:], 1)
    if factor != 1:
        digits = digits[:-1]
    whole, _, fraction = digits.partition(".")
    if not (whole + fraction).isascii() or not (whole + fraction).isdecimal():
        raise ValueError(f"{text!r} is not a size")
    # Whole numbers only: a float would be off by some bytes from 2^53 on.
    scale: int = 10 ** len(fraction)
    return int(whole or "0") * factor + int(fraction or "0") * factor // scale


def format_size(size_bytes: int) -> str:
    """`size_bytes` for people, with two decimals and a decimal unit: `1.50 MB`."""
    if abs(size_bytes) < 1000:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if abs(round(value, 2)) < 1000:
            return f"{value:.2f} {unit}"
    return f"{value / 1000:.2f} PB"
