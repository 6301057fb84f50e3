"""The same tests with their repositories on another machine: what a test calls by its path, the program gets as a URL.

Only the client is led to believe that; the test itself looks at the files where they are.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from support.direct_server import url
from support.programs import Completed, Program
from support.waiting_server import WaitingServer


class FarProgram(Program):
    """A program that reaches every repository through a server."""

    @classmethod
    def of(cls, program: Program, server: WaitingServer) -> FarProgram:
        reaching = server.used_by(program)
        return cls(program.name, program.call, reaching.environment, program.cwd)

    def run(
        self, *args: str | bytes | Path, code: int | None = 0, stdin: bytes = b"", timeout_s: float = 120, **environment: str
    ) -> Completed:
        return super().run(*self._far(args), code=code, stdin=stdin, timeout_s=timeout_s, **self._far_repository(environment))

    def start(self, *args: str | bytes | Path, **environment: str) -> subprocess.Popen[bytes]:
        return super().start(*self._far(args), **self._far_repository(environment))

    def _far(self, args: tuple[str | bytes | Path, ...]) -> list[str]:
        words = [os.fsdecode(arg) for arg in args]
        return [
            far_location(word, self.cwd, is_new="init" in words[:number] and number == len(words) - 1)
            for number, word in enumerate(words)
        ]

    def _far_repository(self, environment: dict[str, str]) -> dict[str, str]:
        given = {**self.environment, **environment}.get("BORG_REPO")
        return environment if given is None else {**environment, "BORG_REPO": far_location(given, self.cwd)}


def far_location(word: str, cwd: Path, *, is_new: bool = False) -> str:
    """The URL of the repository or archive that a word names; the word itself if it names none."""
    path, colons, archive = word.partition("::")
    place = cwd / path
    if path and (is_new or ((place / "config").is_file() and (place / "data").is_dir())):
        return f"{url(place)}{colons}{archive}"
    return word
