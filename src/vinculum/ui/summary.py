"""What is said at the end of a backup or a restore that met trouble with single files: how many, which, and what to do.

Warnings are told when they happen, maybe among thousands of lines; who looks at the end of those shall not miss any. Imported
only where there was one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vinculum import warning_codes
from vinculum.ui.text import display

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAMED = 3


class Affected:
    """The files that warnings of one exit code were about."""

    __slots__ = ("_last", "count", "first")

    def __init__(self) -> None:
        self.count = 0
        self.first: list[bytes] = []
        self._last: bytes | None = None

    def add(self, path: bytes) -> None:
        """One more; several warnings in a row about the same file count once."""
        if path == self._last:
            return
        self._last = path
        self.count += 1
        if self.count <= NAMED:
            self.first.append(path)


class Group(NamedTuple):
    """What warnings with these modern exit codes have in common."""

    codes: tuple[int, ...]
    one: str
    many: str
    advice: str


GROUPS = {
    "backup": (
        Group(
            (warning_codes.NO_PERMISSION,),
            "could not be read, for lack of permission",
            "could not be read, for lack of permission",
            "Run the backup as a user who may read that (root may), or leave it out with --exclude.",
        ),
        Group(
            (warning_codes.IO_ERROR,),
            "could not be read, because of errors of the disk",
            "could not be read, because of errors of the disk",
            "Look at the disk first: the kernel's log (dmesg) and smartctl tell about its state.",
        ),
        Group(
            (warning_codes.BACKUP_ERROR, warning_codes.RACE, warning_codes.OS_ERROR),
            "could not be read",
            "could not be read",
            "What could not be read is not in the archive: the next backup tries again.",
        ),
        Group(
            (warning_codes.NOT_FOUND,),
            "was not found",
            "were not found",
            "Paths that do not exist may be mistyped; files that vanish during a backup do no harm.",
        ),
        Group(
            (warning_codes.FILE_CHANGED,),
            "changed while it was read",
            "changed while they were read",
            "The archive may hold a mixture of old and new there: stop what writes it, or back up a snapshot.",
        ),
    ),
    "restore": (
        Group(
            (warning_codes.OS_ERROR, warning_codes.NO_PERMISSION, warning_codes.IO_ERROR, warning_codes.NOT_FOUND),
            "could not be restored",
            "could not be restored",
            "When the reason is gone, the same command with --continue restores only what is missing.",
        ),
        Group(
            (warning_codes.BACKUP_ERROR,),
            "is damaged in the archive",
            "are damaged in the archive",
            "borg check tells what is lost; another archive may have it whole.",
        ),
        Group(
            (warning_codes.SYMLINK_PARENT, warning_codes.PATH_TRAVERSAL, warning_codes.HARD_LINK_SOURCE),
            "was refused, because it could lead out of the target directory",
            "were refused, because they could lead out of the target directory",
            "An archive of your own has no such thing, unless it is restored over links that are there already.",
        ),
        Group(
            (warning_codes.OTHER,),
            "lost extended attributes",
            "lost extended attributes",
            "The file system here may not know them, or root has to restore them; --noxattrs leaves them out.",
        ),
        Group(
            (warning_codes.NEVER_MATCHED,),
            "matched nothing in the archive",
            "matched nothing in the archive",
            "borg list shows how paths are written in an archive: from the root, without the first slash.",
        ),
    ),
}
_NOUNS = {warning_codes.NEVER_MATCHED: ("pattern", "patterns")}


def lines(work: str, affected: Mapping[int, Affected]) -> Iterator[str]:
    """Two for each group of warnings that there were in a "backup" or "restore": what, and what to do."""
    for group in GROUPS[work]:
        found = [affected[code] for code in group.codes if code in affected]
        if not found:
            continue
        count = sum(each.count for each in found)
        names = [display(path) for each in found for path in each.first][:NAMED]
        one, many = _NOUNS.get(group.codes[0], ("file", "files"))
        what = f"1 {one} {group.one}" if count == 1 else f"{count} {many} {group.many}"
        more = f" and {count - len(names)} more" if count > len(names) else ""
        yield f"{what}: {', '.join(names)}{more}"
        yield f"  {group.advice}"
