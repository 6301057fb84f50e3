"""What may stand behind an option: each function turns one argument into a value or explains in a line why it cannot.

No file is opened here, except that a timestamp may be taken from one.
"""

from __future__ import annotations

import os
from argparse import ArgumentTypeError

from vinculum.cli.locations import placeholders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vinculum._native import BuzhashParams, FixedParams

_HOURS = {"H": 1, "d": 24, "w": 7 * 24, "m": 31 * 24, "y": 365 * 24}
MIN_QUOTA = 10_000_000
DEFAULT_CHUNKER_PARAMS: BuzhashParams = ("buzhash", 19, 23, 21, 4095)
FILES_CACHE_MODES = ("cis", "ims", "cs", "ms", "cr", "mr", "d", "s")
_FILES_CACHE_WORDS = ("ctime", "disabled", "inode", "mtime", "rechunk", "size")
SORT_KEYS = {"timestamp": "timestamp", "archive": "name", "name": "name", "id": "id"}
_LEVELS = {"none": None, "lz4": None, "zlib": (0, 9), "lzma": (0, 9), "zstd": (1, 22)}
_FIELDS = {"auto": (2, 3), "obfuscate": (3, 5)}  # how many fields a specification must and may have
_TIME_FORMATS = (
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S+00:00",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%Y-%m",
    "%Y-%j",
)

DIFF_SORT_FIELDS = frozenset(
    (
        *("path", "size", "size_added", "size_removed", "size_diff"),
        *("user", "group", "uid", "gid", "ctime", "mtime", "ctime_diff", "mtime_diff"),
    )
)


# -- names -------------------------------------------------------------------------------------------------------------


def archive_name(text: str) -> str:
    """A new name for an archive."""
    name = placeholders(text)
    if not name or "/" in name or "::" in name:
        raise ArgumentTypeError(f'"{name}" is not a valid name for an archive')
    return name


def path(text: str) -> str:
    if not text:
        raise ArgumentTypeError("empty paths mean nothing")
    return text


# -- numbers -----------------------------------------------------------------------------------------------------------


def octal(text: str) -> int:
    try:
        return int(text, 8)
    except ValueError:
        raise ArgumentTypeError(f"not an octal number: {text!r}") from None


