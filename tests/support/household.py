"""One repository and one client that several programs share: its keys, its cache, its passphrase.

Arguments may say REPO for the repository and HOME for the home. A second client of the same repository is a `visitor`: it has
a cache of its own, and the same keys.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from support.fork_servers import Servers
from support.key_places import key_files, lose_key
from support.programs import PASSPHRASE, Completed, client_environment

PROGRAMS = ("vinculum", "1.4.5", "1.2.4")


class Household:
    def __init__(self, servers: Servers, place: Path, cwd: Path) -> None:
        self._servers = {"1.4.5": servers.theirs, "1.2.4": servers.oldest}
        # A real Borg in our place shows whether a test asks for what Borg does, see `programs.vinculum_program`.
        subject = os.environ.get("VINCULUM_TEST_SUBJECT")
        self._servers["vinculum"] = self._servers[subject] if subject else servers.ours
        self._cwd = cwd
        self.repository = place / "repository"
        self.home = place / "home"
        self.visitor = place / "visit"
        self.passphrase = PASSPHRASE
        self.home.mkdir(parents=True)
        self.visitor.mkdir()

    def run(
        self, program: str, *args: str, code: int | None = 0, stdin: bytes = b"", visiting: bool = False, **environment: str
    ) -> Completed:
        """Lets one of the programs do something; AssertionError if it ends with another exit code than `code` (None: any)."""
        home = self._visit() if visiting else self.home
        done = self._servers[program].run(
            [arg.replace("REPO", str(self.repository)).replace("HOME", str(home)) for arg in args],
            stdin=stdin,
            cwd=self._cwd,
            environment={
                **client_environment(home),
                "BORG_HOST_ID": home.name,
                "BORG_PASSPHRASE": self.passphrase,
                **environment,
            },
        )
        assert code is None or done.code == code, f"{program} was to end with {code}\n{done}"
        return done

    def _visit(self) -> Path:
        """The visitor's home, with the keys as they are now."""
        for file in key_files(self.home):
            copy = self.visitor / file.relative_to(self.home)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
        return self.visitor

    def lose_cache(self) -> None:
        shutil.rmtree(self.home / ".cache", ignore_errors=True)

    def lose_key(self) -> None:
        lose_key(self.repository, self.home)
        lose_key(self.repository, self.visitor)

    def size(self) -> int:
        """What the repository takes."""
        return sum(path.stat().st_size for path in self.repository.rglob("*") if path.is_file())
