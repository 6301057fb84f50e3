"""Which commands there are: the module of each, and one line about it.

This module imports nothing, so that finding a command costs nothing. The first of two words of a command names the group that
it belongs to; help lists commands in this order, and groups among them.
"""

from __future__ import annotations

COMMANDS = {
    "benchmark crud": ("vinculum.cli.commands.benchmark_crud", "measure creating, reading, updating, deleting"),
    "break-lock": ("vinculum.cli.commands.break_lock", "remove locks that nobody holds any more"),
    "check": ("vinculum.cli.commands.check", "find out whether a repository is whole, and repair it"),
    "compact": ("vinculum.cli.commands.compact", "free the space of what was deleted"),
    "config": ("vinculum.cli.commands.config", "get, set or delete settings of a repository"),
    "create": ("vinculum.cli.commands.create", "back up files into a new archive"),
    "debug convert-profile": ("vinculum.cli.commands.debug_convert_profile", "make a profile readable for Python's tools"),
    "debug delete-obj": ("vinculum.cli.commands.debug_delete_obj", "delete objects"),
    "debug dump-archive": ("vinculum.cli.commands.debug_dump_archive", "write the metadata of an archive as JSON"),
    "debug dump-archive-items": (
        "vinculum.cli.commands.debug_dump_archive_items",
        "write the item stream of an archive to files",
    ),
    "debug dump-hints": ("vinculum.cli.commands.debug_dump_hints", "write the bookkeeping about segment files as JSON"),
    "debug dump-manifest": ("vinculum.cli.commands.debug_dump_manifest", "write the manifest as JSON"),
    "debug dump-repo-objs": ("vinculum.cli.commands.debug_dump_repo_objs", "write all objects to files"),
    "debug get-obj": ("vinculum.cli.commands.debug_get_obj", "write one stored object to a file"),
    "debug id-hash": ("vinculum.cli.commands.debug_id_hash", "compute the id of a file's content"),
    "debug info": ("vinculum.cli.commands.debug_info", "show facts about this system"),
    "debug put-obj": ("vinculum.cli.commands.debug_put_obj", "store a file as an object"),
    "debug refcount-obj": ("vinculum.cli.commands.debug_refcount_obj", "show how many references objects have"),
    "debug search-repo-objs": ("vinculum.cli.commands.debug_search_repo_objs", "look for a byte sequence in all objects"),
    "delete": ("vinculum.cli.commands.delete", "delete archives, or a whole repository"),
    "diff": ("vinculum.cli.commands.diff", "show what has changed between two archives"),
    "export-tar": ("vinculum.cli.commands.export_tar", "write an archive as a tar"),
    "extract": ("vinculum.cli.commands.extract", "restore files from an archive"),
    "help": ("vinculum.cli.commands.help", "explain a command or a topic"),
    "import-tar": ("vinculum.cli.commands.import_tar", "make an archive of a tar"),
    "info": ("vinculum.cli.commands.info", "show facts about a repository or archives"),
    "init": ("vinculum.cli.commands.init", "make a new repository"),
    "key change-passphrase": ("vinculum.cli.commands.key_change_passphrase", "protect the key by another passphrase"),
    "key export": ("vinculum.cli.commands.key_export", "copy the key to a safe place, or to paper"),
    "key export-related-secrets": (
        "vinculum.cli.commands.key_export_related_secrets",
        "let another repository deduplicate like this one",
    ),
    "key import": ("vinculum.cli.commands.key_import", "put a key back from its copy"),
    "key migrate-to-repokey": ("vinculum.cli.commands.key_migrate_to_repokey", "leave the old passphrase mode"),
    "list": ("vinculum.cli.commands.list", "list archives, or the files in one"),
    "mount": ("vinculum.cli.commands.mount", "show archives as a file system"),
    "prune": ("vinculum.cli.commands.prune", "delete old archives by rules"),
    "recreate": ("vinculum.cli.commands.recreate", "make archives anew, with fewer files or otherwise stored"),
    "rename": ("vinculum.cli.commands.rename", "give an archive another name"),
    "serve": ("vinculum.cli.commands.serve", "let clients on other machines work with repositories here"),
    "umount": ("vinculum.cli.commands.umount", "unmount what was mounted"),
    "upgrade": ("vinculum.cli.commands.upgrade", "bring a repository of an older version up to date"),
    "version": ("vinculum.cli.commands.version", "show the versions of client and server"),
    "with-lock": ("vinculum.cli.commands.with_lock", "run a program while the repository is locked"),
}

GROUPS = {
    "benchmark": "measure how fast things are here",
    "debug": "look into a repository that something is wrong with",
    "key": "look after the key of a repository",
}

TOPICS = {
    "compression": "methods and levels of compression",
    "patterns": "choosing files by patterns",
    "placeholders": "names that are filled in, such as {hostname}",
}
