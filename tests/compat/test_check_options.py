"""Options of `check`, its questions, healing, partial checks and both ends of the wire, each compared with Borg 1.4.5."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from support.damage import flip, forging, largest_segment
from support.damaged_twins import CONFIRMED
from support.direct_server import DirectServer, url
from support.programs import Completed, Program, client_environment
from support.trees import write_files
from support.twins import Twins
from vinculum.archive.item_stream import read_items
from vinculum.repository.repository import Repository
from vinculum.repository.store import MANIFEST_KEY

FILES = {f"tree/{name}": random.Random(name).randbytes(20_000) for name in "abc"}


@pytest.fixture(autouse=True)
def tree(twins: Twins, workplace: Path, become: Callable[[dict[str, str]], None]) -> None:
    become(client_environment(workplace))
    write_files(workplace, {**FILES})
    twins.environment = CONFIRMED
    for name in ("one", "two"):
        twins.run("theirs", "create", f"REPO::{name}", "tree")
    twins.clone()


def lose(repository: Path, path: bytes) -> None:
    """Deletes the contents of one file."""
    with forging(repository) as forger:
        (items,) = read_items(forger.store, forger.key, forger.item_ids("one"))
        (chunks,) = [item.chunks for item in items if item.path == path]
        assert chunks is not None
        forger.store.delete(chunks.ids())


@pytest.mark.parametrize(
    "options",
    [
        "--repository-only --verify-data",
        "--repository-only --first 1",
        "--repository-only -a *",
        "--repository-only -P o",
        "--max-duration 5",
        "--max-duration 5 --archives-only",
        "--first 1 --last 1",
        "-a x -P y",
        "--archives-only -a x*",
        "--archives-only -P x",
        "--archives-only --last 9",
        "-v --archives-only --first 1",
        "-v --archives-only --sort-by name --last 1 --save-space",
        "-v --verify-data -a o*",
        "-v --repository-only --max-duration 100",
    ],
)
def test_options(options: str, twins: Twins) -> None:
    theirs, ours = twins.both("check", *options.split(), "REPO")
    assert ours.code == theirs.code
    if "usage:" not in theirs.err:
        assert ours.err == theirs.err


def test_one_archive(twins: Twins) -> None:
    twins.same("check", "-v", "REPO::two", code=0)
    twins.same("check", "-v", "REPO::none", code=1)
    twins.same("check", "-v", "--repository-only", "REPO::none", code=0)


@pytest.mark.parametrize("answer", ["", "YES", "yes", "no", "what"])
def test_a_repair_has_to_be_confirmed(answer: str, twins: Twins) -> None:
    code = 0 if answer == "YES" else 2
    twins.same("check", "--repair", "--repository-only", "REPO", code=code, BORG_CHECK_I_KNOW_WHAT_I_AM_DOING=answer)
    twins.environment = {}
    twins.same("check", "--repair", "--repository-only", "--log-json", "REPO", code=code, stdin=f"{answer}\n".encode())


def test_an_append_only_repository_is_checked_but_not_repaired(twins: Twins) -> None:
    for name in ("theirs", "ours"):
        twins.run(name, "config", "REPO", "append_only", "1")
    twins.same("check", "REPO", code=0)
    before = largest_segment(twins.repository("ours")).read_bytes()
    theirs, ours = twins.both("check", "--repair", "REPO")
    assert (theirs.code, ours.code) == (2, 2)
    assert "append-only" in ours.err
    assert "Traceback" not in ours.err
    assert largest_segment(twins.repository("ours")).read_bytes() == before


def test_unreadable_objects_are_told_of_and_deleted(twins: Twins) -> None:
    for name in ("theirs", "ours"):
        flip(largest_segment(twins.repository(name)), 5000)
    reason = r"Data integrity error.*"
    options = "--archives-only", "--verify-data", "REPO"
    twins.same("check", *options, code=1, masking=reason)
    twins.same("check", "--repair", *options, code=0, masking=reason)
    # Where not even its id can be read, an object cannot be deleted either.
    segment = largest_segment(twins.repository("ours"))
    second = 8 + int.from_bytes(segment.read_bytes()[12:16], "little")
    flip(segment, second + 12)
    ours = twins.run("ours", "check", "--repair", *options)
    assert (ours.code, "without --archives-only" in ours.err) == (2, True)
    assert twins.run("ours", "check", "--repair", "REPO").code == 0
    twins.ask_borg("ours", "check", "--verify-data", "REPO")


def test_without_a_lock_nothing_is_repaired(twins: Twins) -> None:
    twins.same("check", "--bypass-lock", "REPO", code=0)
    ours = twins.run("ours", "check", "--bypass-lock", "--repair", "REPO")
    assert (ours.code, "bypass" in ours.err) == (2, True)


def test_partial_checks_go_on_where_the_last_one_stopped(twins: Twins) -> None:
    for name in ("theirs", "ours"):
        twins.run(name, "config", "REPO", "last_segment_checked", "3")
        flip(twins.repository(name) / "data/0/2", 5000)
    partial = ("check", "-v", "--repository-only", "--max-duration", "100", "REPO")
    twins.same(*partial, code=0)
    assert twins.run("ours", "config", "REPO", "last_segment_checked").code == 2
    theirs, ours = twins.both(*partial)
    assert ours.code == theirs.code == 1
    assert "skipping to segments >= 0" in ours.err
    assert "Finished partial repository check, errors found." in ours.err


def test_a_full_check_makes_the_next_partial_one_begin_anew(twins: Twins) -> None:
    for name in ("theirs", "ours"):
        twins.run(name, "config", "REPO", "last_segment_checked", "3")
    twins.same("check", "--repository-only", "REPO", code=0)
    twins.same("check", "-v", "--repository-only", "--max-duration", "100", "REPO", code=0)


@pytest.mark.parametrize("repairer", ["theirs", "ours"])
def test_files_are_healed_whoever_repaired_them(repairer: str, twins: Twins) -> None:
    lose(twins.repository("theirs"), b"tree/b")
    lose(twins.repository("theirs"), b"tree/c")
    twins.clone()
    twins.run(repairer, "check", "--repair", "REPO")
    if repairer == "theirs":
        twins.clone()
    listing = ("list", "--format={health} {path}{NL}", "REPO::one")
    assert twins.run("ours", *listing).out.count("broken") == 2
    assert twins.run("ours", "check", "REPO").code == 0
    assert twins.ask_borg("ours", *listing).out.count("broken") == 2
    twins.run("ours", "create", "REPO::again", "tree/b")
    foreseen = twins.run("ours", "check", "-v", "--archives-only", "REPO")
    assert foreseen.err.count("Would completely heal damaged file with --repair!") == 2
    twins.run("ours", "check", "--repair", "REPO")
    assert twins.run("ours", *listing).out.count("broken") == 1
    twins.run("ours", "create", "REPO::and-again", "tree")
    healed = twins.run("ours", "check", "-v", "--repair", "REPO")
    assert healed.err.count("Completely healed previously damaged file!") == 2
    twins.ask_borg("ours", "check", "--verify-data", "REPO")
    assert twins.run("ours", *listing).out.count("broken") == 0
    twins.ask_borg("ours", "extract", "--dry-run", "REPO::one")


def test_records(twins: Twins) -> None:
    for repository in (twins.repository("theirs"), twins.repository("ours")):
        lose(repository, b"tree/b")
    twins.same("check", "--log-json", "--verify-data", "-v", "REPO", code=1, masking=r'"time": [\d.]+')
    for name in ("theirs", "ours"):
        flip(largest_segment(twins.repository(name)), 5000)
    twins.same("check", "--log-json", "REPO", code=1, masking=r'"message": "Data integrity error.*?"|"time": [\d.]+')


# -- over the wire -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["1.4.5 of ours", "ours of 1.4.5", "ours of ours"])
def remote(
    request: pytest.FixtureRequest, vinculum: Program, oracle: Callable[[str], Program], tmp_path: Path
) -> Callable[..., Completed]:
    """Runs a client on a repository of a server."""
    client, server = (vinculum if name == "ours" else oracle(name) for name in request.param.split(" of "))

    def run(*args: str, forced: tuple[str, ...] = (), code: int | None = None) -> Completed:
        direct = DirectServer(server, tmp_path / f"server{len(forced)}", *forced)
        return direct.used_by(client).with_environment(**CONFIRMED).run(*args, code=code)

    return run


def test_damage_on_a_server_is_told_and_repaired(remote: Callable[..., Completed], twins: Twins) -> None:
    repository = twins.repository("theirs")
    place = url(repository)
    sound = remote("check", "-v", "--verify-data", place, code=0)
    assert "Finished full repository check, no problems found." in sound.err
    assert "chunks with 0 integrity errors" in sound.err
    partial = remote("check", "-v", "--repository-only", "--max-duration=100", place, code=0)
    assert "skipping to segments >= 0" in partial.err
    lose(repository, b"tree/b")
    flip(largest_segment(repository), 5000)
    found = remote("check", place, code=1)
    assert "Finished full repository check, errors found." in found.err
    refused = remote("check", "--repair", place, forced=("--append-only",))
    assert refused.code == 2
    assert "append-only" in refused.err
    repaired = remote("check", "--repair", place, code=0)
    assert "one: tree/b: New missing file chunk detected" in repaired.err
    remote("check", "--verify-data", place, code=0)
    twins.environment["BORG_RELOCATED_REPO_ACCESS_IS_OK"] = "yes"
    twins.ask_borg("theirs", "check", "--verify-data", "REPO")


def test_counters_are_never_used_again_where_all_records_of_them_are_lost(
    vinculum: Program, borg145: Program, workplace: Path, client_home: Path
) -> None:
    repository = workplace / "repository"
    vinculum.run("init", "-e", "repokey", repository)
    vinculum.run("create", f"{repository}::one", "tree")
    with Repository(str(repository), exclusive=True) as store:
        before = counters(store)
        store.delete(MANIFEST_KEY)
        store.commit()
    for record in (repository / "nonce", *client_home.rglob("nonce")):
        record.unlink()
    vinculum.with_environment(**CONFIRMED).run("check", "--repair", repository)
    with Repository(str(repository)) as store:
        after = counters(store)
    added = {first: used for first, used in after.items() if first not in before}
    assert added
    assert min(added) >= max(first + used for first, used in before.items())
    borg145.run("check", "--verify-data", repository)


def counters(store: Repository) -> dict[int, int]:
    """The first counter of each object, and how many it uses."""
    objects = [bytes(store.get(id)) for id in store.list()]
    return {int.from_bytes(stored[33:41], "big"): (len(stored) - 41 + 15) // 16 for stored in objects}
