"""Restoring in place: which files are as archived already, and what has to go before a tree can become what the archive says.

A file is equal if size, time (or content) and all attributes are. It is left alone then, and otherwise written anew, as a new
file: other links to the old one may lie outside. Directories stay, so they lose here what the archive does not give them.
"""

from __future__ import annotations

import os
import stat

from vinculum import _native
from vinculum.operations.extract.local_content import LocalContent
from vinculum.operations.extract.present import Present
from vinculum.platform import descent, owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import IdHasher, Item
    from vinculum.operations.extract.options import ExtractOptions

_ACCESS, _DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
_ACLS = frozenset((_ACCESS, _DEFAULT))


class InPlace(Present):
    """Compares with all that an archive says of a file, as far as the options want it back. Confined to one thread."""

    def __init__(self, root: bytes, options: ExtractOptions, hasher: IdHasher, *, compares_content: bool = False) -> None:
        super().__init__(root, with_flags=options.flags)
        self._hasher = hasher
        self._compares_content = compares_content
        self._options = options
        self._may_give_away = os.geteuid() == 0
        self._accepted: set[tuple[int, int]] = set()  # files with several links, each found to be equal to one item

    def is_complete(self, item: Item, path: bytes) -> bool:
        """The same. A file with the archived content and another time needs nothing but that time, and gets it here."""
        name, found = os.path.basename(path), self.look(path)
        if found is None or stat.S_ISDIR(found.st_mode) or not self._is_finished(item, name, found):
            return False
        has_mode = stat.S_ISLNK(found.st_mode) or stat.S_IMODE(found.st_mode) == stat.S_IMODE(item.mode)
        if not (has_mode and self._has_owner(item, found) and self._has_attributes(item, name)):
            return False
        file = (found.st_dev, found.st_ino)
        if file in self._accepted:
            return False  # two files of the archive are one here
        if self._compares_content and stat.S_ISREG(found.st_mode) and not self._has_content(item, path):
            return False
        if found.st_mtime_ns != item.mtime and not self._set_time(item, path):
            return False
        if found.st_nlink > 1:
            self._accepted.add(file)
        return True

    def content(self, path: bytes) -> LocalContent | None:
        found = self.look(path)
        if found is None or not stat.S_ISREG(found.st_mode):
            return None
        try:
            return LocalContent(self._open(os.path.basename(path)), self._hasher)
        except OSError:
            return None

    def _has_time(self, item: Item, found: os.stat_result) -> bool:
        # Where content is compared the time can be mended, but not for others who may have links to the file.
        is_mendable = self._compares_content and stat.S_ISREG(found.st_mode) and found.st_nlink == 1
        return is_mendable or super()._has_time(item, found)

    def _set_time(self, item: Item, path: bytes) -> bool:
        if self._options.dry_run:
            return True
        try:
            fd = self._open(os.path.basename(path))
        except OSError:
            return False
        try:
            os.utime(fd, ns=(item.mtime if item.atime is None else item.atime, item.mtime))
        except (OSError, OverflowError):
            return False
        finally:
            os.close(fd)
        return True

    def _has_content(self, item: Item, path: bytes) -> bool:
        local = self.content(path)
        if local is None:
            return False
        with local:
            return local.is_all_of(item.chunks or _native.ChunkList())

    def letter(self, item: Item, path: bytes) -> str | None:
        found = self.look(path)
        if found is None:
            return "A"
        return None if stat.S_ISDIR(found.st_mode) and stat.S_ISDIR(item.mode) else "M"

    def prepare_directory(self, item: Item, path: bytes) -> None:
        found = self.look(path)
        if found is None or not stat.S_ISDIR(found.st_mode):
            return
        fd = descent.open_directory(self._top, path)
        try:
            if self._with_flags and _native.get_flags(fd):
                _native.set_flags(fd, 0)  # which might keep files out; the archived ones come back in the end
            wanted = self._wanted_attributes(item)
            for name in os.listxattr(fd):
                if self._is_compared(name) and name not in wanted:
                    os.removexattr(fd, name)
        finally:
            os.close(fd)

    def _has_owner(self, item: Item, found: os.stat_result) -> bool:
        if not self._may_give_away:
            return True
        uid, gid = item.uid, item.gid
        if not self._options.numeric_ids:
            by_name = owners.user_id(item.user) if item.user else None
            uid = uid if by_name is None else by_name
            by_name = owners.group_id(item.group) if item.group else None
            gid = gid if by_name is None else by_name
        return uid in (None, found.st_uid) and gid in (None, found.st_gid)

    def _has_attributes(self, item: Item, name: bytes) -> bool:
        path = descent.named(self._directory, name)
        try:
            names = [each for each in os.listxattr(path, follow_symlinks=False) if self._is_compared(each)]
            found = {each: os.getxattr(path, each, follow_symlinks=False) for each in names}
        except OSError:
            return False
        return found == self._wanted_attributes(item)

    def _is_compared(self, attribute: str) -> bool:
        return self._options.acls if attribute in _ACLS else self._options.xattrs

    def _wanted_attributes(self, item: Item) -> dict[str, bytes]:
        wanted: dict[str, bytes] = {}
        if self._options.xattrs:
            wanted |= {os.fsdecode(name): value or b"" for name, value in (item.xattrs or {}).items()}
        if self._options.acls:
            for name, text in ((_ACCESS, item.acl_access), (_DEFAULT, item.acl_default)):
                if text:
                    wanted[name] = self._acl(text)
        return wanted

    def _acl(self, text: bytes) -> bytes:
        """The value of the attribute; empty if the text makes no sense, which restoring will complain about."""
        user_names, group_names = _native.acl_names(text)
        users = {name: id for name in user_names if (id := owners.user_id(name)) is not None}
        groups = {name: id for name in group_names if (id := owners.group_id(name)) is not None}
        try:
            return _native.acl_from_text(text, self._options.numeric_ids, users, groups)
        except ValueError:
            return b""

    def _has_flags(self, item: Item, name: bytes) -> bool:
        """Other than what an interrupted restore left, files may have flags too many here."""
        return not self._with_flags or self._flags(name) == (item.bsdflags or 0)
