"""Differential runs: the same command line through real Borg 1.4.5 and ours, each with a repository and a home of its own.

Both repositories begin as copies of one, so ids and sizes agree as long as the programs do. What must differ (times, durations,
ids of archives, the twin's own directory) is masked before comparing; everything else is compared to the byte.
"""

from __future__ import annotations

import difflib
import json
import re
import shutil
from pathlib import Path
from typing import Any

from support.direct_server import url
from support.fork_servers import Servers
from support.masks import IDS_AND_DURATIONS, Mask, masked
from support.programs import Completed, client_environment

MASKS: tuple[Mask, ...] = (
    *IDS_AND_DURATIONS,
    (re.compile(r"\w{3}, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "<TIME>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"), "<ISO TIME>"),
    # The size of the archive object depends on how well its times compress.
    (re.compile(r'"max_archive_size": [\d.e-]+'), '"max_archive_size": <LIMIT>'),
)

# Borg shows what may be chosen; ours suggests what was meant.
_WORDED_ANEW = re.compile(r" \(choose from.*|argument <command>: invalid choice: |there is no command |\. There are .*")


def complaint(done: Completed) -> str:
    """The last line of stderr, without the words for a mistyped command."""
    return _WORDED_ANEW.sub("", done.err.splitlines()[-1]) if done.err else ""


class Twins:
    """Two repositories that live through the same. `same` runs a command on both and compares what comes out.

    Arguments may say REPO for the twin's repository and HOME for its home.
    """

    def __init__(self, servers: Servers, place: Path, tree: Path, remote_shells: dict[str, str] | None = None) -> None:
        """`remote_shells` are the BORG_RSH of each twin if its repository is to be on another machine."""
        self._remote_shells = remote_shells
        # Names of one length, so that what holds the path of its repository has one size.
        self._servers = {"theirs": servers.theirs, "ours": servers.ours}
        self._homes = {"theirs": place / "twin-a", "ours": place / "twin-b"}
        self.cwd = tree
        self.environment: dict[str, str] = {}
        self.obey_modes = False
        """Whether root may not read what file modes forbid, like any other user."""

    def init(self, mode: str = "none", *options: str) -> None:
        """Makes the first repository with real Borg, the second as its copy."""
        (self._homes["theirs"] / "home").mkdir(parents=True)
        self.run("theirs", "init", "-e", mode, *options, "REPO")
        self.clone()

    def clone(self, saved: Path | None = None) -> None:
        """Makes our repository and client state copies of Borg's, and both of what `save` put away if that is given."""
        if saved is not None:
            shutil.rmtree(self._homes["theirs"])
            shutil.copytree(saved, self._homes["theirs"])
        shutil.rmtree(self._homes["ours"], ignore_errors=True)
        shutil.copytree(self._homes["theirs"], self._homes["ours"])
        # Both clients know their repository, wherever its copy is: security records and the cache hold its path.
        for record in (*self._homes["ours"].rglob("location"), *(self._homes["ours"] / "home").rglob("config")):
            if record.is_file():
                record.write_text(record.read_text().replace(str(self.repository("theirs")), str(self.repository("ours"))))

    def save(self) -> Path:
        """Puts a copy of Borg's twin away, for `clone`."""
        saved = self._homes["theirs"].with_name("saved")
        shutil.copytree(self._homes["theirs"], saved)
        return saved

    def home(self, name: str) -> Path:
        return self._homes[name] / "home"

    def repository(self, name: str) -> Path:
        return self._homes[name] / "repository"

    def _location(self, name: str) -> str:
        return str(self.repository(name)) if self._remote_shells is None else url(self.repository(name))

    def _environment(self, name: str) -> dict[str, str]:
        environment = {**client_environment(self.home(name)), "BORG_HOST_ID": "twins"}
        if self._remote_shells is not None:
            environment["BORG_RSH"] = self._remote_shells[name]
        return environment

    def ask_borg(self, name: str, *args: str) -> Completed:
        """What Borg says about one of the twins; it must succeed."""
        filled = [arg.replace("REPO", self._location(name)) for arg in args]
        environment = {**self._environment(name), **self.environment}
        done = self._servers["theirs"].run(filled, stdin=b"", cwd=self.cwd, environment=environment)
        assert done.code == 0, done
        return done

    def run(self, name: str, *args: str, stdin: bytes = b"", **environment: str) -> Completed:
        """Runs one of the two programs on its own twin."""
        filled = [arg.replace("REPO", self._location(name)).replace("HOME", str(self.home(name))) for arg in args]
        return self._servers[name].run(
            filled,
            stdin=stdin,
            cwd=self.cwd,
            environment={**self._environment(name), **self.environment, **environment},
            obeys_modes=self.obey_modes,
        )

    def both(self, *args: str, stdin: bytes = b"", **environment: str) -> tuple[Completed, Completed]:
        """What Borg and what we make of it."""
        theirs = self.run("theirs", *args, stdin=stdin, **environment)
        return theirs, self.run("ours", *args, stdin=stdin, **environment)

    def same(
        self,
        *args: str,
        code: int | None = None,
        stdin: bytes = b"",
        exact: bool = False,
        only: str = "code stdout stderr",
        masking: str = "",
        **environment: str,
    ) -> Completed:
        """Fails unless both give the same; returns Borg's.

        `exact` masks nothing but the twin's directory, `masking` is a regular expression for more than usual.
        """
        theirs, ours = self.both(*args, stdin=stdin, **environment)
        assert code is None or theirs.code == code, f"Borg was to end with {code}\n{theirs}"
        shown = [
            [re.sub(masking, "<MASKED>", line) if masking else line for line in self._shown(name, done, exact, only)]
            for name, done in (("theirs", theirs), ("ours", ours))
        ]
        difference = "\n".join(difflib.unified_diff(*shown, "borg", "vinculum", n=1, lineterm=""))
        told = {**self.environment, **environment}
        assert not difference, f"{told or ''} {theirs.command}\n{difference}".encode(errors="backslashreplace").decode()
        return theirs

    def _shown(self, name: str, done: Completed, exact: bool, only: str) -> list[str]:
        lines = [f"exit code {done.code}"] if "code" in only else []
        for stream, raw in (("stdout", done.stdout), ("stderr", done.stderr)):
            if stream in only:
                text = raw.decode("utf-8", "backslashreplace")
                lines += [f"{stream}: {line}" for line in self._masked(name, text, exact).split("\n")]
        return lines

    def _masked(self, name: str, text: str, exact: bool) -> str:
        text = text.replace(str(self._homes[name]), "<TWIN>")
        return text if exact else masked(text, MASKS)

    # -- what is in the archives -------------------------------------------------------------------------------------------

    def borg_on_ours(self, *args: str) -> Completed:
        """What Borg makes of our repository, with our home."""
        return self._run_borg("ours", *args)

    def dump(self, name: str, archive: str) -> dict[str, Any]:
        """Archive object and items of one twin's archive as Borg's own modules decode them."""
        done = self._run_borg(name, "debug", "dump-archive", f"REPO::{archive}", "-")
        assert done.code == 0, done
        content: dict[str, Any] = json.loads(done.out)
        return content

    def _run_borg(self, name: str, *args: str) -> Completed:
        return self._servers["theirs"].run(
            [arg.replace("REPO", self._location(name)) for arg in args],
            stdin=b"",
            cwd=self.cwd,
            environment=self._environment(name),
        )

    def same_archive(self, archive: str, *, ignoring: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
        """Fails unless both archives hold the same, field by field; returns Borg's: the fields of each path."""
        theirs, ours = (self._described(name, archive, ignoring) for name in self._servers)
        differences = [
            f"{path}: {field} should be {wanted.get(field)!r} but is {got.get(field)!r}"
            for (path, wanted), (_, got) in zip(theirs, ours, strict=False)
            for field in sorted(wanted.keys() | got.keys())
            if wanted.get(field) != got.get(field)
        ]
        assert [path for path, _ in ours] == [path for path, _ in theirs]
        assert not differences, "\n".join(differences[:40])
        return dict(theirs)

    def _described(self, name: str, archive: str, ignoring: tuple[str, ...]) -> list[tuple[str, dict[str, Any]]]:
        """(path, fields) of each item, in order, after those of the archive object, whose path is empty."""
        content = self.dump(name, archive)
        meta = content["_meta"]
        for field in ("cmdline", "recreate_cmdline"):
            for home in self._homes.values():  # what was archived before a `clone` holds the other twin's path
                if field in meta:
                    meta[field] = [word.replace(str(home), "<TWIN>") for word in meta[field]]
        left_out = {"time", "time_end", "tam", *ignoring}
        described = [("", meta), *((item["path"], item) for item in content["_items"])]
        return [(path, {key: fields[key] for key in fields.keys() - left_out}) for path, fields in described]
