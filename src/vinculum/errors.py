"""Every exception that a user may come to see, each with its text, message id and exit code.

    Error                          expected trouble: one line, no traceback
    ├── CommandError               wrong use of the command line
    ├── CancelledByUser, RuntimeTrouble
    ├── PlaceholderError, InvalidPlaceholder
    ├── MandatoryFeatureUnsupported, NoManifestError
    ├── Repository*                the store itself: missing, foreign, full, damaged
    ├── Lock*                      locks of repository and cache
    ├── Key*, Passphrase*          keys and passphrases
    ├── Cache*                     access checks against what this client has seen before
    ├── Remote*, Connection* ...   the connection to another machine, and what comes over it
    ├── Archive*                   archives that are missing or in the way
    └── IntegrityError             stored data are not what they should be
        ├── FileIntegrityError
        └── Tam*                   authentication of manifest and archives

Each class has a `template` (filled with the constructor's facts in order), a `msgid` that programs match on, an exit code for
`BORG_EXIT_CODES=modern` (`modern_code`; the legacy code is 2) and says whether its traceback helps (`wants_traceback`). Numbers
that are missing belong to errors of Borg's that nothing here ends with.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Error(Exception):
    """Expected trouble; the text is all a user needs."""

    template = "Error: {}"
    msgid = "Error"
    modern_code = 2
    wants_traceback = False

    def __init__(self, *facts: object) -> None:
        super().__init__(*facts)
        self.facts = facts

    def __str__(self) -> str:
        return self.template.format(*self.facts)


class CancelledByUser(Error):
    template = "Cancelled by user."
    msgid = "CancelledByUser"
    modern_code = 3


class CommandError(Error):
    template = "Command Error: {}"
    msgid = "CommandError"
    modern_code = 4


class RuntimeTrouble(Error):
    """What a `debug` command was asked about is not there, or something cannot be mounted."""

    template = "Runtime Error: {}"
    msgid = "RTError"


class PlaceholderError(Error):
    template = "Cannot fill in the placeholders of {!r}: {}"
    msgid = "PlaceholderError"
    modern_code = 5


class InvalidPlaceholder(PlaceholderError):
    template = "Invalid placeholder {!r} in {!r}"
    msgid = "InvalidPlaceholder"
    modern_code = 6


# -- repository --------------------------------------------------------------------------------------------------------


class RepositoryAlreadyExists(Error):
    template = "A repository already exists at {}."
    msgid = "Repository.AlreadyExists"
    modern_code = 10


class AtticRepository(Error):
    template = "{} is an Attic repository, which only old versions of Borg can upgrade."
    msgid = "Repository.AtticRepository"
    modern_code = 11


class CheckNeeded(Error):
    template = 'Repository {0} is inconsistent. Please run "borg check {0}".'
    msgid = "Repository.CheckNeeded"
    modern_code = 12


class RepositoryDoesNotExist(Error):
    template = "Repository {} does not exist."
    msgid = "Repository.DoesNotExist"
    modern_code = 13


class InsufficientFreeSpace(Error):
    template = "Not enough free space to complete the transaction (required: {}, available: {})."
    msgid = "Repository.InsufficientFreeSpaceError"
    modern_code = 14


class InvalidRepository(Error):
    template = "{} is not a valid repository. Check its config file."
    msgid = "Repository.InvalidRepository"
    modern_code = 15


class InvalidRepositoryConfig(Error):
    template = "{} does not have a valid config file [{}]."
    msgid = "Repository.InvalidRepositoryConfig"
    modern_code = 16


class ObjectNotFound(Error):
    """Facts: the key in hex, the repository's path."""

    template = "Object {} not found in repository {}."
    msgid = "Repository.ObjectNotFound"
    modern_code = 17
    wants_traceback = True


class ParentPathDoesNotExist(Error):
    template = "The parent directory of the repository [{}] does not exist."
    msgid = "Repository.ParentPathDoesNotExist"
    modern_code = 18


class PathAlreadyExists(Error):
    template = "There is already something at {}."
    msgid = "Repository.PathAlreadyExists"
    modern_code = 19


class StorageQuotaExceeded(Error):
    template = "The storage quota ({}) has been exceeded ({}). Try deleting some archives."
    msgid = "Repository.StorageQuotaExceeded"
    modern_code = 20


