"""The codes of warnings: exit codes under `BORG_EXIT_CODES=modern`, and the msgids that programs know them by. All are Borg's.

A warning without a code of its own has `OTHER`. The codes of errors are beside their texts, in `errors`.
"""

from __future__ import annotations

OTHER = 1
FILE_CHANGED = 100
NEVER_MATCHED = 101
BACKUP_ERROR = 102
RACE = 103
OS_ERROR = 104
NO_PERMISSION = 105
IO_ERROR = 106
NOT_FOUND = 107
SYMLINK_PARENT = 108
PATH_TRAVERSAL = 109
HARD_LINK_SOURCE = 110

MSGIDS = {
    FILE_CHANGED: "FileChangedWarning",
    NEVER_MATCHED: "IncludePatternNeverMatchedWarning",
    BACKUP_ERROR: "BackupError",
    RACE: "BackupRaceConditionError",
    OS_ERROR: "BackupOSError",
    NO_PERMISSION: "BackupPermissionError",
    IO_ERROR: "BackupIOError",
    NOT_FOUND: "BackupFileNotFoundError",
    SYMLINK_PARENT: "BackupSymlinkParentError",
    PATH_TRAVERSAL: "BackupPathTraversalError",
    HARD_LINK_SOURCE: "BackupHardlinkSourceError",
}
