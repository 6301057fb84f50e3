"""What may stand behind options: a value, or one line that explains why not."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator

from vinculum._native import Chunker, Compressor
from vinculum.cli import locations, option_types
from vinculum.errors import Error
from vinculum.formats.sizes import parse_size
from vinculum.formats.times import parse_timestamp
from vinculum.ui.templates import Template

KNOWN = ["path", "size", "archive", "time"]
WORDS = [
    b"{now:%Y}",
    b"{hostname}",
    b"{NL}",
    b"{path:<30}",
    b"buzhash,",
    b"fixed,",
    b"auto,",
    b"obfuscate,",
    b"zstd,",
    b"{{",
    b"!r",
]


def _placeholders(text: str) -> object:
    return locations.placeholders(text)


def _template(text: str) -> object:
    return Template(text, KNOWN).render({**dict.fromkeys(KNOWN, "x"), "NL": "\n"})


def _chunker(text: str) -> object:
    return Chunker(option_types.chunker_params(text), 0)  # type: ignore[arg-type]


def _compressor(text: str) -> object:
    return Compressor(option_types.compression(text))


KINDS: list[Callable[[str], object]] = [
    *(
        _placeholders,
        _template,
        _chunker,
        _compressor,
        option_types.archive_name,
        option_types.octal,
        option_types.positive_int,
    ),
    *(option_types.natural_int, option_types.hours, option_types.storage_quota, option_types.timestamp),
    *(option_types.files_cache_mode, option_types.sort_keys, option_types.diff_sort_fields, parse_size, parse_timestamp),
]


def seeds() -> Iterator[bytes]:
    texts = ["{now:%Y-%m-%d}-{hostname}", "{path:<10}{size:>5}{NL}", "buzhash,10,23,16,4095", "auto,zstd,3", "a", "077", "5"]
    texts += [
        "7",
        "2d",
        "5G",
        "2024-01-01T00:00:00",
        "ctime,size",
        "timestamp,id",
        ">size,<path",
        "1.5G",
        "2024-01-01T00:00:00.000000",
    ]
    for number, text in enumerate(texts):
        yield bytes([number]) + text.encode()
    yield b"\3obfuscate,110,auto,lzma,6"
    assert len(texts) == len(KINDS)


def fuzz(data: bytes) -> None:
    """The first byte says what the others are."""
    if not data or b"\0" in data[1:]:
        return  # no argument holds a NUL
    text = data[1:200].decode("utf-8", "surrogateescape")
    try:
        KINDS[data[0] % len(KINDS)](text)
    except (ArgumentTypeError, ValueError, Error):
        pass
