"""The life of a repository under borg-ui 2.3 and Borg Backup Server 2.60: their command lines, read as they read the answers.

What they understand has to be the same as with Borg 1.4.5, with the repository here, and behind a server that an ssh key is
bound to by a forced command, as both set it up.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from support.fork_servers import Servers
from support.front_ends import Understood, is_worth_telling, understand
from support.programs import Completed
from support.trees import write_files
from support.twins import Twins
from support.waiting_server import WaitingServer

# As both set the environment.
UNASKED = {
    "BORG_LOCK_WAIT": "20",
    "BORG_HOSTNAME_IS_UNIQUE": "yes",
    "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
    "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
    "BORG_EXIT_CODES": "modern",
}
PLAN = "etc-2026-11-23_04-00-0"
# Archives hold times, so sizes of what is compressed depend on the clock, too.
VOLATILE = frozenset(
    (
        *("id", "start", "end", "time", "duration", "last_modified", "max_archive_size"),
        *("compressed_size", "deduplicated_size", "total_csize", "unique_csize", "total_size", "unique_size"),
    )
)


@pytest.fixture(params=["here", "forced command"])
def twins(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path, workplace: Path) -> Twins:
    place = tmp_path / "twins"
    shells = None
    if request.param != "here":
        server: WaitingServer
        shells = {}
        for name, twin, server in (
            ("theirs", "twin-a", request.getfixturevalue("far_borg")),
            ("ours", "twin-b", request.getfixturevalue("far_server")),
        ):
            shells[name] = server.rsh("--restrict-to-repository", str(place / twin / "repository"))
    twins = Twins(servers, place, workplace, shells)
    twins.environment = {name: UNASKED[name] for name in UNASKED if name != "BORG_EXIT_CODES"}
    twins.init("repokey")
    twins.obey_modes = True
    write_files(workplace / "tree", {f"{number}/file": b"%d\n" % number * 5000 for number in range(4)})
    write_files(workplace / "tree", {"left out.tmp": b"x", "-dash": b"-", "with space": b" "})
    return twins


def both_understand(twins: Twins, line: str, *, by_the_clock: bool = False, **environment: str) -> Understood:
    """What a front-end makes of a command line: the same of both, but for what is pruned if that depends on the minute."""
    theirs, ours = map(understand, twins.both(*line.split(), **environment))
    if by_the_clock:
        theirs = theirs._replace(pruned=ours.pruned)
    assert _comparable(ours) == _comparable(theirs), f"borg {line}"
    return ours


def _comparable(found: Understood) -> Understood:
    return found._replace(document=_masked(found.document))


def _masked(value: Any) -> Any:
    """Without what the clock and the twin's own directory decide; of those values, the kind counts."""
    if isinstance(value, dict):
        return {key: type(value[key]).__name__ if key in VOLATILE else _masked(value[key]) for key in value}
    if isinstance(value, list):
        return [_masked(part) for part in value]
    return re.sub("twin-[ab]", "twin", value) if isinstance(value, str) else value


def messages(done: Completed) -> list[str]:
    return [entry["message"] for entry in map(json.loads, done.err.splitlines()) if entry["type"] == "log_message"]


def test_borg_backup_server(twins: Twins, workplace: Path) -> None:
    create = "create --json --log-json --list --progress --lock-wait=600 --compression=zstd,3 --exclude=*.tmp"
    rehearsed = both_understand(twins, f"create --dry-run {create.removeprefix('create ')} REPO::{PLAN}0 -- tree")
    assert ("tree/0/file", "-") in rehearsed.catalogue
    first = both_understand(twins, f"{create} REPO::{PLAN}1 -- tree")
    assert first.is_finished
    assert not first.unreadable
    assert {status for _, status in first.catalogue} == {"A", "D", "X"}
    assert ("tree/-dash", "A") in first.catalogue
    assert first.statistics["nfiles"] == 6
    (workplace / "tree" / "0" / "file").write_text("changed\n")
    (workplace / "tree" / "1" / "file").chmod(0)
    os.chown(workplace / "tree" / "1" / "file", 1, 1)
    line = f"{create} REPO::{PLAN}2 -- tree not-there"
    second = both_understand(twins, line)
    assert second.code == 1
    assert ("tree/1/file", "E") in second.catalogue
    told = twins.run("ours", *line.replace(f"{PLAN}2", f"{PLAN}3").split())
    assert not any(is_worth_telling(message) for message in messages(told))
    twins.run("theirs", *line.replace(f"{PLAN}2", f"{PLAN}3").split())

    both_understand(twins, "list --json REPO")
    both_understand(twins, f"list --json REPO::{PLAN}1")  # which is an error
    both_understand(twins, "info --json REPO")

    twins.cwd = workplace / "out"
    twins.cwd.mkdir()
    extract = "extract --log-json --progress --list --lock-wait=600"
    restored = both_understand(twins, f"{extract} --strip-components=1 REPO::{PLAN}1 -- tree/0 tree/-dash")
    assert restored.restored == 3
    assert restored.is_finished
    assert (twins.cwd / "0" / "file").exists()
    nothing = both_understand(twins, f"{extract} REPO::{PLAN}1 -- no/such")
    assert (nothing.restored, nothing.code) == (0, 1)

    prune = f"prune --list --log-json --glob-archives={PLAN[:4]}* --keep-minutely=-1 --keep-daily=1 REPO"
    pruned = both_understand(twins, prune, by_the_clock=True)
    assert not pruned.problems


