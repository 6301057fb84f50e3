"""What to do about an error: a line or two for somebody who sits at a terminal, below the message that programs know.

Imported only there, and only when something went wrong. Looks at the file system to say more than the error knows, and changes
nothing; what cannot be found out is left out. No advice is better than a wrong one: there is none for what has many causes.
"""

from __future__ import annotations

import errno
import os
import shlex
from typing import TYPE_CHECKING, NamedTuple

from vinculum import errors
from vinculum.cli import mistyped, suggestions, surroundings
from vinculum.cli.program import COMMANDS_OF_PROGRAMS
from vinculum.platform import paths

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from vinculum.repository.location import Location

_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = (errno.EACCES, errno.EPERM)
_PASSPHRASE_SOURCES = ("BORG_PASSPHRASE", "BORG_PASSCOMMAND", "BORG_PASSPHRASE_FD")


class Case(NamedTuple):
    """What went wrong, and in which command."""

    error: BaseException
    location: Location | None
    borg: str
    """How the program was called."""
    environment: Mapping[str, str]

    @property
    def fact(self) -> str:
        """What the error tells first."""
        return str(self.error.args[0]) if self.error.args else ""

    @property
    def repository(self) -> str:
        """As the user wrote it, for a shell."""
        given = self.location.given.partition("::")[0] if self.location is not None else ""
        return shlex.quote(given) if given else "REPOSITORY"

    @property
    def is_here(self) -> bool:
        """Whether the repository is on this machine."""
        return self.location is not None and self.location.is_local


def about(error: BaseException, args: argparse.Namespace, environment: Mapping[str, str]) -> str:
    """Lines to show below the message; nothing if that says all there is."""
    program = getattr(args, "program", "borg")
    borg = "borg" if program in COMMANDS_OF_PROGRAMS else program
    case = Case(error, getattr(args, "location", None), borg, environment)
    for kind, advise in _ADVICE.items():
        if isinstance(error, kind):
            lines = advise(case) if callable(advise) else advise.format(borg=case.borg, repository=case.repository)
            return "\n".join(f"{mistyped.INDENTATION}{line}" for line in lines.splitlines())
    return ""


# -- repositories ------------------------------------------------------------------------------------------------------


def _missing_repository(case: Case) -> str:
    make = f"To make a new one: {case.borg} init --encryption=repokey {case.repository}"
    if case.location is None or not case.is_here:
        return f"Is the path right? One without a slash in front begins in the home directory over there.\n{make}"
    path = case.location.path
    return mistyped.with_two_colons(path) or f"{mistyped.question(surroundings.repositories_beside(path))}{make}"


def _no_repository(case: Case) -> str:
    if case.location is None or not case.is_here:
        return ""
    near = surroundings.repositories_around(case.location.path)
    return f"{mistyped.question(near)}A repository is what `{case.borg} init` makes: a directory with a file `config` in it."


# -- archives ----------------------------------------------------------------------------------------------------------


def _missing_archive(case: Case) -> str:
    assert isinstance(case.error, errors.ArchiveDoesNotExist)
    others = case.error.others
    if others is not None and not others:
        return "There is no archive in this repository yet."
    near = suggestions.closest(case.fact, others or ())
    return f"{mistyped.question(near)}All names: {case.borg} list --short {case.repository}"


def _existing_archive(case: Case) -> str:
    another = f"{case.repository}::{shlex.quote(case.fact + '-{now}')}"
    return f"Every archive has a name of its own; one with the time in it is always new: {another}"


# -- locks -------------------------------------------------------------------------------------------------------------


def _locked(case: Case) -> str:
    directory = os.path.dirname(case.fact)
    is_here = case.is_here or _is_below(directory, paths.cache_dir())
    known = surroundings.lock_holders(directory) if is_here else []
    who = f"It is held by {' and '.join(known)}.\n" if known else ""
    return (
        f"{who}To wait for it: --lock-wait SECONDS. If whatever held it is dead for certain, on all machines:\n"
        f"{case.borg} break-lock {case.repository}"
    )


# -- other machines ----------------------------------------------------------------------------------------------------


def _connection_closed(case: Case) -> str:
    location = case.location
    if location is None or location.is_local:
        return ""
    host = f"{location.user}@{location.host}" if location.user else str(location.host)
    port = ["-p", str(location.port)] if location.port else []
    rsh = case.environment.get("BORG_RSH", "ssh")
    return f"What stands in the way shows this, which has to print a version: {rsh} {shlex.join([*port, host])} borg --version"


# -- what the system refuses -------------------------------------------------------------------------------------------


def _failed_lock(case: Case) -> str:
    reason = str(case.error.args[1]) if len(case.error.args) > 1 else ""
    if reason == os.strerror(errno.EROFS):
        return _READ_ONLY
    if reason in [os.strerror(number) for number in _CLOSED] and case.is_here:
        return _owners(os.path.dirname(case.fact), case)
    return _full(case) if reason in [os.strerror(number) for number in _FULL] else ""


