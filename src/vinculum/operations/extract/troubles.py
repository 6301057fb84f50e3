"""What users hear of files that did not come back as they should."""

from __future__ import annotations

import os

from vinculum import warning_codes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Item, Trouble
    from vinculum.events import Sink

# Why an item was refused: text, and the exit code of the warning.
_REFUSALS = {
    "parent": ("a parent directory is a symlink", warning_codes.SYMLINK_PARENT),
    "path": ("its path leads out of the target directory", warning_codes.PATH_TRAVERSAL),
    "link": ("its hard link source is unsafe", warning_codes.HARD_LINK_SOURCE),
}


def tell_trouble(sink: Sink, root: bytes, item: Item, path: bytes, trouble: Trouble) -> None:
    """One warning about the item that was to be restored at `path` below `root`."""
    sink.warning(*_describe(root, item, path, trouble), path=item.path)


def _describe(root: bytes, item: Item, path: bytes, trouble: Trouble) -> tuple[str, int]:
    """Text and modern exit code."""
    kind, number, raw = trouble
    name = os.fsdecode(item.path)
    if kind in _REFUSALS:
        reason, code = _REFUSALS[kind]
        return f"{name}: not extracted, {reason}", code
    if kind == "os":
        return f"{name}: [Errno {number}] {os.strerror(number)}", warning_codes.OS_ERROR
    if kind == "kind":
        return f"{name}: not extracted, unknown file type {number:o}", warning_codes.BACKUP_ERROR
    if kind == "attribute":
        where, label = os.fsdecode(os.path.join(root, path)), os.fsdecode(raw)
        return f"{where}: extended attribute {label} could not be set: {os.strerror(number)}", warning_codes.OTHER
    if kind == "size":
        text = f"Size inconsistency detected: size {item.size}, chunks size {number}"
        return f"{os.fsdecode(path)}: {text}", warning_codes.BACKUP_ERROR
    if kind == "damaged":
        text = "File has damaged (all-zero) chunks. Try running borg check --repair."
        return f"{os.fsdecode(path)}: {text}", warning_codes.BACKUP_ERROR
    return f"{name}: {os.fsdecode(raw)}", warning_codes.BACKUP_ERROR


def content_troubles(item: Item, size: int) -> list[Trouble]:
    """What is amiss with content of so many bytes."""
    troubles: list[Trouble] = []
    if item.size is not None and item.size != size:
        troubles.append(("size", size, b""))
    if item.chunks_healthy is not None:
        troubles.append(("damaged", 0, b""))
    return troubles