class PathPermissionDenied(Error):
    template = "Permission denied: {}."
    msgid = "Repository.PathPermissionDenied"
    modern_code = 21


class MandatoryFeatureUnsupported(Error):
    template = "This repository needs feature(s) {} that this version does not have. A newer version is required to access it."
    msgid = "MandatoryFeatureUnsupported"
    modern_code = 25


class NoManifestError(Error):
    template = "Repository has no manifest."
    msgid = "NoManifestError"
    modern_code = 26


class UnsupportedManifestError(Error):
    template = "Unsupported manifest envelope. A newer version is required to access this repository."
    msgid = "UnsupportedManifestError"
    modern_code = 27


class ArchiveAlreadyExists(Error):
    template = "Archive {} already exists"
    msgid = "Archive.AlreadyExists"
    modern_code = 30


class ArchiveDoesNotExist(Error):
    """Fact: its name. `others` are those that there are, the newest last."""

    template = "Archive {} does not exist"
    msgid = "Archive.DoesNotExist"
    modern_code = 31

    def __init__(self, name: str, others: Sequence[str] | None = None) -> None:
        super().__init__(name)
        self.others = others


class ChunkIndexCorrupted(Error):
    """Fact: the id in hex of a chunk that something refers to."""

    template = "Chunk {} is missing from the chunk index, which must be corrupted - aborting the transaction."
    msgid = "ChunksIndexError"


# -- keys and passphrases ----------------------------------------------------------------------------------------------


class KeyfileInvalid(Error):
    template = "Invalid key data for repository {} found in {}."
    msgid = "KeyfileInvalidError"
    modern_code = 40


class KeyfileMismatch(Error):
    template = "Mismatch between repository {} and key file {}."
    msgid = "KeyfileMismatchError"
    modern_code = 41


class KeyfileNotFound(Error):
    template = "No key file for repository {} found in {}."
    msgid = "KeyfileNotFoundError"
    modern_code = 42


class KeyfileExists(Error):
    template = "There is already something at {}, which a new key must not overwrite."


class NotABorgKeyFile(Error):
    template = "This is not a key that Borg exported."
    msgid = "NotABorgKeyFile"
    modern_code = 43


class RepoKeyNotFound(Error):
    template = "No key entry found in the config of repository {}."
    msgid = "RepoKeyNotFoundError"
    modern_code = 44


class RepoIdMismatch(Error):
    template = "This key belongs to another repository."
    msgid = "RepoIdMismatch"
    modern_code = 45


class UnencryptedRepo(Error):
    template = "The repository is not encrypted, so there is no key."
    msgid = "UnencryptedRepo"
    modern_code = 46


class UnsupportedPayload(Error):
    template = "Unsupported payload type {}. A newer version is required to access this repository."
    msgid = "UnsupportedPayloadError"
    modern_code = 48


class UnsupportedKeyFormat(Error):
    template = "The repository's key is stored in an unsupported format. A newer version is required to use it."
    msgid = "UnsupportedKeyFormatError"
    modern_code = 49


class NoPassphrase(Error):
    template = "Cannot get a passphrase: {}"
    msgid = "NoPassphraseFailure"
    modern_code = 50


class PasscommandFailed(Error):
    template = "The command in BORG_PASSCOMMAND failed: {}"
    msgid = "PasscommandFailure"
    modern_code = 51


class PassphraseWrong(Error):
    template = "The passphrase given by BORG_PASSPHRASE, BORG_PASSCOMMAND or BORG_PASSPHRASE_FD is incorrect."
    msgid = "PassphraseWrong"
    modern_code = 52


class PasswordRetriesExceeded(Error):
    template = "Too many wrong passphrases."
    msgid = "PasswordRetriesExceeded"
    modern_code = 53


# -- access checks -----------------------------------------------------------------------------------------------------


class CacheInitAborted(Error):
    template = "Cache initialization aborted"
    msgid = "Cache.CacheInitAbortedError"
    modern_code = 60


class EncryptionMethodMismatch(Error):
    template = "The repository's encryption method changed since the last access, refusing to continue"
    msgid = "Cache.EncryptionMethodMismatch"
    modern_code = 61


