"""Byte strings on disk and the texts people see: UTF-8 where every undecodable byte survives as a lone surrogate."""

from __future__ import annotations


def to_text(raw: bytes) -> str:
    """What people see of it."""
    return raw.decode("utf-8", "surrogateescape")


def to_raw(text: str) -> bytes:
    """What it was on disk."""
    return text.encode("utf-8", "surrogateescape")
