"""Where stories are played: a place with a tree and repositories, the same for every program, and what came of it.

The place was made by real Borg (`scripts/record_answers.py`) and is unpacked for each story: `none`, `key` and `keyfile` are
repositories named after their encryption, `tree` is what can be backed up. Commands start beside them, so that no path of the
machine gets into an archive. Answers are masked where the clock or chance decides: ids, today's times, durations.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.fork_servers import ForkServer
from support.golden import unpack_tar
from support.masks import IDS_AND_DURATIONS, Mask, masked
from support.programs import PROJECT, Completed, client_environment, oracle_path
from support.stories import Line

ANSWERS = PROJECT / "tests" / "golden" / "answers"
PLACE = ANSWERS / "place.tar.gz"
RECORD = ANSWERS / "borg-1.4.5.json"
REPOSITORIES = ["none", "key", "keyfile", "new", "copy"]
RECORDED_AT = "/place-of-the-record"
"""What stands for the place in the client state of the packed one."""

TODAY = r"20(?:2[6-9]|[3-9]\d)-\d\d-\d\d"  # the repositories of the place are older
MASKS: tuple[Mask, ...] = (
    *IDS_AND_DURATIONS,
    (re.compile(rf"(?:\w{{3}}, )?{TODAY}[ T]\d\d:\d\d:\d\d(?:\.\d{{6}})?(?: [+-]\d{{4}})?"), "<TIME>"),
    (re.compile(r" \(vinculum [^)]*\)"), ""),  # `--version` says which vinculum behaves like that Borg
    # Among what is freed may be a manifest that says when it was written: some times pack better than others.
    (re.compile(r"freed about [1-9]\d\d B"), "freed about <SOME> B"),
    # Borg shows all options when one was wrong, we the operands.
    (re.compile(r"^usage: .*?\n(?=\S.*: error: )", re.DOTALL | re.MULTILINE), ""),
    # How argparse writes choices depends on the version of Python.
    (re.compile(r"\(choose from .*\)"), "(<CHOICES>)"),
)

UNEQUAL_FIELDS = {
    "recreate": {
        "chunker_params": "Borg notes its default even where it does not cut anew, we how the archive is cut",
        "csize": "zlib's format says nothing about how well it is used, and ours is another one than Borg's",
    },
    "tars": {"nfiles": "Borg counts every file of a tar twice"},
}
"""Story -> fields of archive objects that differ, and why."""

_STATUS = re.compile(r'[-A-Za-z+?] \S|\{"path": .*"status": ')

Answer = dict[str, Any]
"""`line`, `code`, `stdout` and `stderr` (lists of lines). Of what is ours to word there is the digest, under `wording`."""


class Stage:
    """One place, which is the same again after `reset`."""

    def __init__(self) -> None:
        # Its path is in archives, whose sizes are compared: hence always one of this length.
        self._top = Path(tempfile.mkdtemp(prefix="vinculum-", dir="/tmp"))
        self._model = self._top / "model"
        self.place = self._top / "place"
        if PLACE.exists():
            unpack_tar(PLACE, self._model)
            relocate(self._model, RECORDED_AT, str(self.place))

    def close(self) -> None:
        shutil.rmtree(self._top)

    def reset(self) -> None:
        """Everything as it was at first."""
        if self.place.exists():
            shutil.rmtree(self.place)
        subprocess.run(["cp", "-a", self._model, self.place], check=True)

    def environment(self) -> dict[str, str]:
        return {
            **client_environment(self.place / "home"),
            "BORG_HOST_ID": "stage",
            "BORG_HOSTNAME": "stage",
            "BORG_USERNAME": "player",
            "COLUMNS": "80",
        }

    def play(self, server: ForkServer, story: Sequence[Line]) -> list[Answer]:
        """The answers of one program to all command lines of a story."""
        self.reset()
        answers = []
        for line in story:
            if line.kind == "fresh":
                self.reset()
            elif line.kind == "shell":
                subprocess.run(["sh", "-ec", line.words[0]], cwd=self.place, check=True)
            else:
                environment = {**self.environment(), **line.environment}
                done = server.run(list(line.words), stdin=line.stdin, cwd=self.place, environment=environment)
                answers.append(self._answer(line, done))
        return answers

    def _answer(self, line: Line, done: Completed) -> Answer:
        stdout, stderr = self._masked(done.stdout), self._masked(done.stderr)
        return reduced(line.tag, {"line": line.text, "code": done.code, "stdout": stdout, "stderr": stderr})

    def _masked(self, raw: bytes) -> list[str]:
        text = raw.decode("utf-8", "backslashreplace").replace(str(self.place), "<PLACE>")
        return _sorted_statuses([_in_one_order(line) for line in masked(text, MASKS).split("\n")])

    def contents(self, reader: ForkServer, story: str) -> dict[str, Any]:
        """What Borg finds in each repository now, without the fields that have a reason to differ in this story."""
        environment = {**self.environment(), "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}
        done = reader.run(REPOSITORIES, stdin=b"", cwd=self.place, environment=environment)
        assert done.code == 0, done
        found: dict[str, Any] = json.loads(done.out.replace(str(self.place), "<PLACE>"))
        for archives in found.values():
            for archive in archives.values() if isinstance(archives, dict) else ():
                for field in UNEQUAL_FIELDS.get(story, ()):
                    archive[0].pop(field, None)
        return found


def reduced(tag: str, answer: Answer) -> Answer:
    """What has to be the same where there is a reason for a difference, and the digest of what is to differ as `wording`."""
    code, stdout, stderr = answer["code"], answer["stdout"], answer["stderr"]
    if tag == "words":
        records = [json.loads(text) for text in stderr if text.startswith("{")]
        facts = [{key: value for key, value in told.items() if key != "message"} for told in records]
        return {**answer, "stderr": facts, "wording": _digest(stderr)}
    if tag == "text":
        return {**answer, "stdout": ["<TEXT>" if any(stdout) else ""], "wording": _digest(stdout)}
    if tag == "progress":
        return {**answer, "stderr": [], "wording": _digest(stderr)}
    if tag == "unasked":
        return {**answer, "stdout": [], "stderr": [], "wording": _digest(stdout + stderr)}
    if tag == "crash":
        crashed = any(text.startswith("Traceback") for text in stderr)
        return {**answer, "stdout": [], "stderr": [], "wording": "crash" if crashed else ""}
    if tag:
        return {**answer, "code": 0, "stdout": [], "stderr": [], "wording": _digest([str(code), *stdout, *stderr])}
    return answer


def _in_one_order(line: str) -> str:
    """The keys of an object on a line of its own are in an order that differs from run to run of Borg."""
    if not line.startswith("{"):
        return line
    try:
        return json.dumps(json.loads(line), sort_keys=True)
    except ValueError:  # how a document of many lines begins
        return line


def _sorted_statuses(lines: list[str]) -> list[str]:
    """Files that were listed one after the other, by name: a backup meets them in an order that the file system decides."""
    groups = itertools.groupby(lines, key=lambda line: _STATUS.match(line) is not None)
    return [line for is_status, group in groups for line in (sorted(group) if is_status else group)]


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def relocate(place: Path, old: str, new: str) -> None:
    """Makes the client state below `place` know its repositories at another path."""
    home = place / "home"
    for record in (*home.rglob("location"), *home.rglob("config")):
        if record.is_file():
            record.write_text(record.read_text().replace(old, new))


def contents_reader(scratch: Path) -> ForkServer:
    """Real Borg, reading what is in repositories."""
    environment = {**client_environment(scratch), "PYTHONPATH": str(Path(__file__).parent)}
    return ForkServer("reader", oracle_path("1.4.5", "python3"), ["borg_contents"], environment, scratch)


def digested(contents: dict[str, Any]) -> dict[str, Any]:
    """The same, short: each archive by the number of its items and a digest."""
    return {
        repository: {
            name: f"{len(archive) - 1} {_digest([json.dumps(archive, sort_keys=True)])}" for name, archive in archives.items()
        }
        if isinstance(archives, dict)
        else archives
        for repository, archives in contents.items()
    }


def recorded() -> dict[str, Any]:
    """Borg's answers: story -> `answers` and `contents` (digested)."""
    answers: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return answers


def write_record(stories: dict[str, Any]) -> None:
    """The answers, in a form in which changes can be read."""
    RECORD.write_text(json.dumps(stories, indent=0, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
