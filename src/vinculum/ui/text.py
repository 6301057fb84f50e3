"""Bytes from disk as text for people and for JSON."""

from __future__ import annotations


def display(raw: bytes) -> str:
    """UTF-8 text; every byte that is none becomes a question mark."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode(errors="surrogateescape").encode(errors="replace").decode()


def display_text(text: str) -> str:
    """The same for text that carries undecodable bytes as lone surrogates."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def verbatim(raw: bytes) -> str:
    """Text that becomes exactly these bytes again when it is written to an output with surrogateescape."""
    return raw.decode(errors="surrogateescape")