def positive_int(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number <= 0:
        raise ArgumentTypeError(f"A positive integer is required: {text}")
    return number


def natural_int(text: str) -> int:
    """A number of at least 0."""
    if not text.isascii() or not text.isdecimal():
        raise ArgumentTypeError(f"A number is required: {text}")
    return int(text)


def hours(text: str) -> int:
    """An interval such as 2d, in hours: H hours, d days, w weeks, m months of 31 days, y years of 365 days."""
    unit = _HOURS.get(text[-1:])
    if unit is None:
        raise ArgumentTypeError(f'Unexpected interval time unit "{text[-1:]}": expected one of {list(_HOURS)!r}')
    try:
        count = int(text[:-1])
    except ValueError:
        count = 0
    if count <= 0:
        raise ArgumentTypeError(f'Unexpected interval number "{text[:-1]}": expected an integer greater than 0')
    return count * unit


def storage_quota(text: str) -> int:
    """Bytes; 0 means no quota."""
    from vinculum.formats.sizes import parse_size

    try:
        quota = parse_size(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    if quota < MIN_QUOTA and quota != 0:
        raise ArgumentTypeError(f"quota is too small ({text}). At least 10M are required.")
    return quota


def timestamp(text: str) -> datetime:
    """A time in UTC, or the modification time of the file of that name."""
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(os.stat(text).st_mtime_ns // 1000 / 1e6, UTC)
    except (OSError, ValueError):
        pass
    for time_format in _TIME_FORMATS:
        try:
            return datetime.strptime(text, time_format).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ArgumentTypeError(f"neither a UTC time (yyyy-mm-ddThh:mm:ss) nor an existing file: {text!r}")


# -- how to store ------------------------------------------------------------------------------------------------------


def chunker_params(text: str) -> BuzhashParams | FixedParams:
    """`default`, `[buzhash,]MIN_EXP,MAX_EXP,MASK_BITS,WINDOW` or `fixed,BLOCK[,HEADER]`."""
    words = [word.strip() for word in text.lower().split(",")]
    if words == ["default"]:
        return DEFAULT_CHUNKER_PARAMS
    if words[0] in ("buzhash", "fixed"):
        algorithm, numbers = words[0], words[1:]
    else:
        algorithm, numbers = "buzhash", words
    try:
        values = [int(number) for number in numbers]
    except ValueError:
        raise ArgumentTypeError("invalid chunker params") from None
    if algorithm == "fixed" and len(values) in (1, 2):
        return _fixed_params(values)
    if algorithm == "buzhash" and len(values) == 4:
        return _buzhash_params(values)
    raise ArgumentTypeError("invalid chunker params")


def _fixed_params(values: list[int]) -> FixedParams:
    from vinculum.objects.limits import MAX_DATA  # rarely needed

    block, header = values[0], values[1] if len(values) > 1 else 0
    if block < 64:
        raise ArgumentTypeError("block_size must not be less than 64 Bytes")
    if header < 0:
        raise ArgumentTypeError("header_size must not be negative")
    if max(block, header) > MAX_DATA:
        raise ArgumentTypeError(f"block_size and header_size must not exceed MAX_DATA_SIZE [{MAX_DATA}]")
    return "fixed", block, header


def _buzhash_params(values: list[int]) -> BuzhashParams:
    low, high, mask, window = values
    if not low <= mask <= high:
        raise ArgumentTypeError("required: chunk_min <= chunk_mask <= chunk_max")
    if low < 6:
        raise ArgumentTypeError("min. chunk size exponent must not be less than 6 (2^6 = 64B min. chunk size)")
    if high > 23:
        raise ArgumentTypeError("max. chunk size exponent must not be more than 23 (2^23 = 8MiB max. chunk size)")
    if window < 1 or window % 2 == 0:
        raise ArgumentTypeError("window_size must be an uneven (odd) number")
    return "buzhash", low, high, mask, window


def compression(text: str) -> str:
    """A compression specification, checked but left as text: `METHOD[,LEVEL]`, `auto,SPEC` or `obfuscate,LEVEL,SPEC`."""
    _check_compression(text.split(","))
    return text


def _check_compression(words: Sequence[str]) -> None:
    method, rest = words[0], words[1:]
    least, most = _FIELDS.get(method, (1, 2))
    if not least <= len(words) <= most and method not in ("none", "lz4"):
        raise ArgumentTypeError("bad arguments")
    if method in _LEVELS:
        limits = _LEVELS[method]
        if limits and rest:
            low, high = limits
            if not low <= _level(rest[0]) <= high:
                raise ArgumentTypeError(f"level must be >= {low} and <= {high}")
    elif method == "auto":
        _check_compression(rest)
    elif method == "obfuscate":
        level = _level(rest[0])
        if not (1 <= level <= 6 or 110 <= level <= 123 or level == 250):
            raise ArgumentTypeError("level must be (inclusively) within 1...6, 110...123 or equal to 250")
        _check_compression(rest[1:])
    else:
        raise ArgumentTypeError("unsupported compression type")


def _level(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise ArgumentTypeError(f"level must be a number: {word!r}") from None


def files_cache_mode(text: str) -> str:
    """Borg's one-letter form of the mode: the sorted first letters of its words."""
    words = {word.strip() for word in text.split(",")}
    if not words <= set(_FILES_CACHE_WORDS):
        raise ArgumentTypeError(f"cache mode must be a comma-separated list of: {','.join(_FILES_CACHE_WORDS)}")
    mode = "".join(sorted(word[0] for word in words))
    if mode not in FILES_CACHE_MODES:
        raise ArgumentTypeError(f"cache mode short must be one of: {','.join(FILES_CACHE_MODES)}")
    return mode


# -- choosing archives -------------------------------------------------------------------------------------------------


def sort_keys(text: str) -> tuple[str, ...]:
    """The keys to sort archives by, out of timestamp, name, id."""
    keys = text.split(",")
    for key in keys:
        if key not in SORT_KEYS:
            raise ArgumentTypeError(f"Invalid sort key: {key}")
    return tuple(SORT_KEYS[key] for key in keys)


def diff_sort_fields(text: str) -> tuple[str, ...]:
    """The fields to sort differences by, each with its sign for the direction if there is one."""
    fields = tuple(field for word in text.split(",") if (field := word.strip()))
    if not fields:
        raise ArgumentTypeError("unsupported sort field: empty spec")
    for field in fields:
        if field.removeprefix(field[0] if field[0] in "<>" else "") not in DIFF_SORT_FIELDS:
            raise ArgumentTypeError(f"unsupported sort field: {field}")
    return fields