def test_borg_ui(twins: Twins, workplace: Path) -> None:
    create = "create --progress --stats --show-rc --log-json --compression lz4 --upload-ratelimit 100000 --exclude *.tmp"
    assert both_understand(twins, f"{create} REPO::one tree").is_finished
    by_agent = create.replace("--stats", "--stats --json").replace("--compression", "--remote-path borg --compression")
    assert both_understand(twins, f"{by_agent} REPO::two tree").statistics["nfiles"] == 6
    warned = both_understand(twins, f"{create} REPO::three tree not-there", **UNASKED)
    assert (warned.code, warned.exit_code_told) == (107, 107)
    failed = both_understand(twins, f"{create} REPO::one tree", **UNASKED)
    assert (failed.code, failed.problems[0]) == (30, ("ERROR", "Archive.AlreadyExists"))

    read = "--remote-path borg --bypass-lock"
    for line in (
        f"list {read} REPO --json",
        f"info {read} REPO --json",
        f"info {read} REPO::one --json",
        "info --json REPO::two",
    ):
        assert both_understand(twins, line).document is not None
    listed = [twins.run(name, *f"list {read} REPO::one --json-lines".split()).out for name in ("theirs", "ours")]
    assert [json.loads(line) for line in listed[1].splitlines()] == [json.loads(line) for line in listed[0].splitlines()]

    twins.cwd = workplace / "out"
    twins.cwd.mkdir()
    extract = "extract --progress --log-json --umask 0022 --bypass-lock --strip-components 1 REPO::one -- tree/0 tree/1"
    restored = both_understand(twins, extract)
    assert restored.is_finished
    assert restored.total is not None
    printed = [twins.run(name, *f"extract {read} --stdout REPO::one tree/2/file".split()).stdout for name in ("theirs", "ours")]
    assert printed[0] == printed[1] == b"2\n" * 5000
    both_understand(twins, "extract --umask 0022 --dry-run --noacls --noxattrs --noflags REPO::one tree")
    twins.cwd = workplace

    assert both_understand(twins, "check --progress --log-json --repository-only --max-duration 3600 REPO").code == 0
    assert both_understand(twins, "check --progress --log-json REPO").code == 0
    prune = "prune --list --log-json --stats --keep-hourly 1 --keep-3monthly 1 --keep-yearly 1 --keep-within=1S"
    rehearsed = both_understand(twins, prune.replace("--stats", "--dry-run").replace(" --keep-within=1S", "") + " REPO")
    assert not rehearsed.pruned
    pruned = both_understand(twins, "prune --list --progress --stats --show-rc --log-json --keep-hourly 1 REPO")
    assert pruned.pruned == ["one", "two"]
    twins.same("delete", "--stats", "--progress", "REPO::three", only="code stdout")
    both_understand(twins, "delete --list --dry-run --glob-archives * REPO")
    both_understand(twins, "delete --list --stats --glob-archives * REPO")
    both_understand(twins, "compact --progress --verbose --log-json REPO")
    twins.same("compact", "--progress", "--verbose", "REPO", only="code stdout")
    twins.same("break-lock", "--remote-path", "borg", "REPO")


def test_what_they_tell_of_errors(twins: Twins) -> None:
    for name in ("theirs", "ours"):
        held = twins.repository(name) / "lock.exclusive"
        held.mkdir()
        (held / "somebody@1.2-3").touch()
    locked = both_understand(twins, "list --json --log-json --lock-wait 0 REPO", **UNASKED)
    assert (locked.code, locked.problems) == (73, [("ERROR", "LockTimeout")])
    assert both_understand(twins, "list --json --bypass-lock REPO").code == 0
    both_understand(twins, "break-lock REPO")
    wrong = both_understand(twins, "list --json --log-json REPO", **{**UNASKED, "BORG_PASSPHRASE": "9999999"})
    assert (wrong.code, wrong.problems) == (52, [("ERROR", "PassphraseWrong")])
    missing = both_understand(twins, "info --json --log-json REPO::nosuch", **UNASKED)
    assert (missing.code, missing.problems) == (31, [("ERROR", "Archive.DoesNotExist")])
    elsewhere = both_understand(twins, "list --json --log-json REPO-beside", **UNASKED)
    assert elsewhere.code in (13, 83)
