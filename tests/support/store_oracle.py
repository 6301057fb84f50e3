"""Borg's repository class as an oracle: the same steps on its store and on ours must give the same answers and files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from vinculum.errors import CheckNeeded, IntegrityError, ObjectNotFound
from vinculum.repository.repository import Repository

Step = tuple[str, *tuple[bytes, ...]]
Session = list[Step]

CONFIG = """[repository]
version = 1
segments_per_dir = {segments_per_dir}
max_segment_size = {max_segment_size}
append_only = 0
storage_quota = 0
additional_free_space = 0
id = 5d5f2a0ae7785e24d2aee9268a8fed66c910d82dba62dea693cdb544e6871e57

"""


class StoreOracle:
    """A running Borg that carries out sessions; a context manager."""

    def __init__(self, python: Path) -> None:
        self._command = [python, Path(__file__).with_name("borg_store.py")]
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> StoreOracle:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, path: Path, config: str, sessions: list[Session]) -> list[Any]:
        """Carries out the sessions in the repository at `path`, which is created with that config if it is missing."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        steps = [[[word, *(fact.hex() for fact in facts)] for word, *facts in session] for session in sessions]
        print(json.dumps({"path": str(path), "config": config, "sessions": steps}), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            self._process.communicate()
            self._process = self._start()
            raise AssertionError("the oracle died, see its standard error")
        return json.loads(answer)


def run_ours(path: Path, config: str, sessions: list[Session]) -> list[Any]:
    """The same with our store."""
    if not path.exists():
        Repository.create(str(path))
        (path / "config").write_text(config)
    return [_run_session(path, session) for session in sessions]


def files_of(path: Path) -> dict[str, bytes]:
    """Every file of a repository by its name in it."""
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def _run_session(path: Path, session: Session) -> list[Any]:
    answers: list[Any] = []
    with Repository(str(path), exclusive=True) as repository:
        for word, *facts in session:
            try:
                answers.append(_run_step(repository, word, facts))
            except (ObjectNotFound, CheckNeeded, IntegrityError) as error:
                answers.append(type(error).__name__)
    return answers


def _run_step(repository: Repository, word: str, facts: list[bytes]) -> Any:
    if word == "get":
        return bytes(repository.get(*facts)).hex()
    if word == "list":
        return [id.hex() for id in repository.list()]
    if word == "compact":
        repository.commit(compact=True, threshold=facts[0][0] / 100, cleanup_commits=len(facts) > 1)
        return None
    getattr(repository, word)(*facts)
    return None
