"""An open repository: its archives, and making new ones.

Invariant: what was not finished leaves nothing behind. After an exception in the midst of making an archive the repository is
as it was, and this object only reads.
"""

from __future__ import annotations

import _thread
import os
import sys
from contextlib import ExitStack, contextmanager

from vinculum import _native
from vinculum.api.access import Access, Notes
from vinculum.api.archive import Archive
from vinculum.archive.patterns import EXCLUDE_NO_RECURSE, PatternMatcher, parse_pattern
from vinculum.archive.placeholders import Surroundings
from vinculum.errors import CommandError, Error
from vinculum.operations.create.create import Creation
from vinculum.operations.create.options import CreateOptions
from vinculum.operations.create.walk import WalkRules
from vinculum.operations.opened import OpenCache
from vinculum.repository.location import Location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vinculum.operations.opened import OpenArchives

_FILES_CACHE_MODE = "cis"  # as the command line's, so that both use what either remembers
_OPENING = _thread.allocate_lock()
_open_locations: set[str] = set()


@contextmanager
def open_repository(
    location: str | os.PathLike[str],
    *,
    passphrase: str | None = None,
    writable: bool = False,
    lock_wait_s: float = 1.0,
    rsh: str = "ssh",
    remote_path: str = "borg",
    accept_relocated: bool = False,
    accept_unencrypted: bool = False,
) -> Iterator[Repository]:
    """Opens a repository for as long as the `with` block lasts: to read, together with others, or `writable` and alone.

    `location` is what the command line takes, without an archive: a path, `user@host:path` or `ssh://...`. Without a
    `passphrase` BORG_PASSPHRASE and its like are asked. `rsh` is the command that reaches another machine, `remote_path` the
    program to start there. A repository that has moved, or an unencrypted one that this client does not know, is refused unless
    that is accepted. A process can have a repository open once at a time.
    """
    text = os.fspath(location)
    try:
        place = Location.parse(text)
    except ValueError as error:
        raise CommandError(str(error)) from None
    if place.archive is not None:
        raise CommandError(f"{text!r} names an archive, not a repository")
    notes = Notes()
    access = Access(
        place,
        notes,
        passphrase=passphrase,
        lock_wait_s=lock_wait_s,
        rsh=rsh,
        remote_path=remote_path,
        accept_relocated=accept_relocated,
        accept_unencrypted=accept_unencrypted,
    )
    with ExitStack() as stack:
        stack.enter_context(_alone(access.canonical_location))
        opened: OpenArchives
        if writable:
            opened = stack.enter_context(access.open_cache("write", files_cache_mode=_FILES_CACHE_MODE))
        else:
            opened = stack.enter_context(access.open_archives("read"))
        yield Repository(access, opened, notes)


@contextmanager
def _alone(location: str) -> Iterator[None]:
    """Locks tell processes from each other, not what happens inside of one. Error if it has the repository open."""
    with _OPENING:
        if location in _open_locations:
            raise Error(f"This program has {location} open already.")
        _open_locations.add(location)
    try:
        yield
    finally:
        _open_locations.discard(location)


class Repository:
    """An open repository. Confined to one thread, and to the `with` block that opened it."""

    def __init__(self, access: Access, opened: OpenArchives, notes: Notes) -> None:
        self._access = access
        self._opened = opened
        self._notes = notes
        self._failed = False

    def __repr__(self) -> str:
        return f"<Repository {self.location!r}>"

    @property
    def location(self) -> str:
        """Where it is, in the form that is always the same."""
        return self._access.canonical_location

    @property
    def id(self) -> str:
        """What tells it from all other repositories, in hexadecimal digits."""
        return self._opened.store.id.hex()

    @property
    def encryption(self) -> str:
        """The mode that `borg init --encryption` was given."""
        return self._opened.key.name

    @property
    def warnings(self) -> list[str]:
        """What was odd so far, in the words that the command line uses: files that could not be read, for example."""
        return list(self._notes.warnings)

    def archives(self) -> list[Archive]:
        """All of them, the oldest first."""
        entries = sorted(self._opened.manifest.archives.values(), key=lambda entry: entry.timestamp)
        return [Archive(self._opened, entry) for entry in entries]

    def archive(self, name: str) -> Archive:
        """One of them. ArchiveDoesNotExist."""
        return Archive(self._opened, self._opened.manifest.archive(name))

    def create_archive(
        self,
        name: str,
        paths: Sequence[str | os.PathLike[str]],
        *,
        exclude: Sequence[str] = (),
        exclude_caches: bool = False,
        one_file_system: bool = False,
        compression: str = "lz4",
        comment: str = "",
    ) -> Archive:
        """Backs up `paths` with all that is below them, as `borg create` does, and returns the new archive.

        `exclude` and `compression` are what the options of that name take. Files that cannot be read are left out and end
        up in `warnings`. ArchiveAlreadyExists.
        """
        opened = self._opened
        if not isinstance(opened, OpenCache):
            raise Error("The repository was opened to read only.")
        if self._failed:
            raise Error("An archive could not be made before; open the repository again.")
        try:
            compressing = opened.with_compression(compression)
            excluded = [parse_pattern(text, "fm", EXCLUDE_NO_RECURSE) for text in exclude]
        except ValueError as error:
            raise CommandError(str(error)) from None
        matcher = PatternMatcher()
        matcher.add(excluded)
        rules = WalkRules(matcher, one_file_system=one_file_system, exclude_caches=exclude_caches, asks_attributes=True)
        creation = Creation(compressing, self._options(name, comment), self._access.sink)
        self._failed = True
        creation.add_trees(creation.walker(rules, self._access.own_places()), [os.fsencode(path) for path in paths])
        creation.save()
        self._failed = False
        return self.archive(name)

    def _options(self, name: str, comment: str) -> CreateOptions:
        here = Surroundings()
        return CreateOptions(
            name=name,
            item_options=_native.ItemOptions(),
            comment=comment,
            cmdline=tuple(os.fsencode(word) for word in sys.argv),
            hostname=here.hostname(),
            username=here.username(),
            threads=self._access.threads,
        )