class RepositoryAccessAborted(Error):
    template = "Repository access aborted"
    msgid = "Cache.RepositoryAccessAborted"
    modern_code = 62


class RepositoryIdNotUnique(Error):
    template = "This client has seen a newer state of the repository - are there several repositories with the same id?"
    msgid = "Cache.RepositoryIDNotUnique"
    modern_code = 63


class RepositoryReplay(Error):
    template = (
        "This client has seen a newer state of the repository - it was either replaced by an older copy, "
        "which may be an attack, or there are several repositories with the same id"
    )
    msgid = "Cache.RepositoryReplay"
    modern_code = 64


# -- locks -------------------------------------------------------------------------------------------------------------


class LockError(Error):
    template = "Failed to acquire the lock {}."
    msgid = "LockError"
    modern_code = 70


class LockFailed(LockError):
    template = "Failed to create/acquire the lock {} ({})."
    msgid = "LockFailed"
    modern_code = 72
    wants_traceback = True


class LockTimeout(LockError):
    template = "Failed to create/acquire the lock {} (timeout)."
    msgid = "LockTimeout"
    modern_code = 73


class NotLocked(LockError):
    template = "Failed to release the lock {} (was not locked)."
    msgid = "NotLocked"
    modern_code = 74
    wants_traceback = True


class NotMyLock(LockError):
    template = "Failed to release the lock {} (was/is locked, but not by me)."
    msgid = "NotMyLock"
    modern_code = 75
    wants_traceback = True


# -- repositories on other machines -------------------------------------------------------------------------------------


class RemoteError(Error):
    """A server failed in a way that has no name here. Facts: the name of its exception, its text."""

    template = "The server failed: {}: {}"
    msgid = "RemoteRepository.RPCError"
    wants_traceback = True


class ConnectionClosed(Error):
    template = "Connection closed by remote host."
    msgid = "ConnectionClosed"
    modern_code = 80


class ConnectionClosedWithHint(ConnectionClosed):
    template = "Connection closed by remote host. {}"
    msgid = "ConnectionClosedWithHint"
    modern_code = 81


class InvalidRpcMethod(Error):
    template = "RPC method {} is not valid."
    msgid = "InvalidRPCMethod"
    modern_code = 82


class PathNotAllowed(Error):
    template = "Repository path not allowed: {}"
    msgid = "PathNotAllowed"
    modern_code = 83


class ServerOutdated(Error):
    """Facts: what is asked for, the server's version, the version it takes."""

    template = "Borg server is too old for {}. It is version {}, version {} or newer is needed."
    msgid = "RemoteRepository.RPCServerOutdated"
    modern_code = 84


class UnexpectedDataFromClient(Error):
    template = "Borg {}: Got unexpected RPC data format from client."
    msgid = "UnexpectedRPCDataFormatFromClient"
    modern_code = 85


class UnexpectedDataFromServer(Error):
    template = "Got unexpected RPC data format from server:\n{}"
    msgid = "UnexpectedRPCDataFormatFromServer"
    modern_code = 86


# -- integrity ---------------------------------------------------------------------------------------------------------


class IntegrityError(Error):
    template = "Data integrity error: {}"
    msgid = "IntegrityError"
    modern_code = 90
    wants_traceback = True


class FileIntegrityError(IntegrityError):
    template = "File failed integrity check: {}"
    msgid = "FileIntegrityError"
    modern_code = 91


class ArchiveTamInvalid(IntegrityError):
    msgid = "ArchiveTAMInvalid"
    modern_code = 95


class ArchiveTamRequired(IntegrityError):
    template = "Archive '{}' is unauthenticated, but it is required for this repository."
    msgid = "ArchiveTAMRequiredError"
    modern_code = 96


class TamInvalid(IntegrityError):
    msgid = "TAMInvalid"
    modern_code = 97


class TamRequired(IntegrityError):
    template = "Manifest is unauthenticated, but it is required for this repository."
    msgid = "TAMRequiredError"
    modern_code = 98


class TamUnsupportedSuite(IntegrityError):
    template = "Could not verify the manifest: unsupported suite {!r}; a newer version is needed."
    msgid = "TAMUnsupportedSuiteError"
    modern_code = 99
