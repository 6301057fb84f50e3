"""One command's session: what arguments and environment say about the doors to a repository, and who answers questions."""

from __future__ import annotations

from vinculum.errors import Error
from vinculum.operations.doors import DEFAULT_FILES_CACHE_TTL, Doors

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from vinculum.archive.archive import ArchiveMetadata
    from vinculum.archive.placeholders import Surroundings
    from vinculum.keys.passphrase import PassphraseSource
    from vinculum.operations.opened import OpenArchives
    from vinculum.remote.command_line import RemoteSettings
    from vinculum.ui.prompts import Prompter
    from vinculum.ui.reporter import Reporter


class Session(Doors):
    """One command at work: its reporting, its way to ask, and doors to what it works on. Confined to one thread."""

    sink: Reporter

    def __init__(
        self, args: argparse.Namespace, reporter: Reporter, prompter: Prompter, environment: Mapping[str, str]
    ) -> None:
        ttl = environment.get("BORG_FILES_CACHE_TTL", "")
        super().__init__(
            getattr(args, "location", None),  # type: ignore[arg-type]  # some commands have none, and open nothing
            reporter,
            locks=args.lock,
            lock_wait_s=None if args.lock_wait < 0 else args.lock_wait,
            threads=args.threads or _number_in(environment, "VINCULUM_THREADS"),
            workarounds=frozenset(filter(None, map(str.strip, environment.get("BORG_WORKAROUNDS", "").split(",")))),
            files_cache_ttl=int(ttl) if ttl.isdecimal() else DEFAULT_FILES_CACHE_TTL,
            files_cache_suffix=environment.get("BORG_FILES_CACHE_SUFFIX", ""),
            uses_archive_indexes=environment.get("BORG_USE_CHUNKS_ARCHIVE", "yes").lower() in ("yes", "1", "true"),
        )
        self._args = args
        self.prompter = prompter
        self.environment = environment

    def __enter__(self) -> Self:
        if self.threads:
            from vinculum import _native

            _native.use_threads(self.threads)
        host_id = self.environment.get("BORG_HOST_ID")
        if host_id:
            from vinculum.platform import identity

            identity.set_host_id(host_id)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    @property
    def surroundings(self) -> Surroundings:
        """What is noted in archives about where they were made."""
        from vinculum.archive.placeholders import Surroundings

        return Surroundings(self.environment.get("BORG_HOSTNAME"), self.environment.get("BORG_USERNAME"))

    @property
    def json_indent(self) -> int | str | None:
        """How JSON documents are indented: BORG_JSON_INDENT is a number of spaces, `none`, or the indentation itself."""
        text = self.environment.get("BORG_JSON_INDENT", "4")
        if text.lower() == "none":
            return None
        return int(text) if text.isdecimal() else text

    @property
    def passphrases(self) -> PassphraseSource:
        from vinculum.keys.passphrase import PassphraseSource

        return PassphraseSource(self.prompter, self.environment)

    def confirm(self, question: str, variable: str) -> bool:
        return self.prompter.confirm(question, variable)

    def load_archive(self, opened: OpenArchives, name: str) -> ArchiveMetadata:
        """One of the archives. ArchiveDoesNotExist, and the errors of `archive.load_archive`."""
        from vinculum.archive.archive import load_archive

        return load_archive(opened.store, opened.key, opened.manifest.archive(name), workarounds=self.workarounds)

    def remote_settings(self, *, storage_quota: int = 0) -> RemoteSettings:
        """How to reach the server of a repository on another machine; the quota is for one that is being made."""
        from vinculum.cli.locations import placeholders
        from vinculum.keys.passphrase import child_environment
        from vinculum.remote.command_line import RemoteSettings

        args = self._args
        return RemoteSettings(
            child_environment(self.environment),
            rsh=args.rsh or self.environment.get("BORG_RSH", "ssh"),
            remote_path=placeholders(args.remote_path or self.environment.get("BORG_REMOTE_PATH", "borg")),
            log_level=args.log_level,
            debug_topics=args.debug_topics,
            storage_quota=storage_quota,
            upload_bytes_per_s=1024 * (args.upload_ratelimit or 0),
            upload_buffer_bytes=(args.upload_buffer or 0) << 20,
            connections=args.connections or _number_in(self.environment, "VINCULUM_CONNECTIONS"),
        )


def _number_in(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "0")
    if not text.isascii() or not text.isdecimal():
        raise Error(f"{name} has to be a number: {text}")
    return int(text)
