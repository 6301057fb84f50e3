"""Roots as users give them: the path that is walked, and what archives call it and all that is below (docs/format/archives.md).

Paths only: nothing is looked at.
"""

from __future__ import annotations

import os


def split_root(path: bytes) -> tuple[bytes, bytes]:
    """The path to walk and the path to archive it under, from what the user gave."""
    walked = os.path.normpath(path)
    return walked, archived_path(walked, stripped_prefix(path))


def stripped_prefix(path: bytes) -> bytes:
    """What is cut from the paths of everything below a root that was given as `prefix/./rest`."""
    cut = path.find(b"/./")
    return os.path.join(os.path.normpath(path[:cut]), b"") if cut > 0 else b""


def archived_path(walked: bytes, prefix: bytes) -> bytes:
    """What archives call the file at `walked`."""
    return safe_path(b"." if prefix and walked + b"/" == prefix else walked.removeprefix(prefix))


def safe_path(path: bytes) -> bytes:
    """`path` made relative: without leading slashes and `../`; `.` if nothing is left."""
    while True:
        if path.startswith(b"/"):
            path = path[1:]
        elif path.startswith(b"../"):
            path = path[3:]
        else:
            return path or b"."