def _system_error(case: Case) -> str:
    assert isinstance(case.error, OSError)
    number, name = case.error.errno, case.error.filename
    path = os.fsdecode(name) if isinstance(name, str | bytes) else ""
    if number in _FULL and _is_below(path, paths.cache_dir()):
        return (
            "That is the cache, which holds nothing but what is in the repository, too. Make room there,\n"
            "or let it be somewhere else: BORG_CACHE_DIR says where."
        )
    if number in _FULL and case.is_here and case.location is not None and _is_below(path, case.location.path):
        return _full(case)
    if number in _CLOSED and path:
        return _owners(path, case)
    return _READ_ONLY if number == errno.EROFS else ""


def _is_below(path: str, directory: str) -> bool:
    return os.path.abspath(path).startswith(os.path.join(os.path.abspath(directory), ""))


def _server_failed(case: Case) -> str:
    text = str(case.error)
    return _full(case) if not case.is_here and any(f"[Errno {number}]" in text for number in _FULL) else ""


def _full(case: Case) -> str:
    where = "" if case.is_here else " on the server"
    return (
        f"The repository is what it was before. Make room{where}: {case.borg} delete or {case.borg} prune take archives away,\n"
        f"and this, which needs little space itself, gives back theirs: {case.borg} compact {case.repository}"
    )


def _denied(case: Case) -> str:
    return _owners(case.fact, case) if case.is_here else _SAME_USER


def _owners(path: str, case: Case) -> str:
    """Whose it is, or what it is in."""
    found, me = surroundings.owner(path), os.geteuid()
    if found is None:
        return _SAME_USER
    place, owner = found
    if owner == me:
        return f"{shlex.quote(place)} belongs to you, but its permissions (ls -ld) do not let you do that."
    name = surroundings.user(owner)
    sudo = "sudo" if owner == 0 else f"sudo -u {name}"
    return (
        f"{shlex.quote(place)} belongs to {name}, and you are {surroundings.user(me)}.\n"
        f"{_SAME_USER} Here: {sudo} {case.borg} ..."
    )


_READ_ONLY = "The file system is read-only. With --bypass-lock, what is there can be listed and restored."
_SAME_USER = "Use a repository always as the same user."

# -- rules and settings ------------------------------------------------------------------------------------------------


def _wrong_command(case: Case) -> str:
    if case.fact.startswith("At least one of the "):
        return f"What a rule would delete: {case.borg} prune --dry-run --list --keep-daily 7 --keep-weekly 4 {case.repository}"
    if case.fact.endswith(" is not a size"):
        return "Sizes are written as 500M, 2G or 1.5T."
    start, colon, name = case.fact.partition("Invalid name: ")
    if start or not colon:
        return ""
    return mistyped.setting(name) + f"All names and values: {case.borg} config --list {case.repository}"


# -- passphrases -------------------------------------------------------------------------------------------------------


def _wrong_passphrase(case: Case) -> str:
    source = next((name for name in _PASSPHRASE_SOURCES if name in case.environment), _PASSPHRASE_SOURCES[0])
    return f"It came from {source}: correct that, or unset it to be asked."


_ADVICE: dict[type[BaseException], str | Callable[[Case], str]] = {
    errors.CommandError: _wrong_command,
    errors.RepositoryDoesNotExist: _missing_repository,
    errors.InvalidRepository: _no_repository,
    errors.InvalidRepositoryConfig: "In the repokey modes that file holds the key: before you change anything, copy it.",
    errors.RepositoryAlreadyExists: "It can be used as it is: {borg} create {repository}::NAME PATH",
    errors.PathAlreadyExists: "A new repository takes a directory that is empty, or one that does not exist yet.",
    errors.ParentPathDoesNotExist: "--make-parent-dirs makes it.",
    errors.ArchiveDoesNotExist: _missing_archive,
    errors.ArchiveAlreadyExists: _existing_archive,
    errors.LockTimeout: _locked,
    errors.LockFailed: _failed_lock,
    errors.PathPermissionDenied: _denied,
    errors.InsufficientFreeSpace: _full,
    errors.StorageQuotaExceeded: "Their space is given back by: {borg} compact {repository}",
    errors.PassphraseWrong: _wrong_passphrase,
    errors.PasswordRetriesExceeded: "Is Caps Lock on, or another keyboard layout in use? Nothing else opens the repository.",
    errors.KeyfileNotFound: (
        "It is on the machine where the repository was made, in ~/.config/borg/keys. From a copy of it:\n"
        "{borg} key import {repository} COPY"
    ),
    errors.RepoKeyNotFound: "From a copy of it: {borg} key import {repository} COPY",
    errors.PathNotAllowed: "The server lets this ssh key use other paths only: --restrict-to-path and the like say which.",
    errors.ConnectionClosed: _connection_closed,
    errors.NoManifestError: "If there were archives in it: {borg} check --repair {repository} looks for them.",
    errors.IntegrityError: "What else is damaged, tells: {borg} check {repository}",
    errors.ObjectNotFound: "What else is missing, tells: {borg} check {repository}",
    errors.Error: _server_failed,
    OSError: _system_error,
}
"""Kinds of errors, those that are special before those that they are kinds of."""
