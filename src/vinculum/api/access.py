"""How a Python program stands before the doors of a repository: what it said beforehand is all the answers there are."""

from __future__ import annotations

from vinculum.cache.security import RELOCATED_VARIABLE, UNENCRYPTED_VARIABLE
from vinculum.events import NullSink
from vinculum.keys.passphrase import PASSPHRASE, PassphraseSource, child_environment
from vinculum.operations.doors import Doors
from vinculum.remote.command_line import RemoteSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.repository.location import Location


class Notes(NullSink):
    """Keeps the texts of warnings; nothing else is noted."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str, modern_code: int = 1, msgid: str = "", topic: str = "", path: bytes = b"") -> None:  # noqa: ARG002 (a Sink's)
        self.warnings.append(text)


class Access(Doors):
    """Doors for who cannot be asked."""

    def __init__(
        self,
        location: Location,
        notes: Notes,
        *,
        passphrase: str | None,
        lock_wait_s: float,
        rsh: str,
        remote_path: str,
        accept_relocated: bool,
        accept_unencrypted: bool,
    ) -> None:
        super().__init__(location, notes, lock_wait_s=lock_wait_s)
        self._passphrase = passphrase
        self._rsh = rsh
        self._remote_path = remote_path
        self._accepted = {RELOCATED_VARIABLE: accept_relocated, UNENCRYPTED_VARIABLE: accept_unencrypted}

    @property
    def passphrases(self) -> PassphraseSource:
        return PassphraseSource(None, None if self._passphrase is None else {PASSPHRASE: self._passphrase})

    def confirm(self, question: str, variable: str) -> bool:  # noqa: ARG002 (the question is for people)
        return self._accepted.get(variable, False)

    def remote_settings(self, *, storage_quota: int = 0) -> RemoteSettings:
        return RemoteSettings(child_environment(), rsh=self._rsh, remote_path=self._remote_path, storage_quota=storage_quota)
