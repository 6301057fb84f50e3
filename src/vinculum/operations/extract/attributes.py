"""Giving a restored file its owner, mode, ACLs, extended attributes, times and flags, in the order that keeps them all.

Owner first, because a change of owner clears set-user-id bits and capabilities; flags last, because an immutable file takes
nothing more.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from vinculum import _native
from vinculum.platform import owners

if TYPE_CHECKING:
    from collections.abc import Callable

    from vinculum.operations.extract.options import ExtractOptions

_ACL_ATTRIBUTES = (("acl_access", "system.posix_acl_access"), ("acl_default", "system.posix_acl_default"))


def owner_of(item: _native.Item, *, numeric_ids: bool) -> tuple[int, int]:
    """uid and gid that the item's owner has on this machine; -1 leaves what is there."""
    uid, gid = item.uid, item.gid
    if not numeric_ids:
        if item.user:
            uid = owners.user_id(item.user) if owners.user_id(item.user) is not None else uid
        if item.group:
            gid = owners.group_id(item.group) if owners.group_id(item.group) is not None else gid
    return (-1 if uid is None else uid, -1 if gid is None else gid)


class AttributeRestorer:
    """Applies an item's attributes to what was just created. `warn(path, text)` hears what could not be set."""

    def __init__(self, options: ExtractOptions, warn: Callable[[bytes, str], None]) -> None:
        self._options = options
        self._warn = warn
        self._is_root = os.geteuid() == 0

    def restore(self, item: _native.Item, path: bytes, fd: int | None) -> None:
        """`fd` is the open file if there is one; else `path` itself is changed, never what a symlink points to.

        OSError if the mode or an ACL cannot be set.
        """
        is_symlink = stat.S_ISLNK(item.mode)
        target: bytes | int = path if fd is None else fd
        follow = fd is not None
        uid, gid = owner_of(item, numeric_ids=self._options.numeric_ids)
        try:
            os.chown(target, uid, gid, follow_symlinks=follow)
        except OSError:
            pass  # only root may give files away
        if not is_symlink:
            os.chmod(target, stat.S_IMODE(item.mode))
            if self._options.acls:
                self._restore_acls(item, target)
        if self._options.xattrs:
            self._restore_xattrs(item, path, target, follow)
        atime = item.mtime if item.atime is None else item.atime
        try:
            os.utime(target, ns=(atime, item.mtime), follow_symlinks=follow)
        except OSError:
            pass  # some file systems keep no times on symlinks
        if self._options.flags and item.bsdflags:
            self._restore_flags(item.bsdflags, path, fd)

    def _restore_acls(self, item: _native.Item, target: bytes | int) -> None:
        for field, attribute in _ACL_ATTRIBUTES:
            text: bytes | None = getattr(item, field)
            if not text:
                continue
            users: dict[bytes, int] = {}
            groups: dict[bytes, int] = {}
            if not self._options.numeric_ids:
                user_names, group_names = _native.acl_names(text)
                users = {name: uid for name in user_names if (uid := owners.user_id(name)) is not None}
                groups = {name: gid for name in group_names if (gid := owners.group_id(name)) is not None}
            value = _native.acl_from_text(text, self._options.numeric_ids, users, groups)
            try:
                os.setxattr(target, attribute, value)
            except OSError as error:
                if error.errno not in (errno.ENOTSUP, errno.EOPNOTSUPP):
                    raise

    def _restore_xattrs(self, item: _native.Item, path: bytes, target: bytes | int, follow: bool) -> None:
        for name, value in (item.xattrs or {}).items():
            try:
                os.setxattr(target, name, value or b"", follow_symlinks=follow)
            except OSError as error:
                label = os.fsdecode(name)
                self._warn(path, f"extended attribute {label} could not be set: {os.strerror(error.errno or 0)}")

    def _restore_flags(self, flags: int, path: bytes, fd: int | None) -> None:
        try:
            if fd is not None:
                _native.set_flags(fd, flags)
                return
            opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                _native.set_flags(opened, flags)
            finally:
                os.close(opened)
        except OSError:
            pass  # flags need privileges and a file system that has them
