"""How long backups and restores take over a link with a long round trip: vinculum and Borg 1.4.5 in turns, through a real sshd.

    python benchmarks/link.py [--quick | --publish] [--round-trip MILLISECONDS] [--rounds N] [--place DIRECTORY]
                              [--tree DIRECTORY] [--without CLIENT-AND-SERVER]

Ten thousand small files and one of a gigabyte, about as compressible as prose, are backed up, backed up unchanged, and
restored; archives are listed. vinculum does so with either program as its server, Borg with its own. Both sides are this
machine, and between ssh and its server bytes are held back for half of the round trip (`delay.py`): the bandwidth is not
limited, but ssh lets no more than 2 MiB be under way. The server runs with an empty home directory, so that what the shell of
whoever measures reads when it starts does not count.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pages
from paired import OURS, PROGRAMS, PROJECT, THEIRS, Measured, alternate, machine, run, summary
from workloads import MIB, Workload, census, phrases, text

sys.path.append(str(PROJECT / "tests"))
from support.ssh_server import ALIAS, SshServer

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL_FILES, LARGE_MIB = 10_000, 1000
QUICK_SCALE = 1 / 16
# Whose client works with whose server; the last is what the others are compared with.
PAIRS = {
    "vinculum, vinculum's server": (OURS, OURS),
    "vinculum, Borg's server": (OURS, THEIRS),
    "Borg 1.4.5, Borg's server": (THEIRS, THEIRS),
}
BASELINE = "Borg 1.4.5, Borg's server"
STEPS = {"create": "first backup", "unchanged": "unchanged", "extract": "restore", "list": "list archives"}


def build(tree: Path, scale: float) -> None:
    Workload("small", SMALL_FILES * scale / 300_000).build(tree)
    source = random.Random(6)
    vocabulary = phrases(source)
    with open(tree / "large", "wb") as file:
        file.writelines(text(source, vocabulary, MIB) for _ in range(round(LARGE_MIB * scale)))


@contextlib.contextmanager
def delayed_ssh(place: Path, round_trip_s: float) -> Iterator[str]:
    """What to set BORG_RSH to: an ssh to an sshd on this machine, far away."""
    server = SshServer(place / "ssh", settings={})
    delay = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("delay.py"), str(round_trip_s / 2), str(server.port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert delay.stdout is not None
        yield f"{server.rsh} -p {delay.stdout.readline().strip()}"
    finally:
        delay.terminate()
        delay.wait()
        server.close()


def take_turn(label: str, tree: Path, rsh: str, place: Path) -> dict[str, Measured]:
    """One pair's backups and restore, with an empty repository and no client state to begin with."""
    client, server = (PROGRAMS[name] for name in PAIRS[label])
    print(label, file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        here = Path(temporary)
        settings = {"BORG_RSH": rsh, "BORG_REMOTE_PATH": str(server)}
        url = f"ssh://{ALIAS}{here}/repository"
        restored = here / "restored"
        restored.mkdir()
        run(client, ["init", "--encryption", "repokey-blake2", url], here, here, settings)
        create = ["create", "--compression", "lz4"]
        measured = {
            "create": run(client, [*create, f"{url}::first", tree.name], tree.parent, here, settings),
            "unchanged": run(client, [*create, f"{url}::second", tree.name], tree.parent, here, settings),
            "extract": run(client, ["extract", f"{url}::first"], restored, here, settings),
            "list": run(client, ["list", url], here, here, settings),
        }
        if census(restored / tree.name) != census(tree):
            raise SystemExit(f"{label}: what was restored is not what was backed up")
        return measured


class Outcome(NamedTuple):
    """What was measured, on what, and when."""

    date: str
    machine: list[str]
    round_trip_ms: float
    files: int
    size_mib: int
    rounds: int
    load: float
    turns: dict[str, list[dict[str, Measured]]]


def page(outcome: Outcome) -> str:
    """The result as Markdown."""
    lines = [
        "# Over a link: vinculum beside Borg 1.4.5",
        "",
        "Written by `benchmarks/link.py`, whose head says what is done. Times on the clock are medians; in brackets, how many",
        "times less than Borg takes with its own server. CPU is the client's alone, without ssh. Client, server, both ends of",
        "ssh and the delay share the cores of one machine.",
        "",
        *(f"- {line}" for line in outcome.machine),
        f"- round trip {outcome.round_trip_ms} ms by a delaying proxy; {outcome.files} files, {outcome.size_mib} MiB;",
        f"  repokey-blake2, lz4; {outcome.rounds} round(s) in turns, Borg first; {outcome.date};",
        f"  load average before: {outcome.load}",
        "",
        f"| client and server | {' | '.join(STEPS.values())} | CPU of the first backup | of the restore |",
        f"| --- |{' ---: |' * (len(STEPS) + 2)}",
    ]
    medians = {
        label: {step: summary([turn[step] for turn in outcome.turns[label]]) for step in STEPS}
        for label in PAIRS
        if label in outcome.turns
    }
    for label, steps in medians.items():
        cells = []
        for step, measured in steps.items():
            ratio = medians[BASELINE][step].wall_s / measured.wall_s
            cells.append(f"{measured.wall_s:.1f} s" + ("" if label == BASELINE else f" ({ratio:.1f})"))
        cells += [f"{steps[step].cpu_s:.1f} s" for step in ("create", "extract")]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    pages.add_options(parser, rounds_to_publish=3)
    parser.add_argument("--round-trip", type=float, default=50, metavar="MILLISECONDS")
    parser.add_argument("--place", type=Path, default=Path("/dev/shm"), help="where to work")
    parser.add_argument("--tree", type=Path, metavar="DIRECTORY", help="what to back up; made there first if there is nothing")
    pairs = [label for label in PAIRS if label != BASELINE]
    parser.add_argument("--without", action="append", choices=pairs, default=[], help="leaves out a pair, where time is short")
    return pages.parse(parser, arguments)


def measure(options: argparse.Namespace, place: Path) -> Outcome:
    tree = options.tree or place / "tree"
    if not tree.exists():
        build(tree, QUICK_SCALE if options.quick else 1)
    files, size = census(tree)
    load = os.getloadavg()[0]
    # Whoever begins meets what the machine was busy with before; to the one that waits for the line it matters least.
    labels = [label for label in reversed(PAIRS) if label not in options.without]
    with delayed_ssh(place, options.round_trip / 1000) as rsh:
        turns = alternate(options.rounds, labels, lambda label: take_turn(label, tree, rsh, place))
    return Outcome(
        date=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        machine=list(machine()),
        round_trip_ms=options.round_trip,
        files=files,
        size_mib=round(size / MIB),
        rounds=options.rounds,
        load=round(load, 1),
        turns=turns,
    )


def main() -> None:
    options = parse()
    directory = pages.directory(options)
    with tempfile.TemporaryDirectory(dir=options.place, prefix="vinculum-link-") as temporary:
        outcome = measure(options, Path(temporary))
    (directory / "remote.json").write_text(json.dumps(outcome._asdict(), indent=1) + "\n")
    (directory / "remote.md").write_text(page(outcome))
    print(page(outcome))


if __name__ == "__main__":
    main()
