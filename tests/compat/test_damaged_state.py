"""What lies beside the segments gets damaged: files of the repository, of the cache, security records, keys.

Both programs come to the same end of each command, or ours to a better one; and what ours leaves is in order. Usually a few
of the damages are done, in one mode. All of them, in all modes:

    VINCULUM_DAMAGES=all pytest tests/compat/test_damaged_state.py
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.damage import flip
from support.damaged_twins import ALL, DamageBench, modes
from support.fork_servers import Servers
from support.programs import Completed
from support.trees import write_files
from support.twins import Twins

FILES = {
    "repository/README": "repository",
    "repository/config": "repository",
    "repository/nonce": "repository",
    "home/.cache/borg/*/README": "cache",
    "home/.cache/borg/*/config": "cache",
    "home/.cache/borg/*/chunks": "cache",
    "home/.cache/borg/*/files": "cache",
    "home/.cache/borg/*/chunks.archive.d/*": "cache",
    "home/.config/borg/security/*/location": "security",
    "home/.config/borg/security/*/key-type": "security",
    "home/.config/borg/security/*/manifest-timestamp": "security",
    "home/.config/borg/security/*/nonce": "security",
    "home/.config/borg/keys/*": "key",
}
"""Patterns below a twin's place, and what kind of file that is."""
COMMANDS = (
    ("list", "--short", "REPO"),
    ("create", "REPO::next", "tree"),
    ("delete", "REPO::one"),
    ("check", "REPO"),
)
NOISE = random.Random(2).randbytes(40_000)


def middle(path: Path) -> None:
    flip(path, path.stat().st_size // 2)


def swap_with_neighbour(path: Path) -> None:
    """The next file of its directory, by name, takes its place, and the other way round."""
    files = sorted(other for other in path.parent.iterdir() if other.is_file())
    neighbour = files[(files.index(path) + 1) % len(files)]
    own, other = path.read_bytes(), neighbour.read_bytes()
    path.write_bytes(other)
    neighbour.write_bytes(own)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "flipped": middle,
    "first byte flipped": lambda path: flip(path, 0),
    "last bytes flipped": lambda path: flip(path, path.stat().st_size - 2),
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "missing": lambda path: path.unlink(),
    "doubled": lambda path: path.write_bytes(path.read_bytes() * 2),
    "noise": lambda path: path.write_bytes(NOISE[: path.stat().st_size]),
    "swapped": swap_with_neighbour,
}
WITHOUT = {
    *(("repository/nonce", mode) for mode in ("none", "authenticated")),
    *(("home/.config/borg/security/*/nonce", mode) for mode in ("none", "authenticated")),
    *(("home/.config/borg/keys/*", mode) for mode in ("none", "repokey", "authenticated")),
}
"""What there is nothing of."""
SOME = {
    ("repository/config", "cut"),
    ("repository/nonce", "flipped"),
    ("home/.cache/borg/*/chunks", "flipped"),
    ("home/.cache/borg/*/config", "noise"),
    ("home/.cache/borg/*/files", "swapped"),
    ("home/.config/borg/security/*/manifest-timestamp", "emptied"),
    ("home/.config/borg/keys/*", "flipped"),
}
NONCES = {"Repository has an invalid nonce file": 1, "Local security dir has an invalid nonce file": 0}
"""What ends Borg's check, and how ours ends: it tells of the repository's record and checks the rest; that of a client, which
keeps only this client from writing, says nothing about the repository.
"""
CASES = [(pattern, how) for pattern in FILES for how in DAMAGES if ALL or (pattern, how) in SOME]


def fill(twins: Twins) -> None:
    """Three archives, and a cache that was made anew for the last of them: so it keeps something of each."""
    write_files(twins.cwd, {"tree/large": NOISE, "tree/small": b"hello"})
    for name in ("one", "two"):
        write_files(twins.cwd, {f"tree/{name}": NOISE[:20_000] + name.encode()})
        assert twins.run("theirs", "create", f"REPO::{name}", "tree").code == 0
    (chunks,) = (twins.home("theirs") / ".cache" / "borg").glob("*/chunks")
    shutil.rmtree(chunks.parent)
    assert twins.run("theirs", "create", "REPO::three", "tree").code == 0


@pytest.fixture(scope="module")
def bench(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> DamageBench:
    return DamageBench(servers, tmp_path_factory.mktemp("bench"), fill)


def damaged(twins: Twins, name: str, pattern: str, how: str) -> list[Path]:
    """The files that were damaged."""
    paths = sorted(twins.home(name).parent.glob(pattern))
    for path in paths:
        DAMAGES[how](path)
    return paths


def crashed(done: Completed) -> bool:
    return "Traceback" in done.err or "Exception ignored" in done.err


@pytest.mark.parametrize("mode", modes(usual="keyfile-blake2"))
@pytest.mark.parametrize(("pattern", "how"), CASES, ids=[f"{pattern.rpartition('borg/')[2]} {how}" for pattern, how in CASES])
def test_damage_beside_the_segments_ends_as_with_borg(pattern: str, how: str, mode: str, bench: DamageBench) -> None:
    """Where Borg ends with a traceback, ours goes on or says in a line why not."""
    twins = bench.twins(mode)
    theirs, ours = (damaged(twins, name, pattern, how) for name in ("theirs", "ours"))
    assert len(theirs) == len(ours)
    assert theirs or (pattern, mode) in WITHOUT
    codes = {}
    for command in COMMANDS:
        done, by_ours = twins.both(*command)
        assert not crashed(by_ours), by_ours
        assert by_ours.code in (0, 1) or len(by_ours.err.splitlines()) == 1, by_ours
        codes[command[0]] = by_ours.code
        wanted = [code for reason, code in NONCES.items() if command[0] == "check" and reason in done.err] or [done.code]
        assert crashed(done) or [by_ours.code] == wanted, f"{done}\n{by_ours}"
    if codes["create"] == 0:
        twins.ask_borg("ours", "check", "--verify-data", "REPO")
        assert twins.run("ours", "extract", "--dry-run", "REPO::next").code == 0
