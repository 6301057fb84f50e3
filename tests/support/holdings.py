"""What an archive holds, path by path, in a form that a directory, a listing and a tar have in common.

Hard links count as what they are links to: which of the names comes first is not what a backup is about.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

LISTED = "--json-lines", "--format={sha256}{isomtime}"
"""The options of `list` for `held_by_listing`."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAR_KINDS = {tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l", tarfile.REGTYPE: "-", tarfile.LNKTYPE: "-"}


class Held(NamedTuple):
    mode: str
    mtime: str
    target: str
    digest: str


Holdings = dict[str, Held]


def held_by_directory(top: Path) -> Holdings:
    """What an archive of this directory would hold, under the directory's name."""
    paths = [top, *top.rglob("*")]
    return {str(path.relative_to(top.parent)): _describe(path) for path in paths}


def _describe(path: Path) -> Held:
    status = path.lstat()
    return Held(
        stat.filemode(status.st_mode),
        (_EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)).astimezone().replace(tzinfo=None).isoformat(),
        os.readlink(path) if path.is_symlink() else "",
        hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(status.st_mode) else "",
    )


def held_by_listing(output: str) -> Holdings:
    """What `list` with the options `LISTED` says."""
    items: dict[str, dict[str, Any]] = {item["path"]: item for item in map(json.loads, output.splitlines())}
    return {path: _listed(items[item["source"]] if item["mode"][0] == "h" else item) for path, item in items.items()}


def _listed(item: dict[str, Any]) -> Held:
    return Held(item["mode"], datetime.fromisoformat(item["isomtime"]).isoformat(), item["linktarget"], item["sha256"])


def held_by_tar(content: bytes) -> Holdings:
    """What a tar holds. It has whole seconds only."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {member.name: _tarred(tar, member) for member in tar}


def _tarred(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Held:
    source = tar.getmember(member.linkname) if member.islnk() else member
    content = tar.extractfile(source) if source.isreg() else None
    return Held(
        _TAR_KINDS[member.type] + stat.filemode(source.mode)[1:],
        datetime.fromtimestamp(source.mtime).isoformat(),  # noqa: DTZ006 local times, as in listings
        member.linkname if member.issym() else "",
        hashlib.sha256(content.read()).hexdigest() if content is not None else "",
    )


def to_seconds(holdings: Holdings) -> Holdings:
    """The same with whole seconds."""
    return {path: held._replace(mtime=held.mtime.partition(".")[0]) for path, held in holdings.items()}


def without(holdings: Holdings, excluded: str | None) -> Holdings:
    """What is left if this path, and what is below it, is not archived."""
    return {path: held for path, held in holdings.items() if not f"{path}/".startswith(f"{excluded}/")}
