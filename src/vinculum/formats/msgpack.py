"""Borg's dialect of msgpack: texts and byte strings are one raw type, the newer binary and extension types do not occur.

Knows the encoding only, not what any map means. What is read comes back as bytes, int, bool, None, list or dict (or a type that
Borg never writes: callers check what they get); whatever is not well formed raises ValueError, never anything else.
"""

from __future__ import annotations

import msgpack  # type: ignore[import-untyped]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vinculum._native import Blob


def pack(value: object) -> bytes:
    """Encodes `value`; maps keep the order of their dict. `str` is written as its UTF-8 bytes (surrogate escapes undone)."""
    packed: bytes = msgpack.packb(value, use_bin_type=False, unicode_errors="surrogateescape")
    return packed


def pack_sorted(value: object) -> bytes:
    """Encodes `value` with the keys of every map in it sorted bytewise: the canonical form that ids are computed over."""
    return pack(_sorted(value))


def pack_map(fields: dict[bytes, object], name: bytes, packed: Blob) -> bytes:
    """Encodes a map of `fields` and, as the last one, `name` with a value that is packed already."""
    header = msgpack.Packer().pack_map_header(len(fields) + 1)
    return b"".join([header, *(pack(part) for field in fields.items() for part in field), pack(name), packed])


def unpack_map(data: Blob, name: bytes) -> tuple[dict[bytes, object], memoryview | None]:
    """The map that `data` encodes, but for the value of `name`, which comes back as it is packed, or None if it is missing."""
    view = memoryview(data)
    fields: dict[bytes, object] = {}
    packed = None

    def read(unpacker: msgpack.Unpacker) -> object:
        nonlocal packed
        for _ in range(unpacker.read_map_header()):
            key = unpacker.unpack()
            if key == name:
                start = unpacker.tell()
                unpacker.skip()
                packed = view[start : unpacker.tell()]
            else:
                fields[key] = unpacker.unpack()
        return fields

    _read(view, read, whole=True)
    return fields, packed


def unpack(data: Blob) -> object:
    """The one object that `data` encodes."""
    return _read(memoryview(data), msgpack.Unpacker.unpack, whole=True)


def unpack_first(data: Blob) -> object:
    """The object that `data` begins with; what follows is ignored."""
    return _read(memoryview(data), msgpack.Unpacker.unpack, whole=False)


def _read(view: memoryview, read: Callable[[msgpack.Unpacker], object], *, whole: bool) -> object:
    # A new unpacker each time: after an error the old one's state is not defined.
    unpacker = msgpack.Unpacker(
        None, max_buffer_size=len(view), use_list=True, raw=True, strict_map_key=False, ext_hook=_refuse
    )
    try:
        unpacker.feed(view)
        value = read(unpacker)
    except (ValueError, msgpack.UnpackException) as error:
        raise ValueError(f"not well formed msgpack: {str(error) or type(error).__name__}") from error
    except TypeError as error:  # a map or an array as the key of a map
        raise ValueError(f"not well formed msgpack: {error}") from error
    if whole and unpacker.tell() != len(view):
        raise ValueError("not well formed msgpack: something follows the first object")
    return value


def _refuse(code: int, _data: bytes) -> object:
    raise ValueError(f"extension type {code}")


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=_place)}
    if isinstance(value, (list, tuple)):
        return [_sorted(element) for element in value]
    return value


def _place(key: object) -> tuple[bool, bytes]:
    """Texts come by their bytes. Nobody writes other keys, but an archive in which somebody did can be written anew, too."""
    if isinstance(key, str):
        return False, key.encode("utf-8", "surrogateescape")
    return (False, key) if isinstance(key, bytes) else (True, pack(key))
