"""Names and numbers of users and groups of this machine, asked once each; None where there is no such."""

from __future__ import annotations

import os
from functools import cache


@cache
def user_name(uid: int) -> bytes | None:
    import pwd

    try:
        return os.fsencode(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return None


@cache
def group_name(gid: int) -> bytes | None:
    import grp

    try:
        return os.fsencode(grp.getgrgid(gid).gr_name)
    except KeyError:
        return None


@cache
def user_id(name: bytes) -> int | None:
    import pwd

    try:
        return pwd.getpwnam(os.fsdecode(name)).pw_uid
    except (KeyError, ValueError):
        return None


@cache
def group_id(name: bytes) -> int | None:
    import grp

    try:
        return grp.getgrnam(os.fsdecode(name)).gr_gid
    except (KeyError, ValueError):
        return None


def current_user() -> str:
    """The login name of the user who runs this, or the number if there is none."""
    name = user_name(os.getuid())
    return os.fsdecode(name) if name else str(os.getuid())
