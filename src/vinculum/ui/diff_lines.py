"""How the differences between two archives are printed: a line of text or of JSON for each path."""

from __future__ import annotations

import json

from vinculum.ui.formatting import format_size
from vinculum.ui.templates import Moment
from vinculum.ui.text import display, verbatim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.archive.differences import Change, Difference

_TIMES = ("ctime", "mtime")


def text_line(difference: Difference) -> str:
    """The changes, then the path in a column of its own unless they take more room."""
    changes = " ".join([_text(change) for change in difference.changes])
    return f"{changes:<19} {display(difference.path)}\n"


def json_line(difference: Difference) -> str:
    """One object with `path` and `changes`."""
    changes = [_json(change) for change in difference.changes]
    return json.dumps({"changes": changes, "path": display(difference.path)}, sort_keys=True) + "\n"


def _text(change: Change) -> str:
    kind = change["type"]
    if isinstance(kind, str) and "size" in change:
        return f"{kind} {format_size(_number(change['size'])):>{18 - len(kind)}}"
    if kind == "modified" and "added" in change:
        added, removed = _number(change["added"]), -_number(change["removed"])
        return f"{format_size(added, precision=1, sign=True):>9} {format_size(removed, precision=1, sign=True):>9}"
    if kind == "owner":
        old_user, old_group, new_user, new_group = (
            _name(change[key]) for key in ("old_user", "old_group", "new_user", "new_group")
        )
        return f"[{old_user}:{old_group} -> {new_user}:{new_group}]"
    if kind == "mode":
        return f"[{change['old_mode']} -> {change['new_mode']}]"
    if kind in _TIMES:
        old, new = (Moment.from_ns(_number(change[f"{age}_{kind}"])) for age in ("old", "new"))
        return f"[{kind}: {old} -> {new}]"
    return str(kind)


def _json(change: Change) -> Change:
    kind = change["type"]
    if kind in _TIMES:
        return {key: value if key == "type" else Moment.from_ns(_number(value)).iso() for key, value in change.items()}
    return {key: _name(value) if isinstance(value, bytes) else value for key, value in change.items()}


def _name(raw: object) -> str | None:
    return verbatim(raw) if isinstance(raw, bytes) else None


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
