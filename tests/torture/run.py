"""`make torture`: faults at every call of every command, power cuts, kill -9 at any moment, full disks, while there is time.

    run.py MINUTES [--workers 4] [--seed 0] [--place /dev/shm]

Says at the end what was struck how often, and leaves the same in build/torture.json; ends with 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:1] = [str(PROJECT / "src"), str(PROJECT / "tests")]

from torture.scenarios import MODES, SCENARIOS, Scenario  # noqa: E402
from torture.stage import FULL, ROOMY, Broken, Hung, Stage  # noqa: E402

FAULTS = ("kill", "EIO", "ENOSPC", "short", "delay")
RARE = {"short": 3, "delay": 12}
"""Of harmless faults only every so many."""
KILLS = 2300
"""Of each round of all workers."""
EVERYTHING = [(scenario, place) for scenario in SCENARIOS for place in scenario.places]


class Task(NamedTuple):
    scenario: Scenario
    place: str
    kind: str
    at: int
    seed: int


class Torture:
    """Workers with a stage each, that take tasks until none is left or the time is over."""

    def __init__(self, place: Path, workers: int, seed: int, end: float) -> None:
        self._place = place
        self._workers = workers
        self._seed = seed
        self._end = end
        self._lock = threading.Lock()
        self._rounds = [0] * workers
        self.struck: Counter[tuple[str, str, str]] = Counter()
        self.calls: Counter[str] = Counter()
        self.missed = 0
        self.repeated = 0  # because something hung, which it did not do again
        self.borg_checks = 0
        self.broken: list[str] = []
        self.whole_rounds = 0

    def run(self) -> None:
        """Until the time is over; each worker has rounds of its own."""
        threads = [threading.Thread(target=self._work, args=(worker,)) for worker in range(self._workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(60)
                print(f"{sum(self.struck.values())} strikes so far", file=sys.stderr, flush=True)
        self.whole_rounds = min(self._rounds)

    def _work(self, worker: int) -> None:
        """Each round deals with all of this worker's share of what there is, in another mode of encryption."""
        number = 0
        try:
            while self._has_time():
                mode = MODES[(worker + number + self._seed) % len(MODES)]
                with self._stage(f"{number}-{worker}", mode, number) as stage:
                    tasks = list(self._plan(stage, worker, number))
                    random.Random(self._seed).shuffle(tasks)
                    for task in tasks:
                        if not self._has_time():
                            return
                        self._do(stage, task)
                number += 1
                self._rounds[worker] = number
        except BaseException as error:
            with self._lock:
                self.broken.append(f"the torture itself failed: {error!r}")
            raise

    def _has_time(self) -> bool:
        return time.monotonic() < self._end

    @contextmanager
    def _stage(self, name: str, mode: str, number: int) -> Iterator[Stage]:
        place = self._place / name
        disk = place / "disk"
        disk.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOMY}", "none", disk], check=True)
        try:
            stage = Stage(place, mode, self._seed + number, disk)
            try:
                yield stage
            finally:
                stage.close()
        finally:
            subprocess.run(["umount", "--lazy", disk], check=True)
            shutil.rmtree(place)

    def _plan(self, stage: Stage, share: int, number: int) -> Iterator[Task]:
        """All that can go wrong in a share of what there is."""
        for at, (scenario, place) in enumerate(EVERYTHING):
            if at % self._workers == share and stage.mode in scenario.modes:
                for kind, at in self._strikes(stage, scenario, place):
                    yield Task(scenario, place, kind, at, number)

    def _strikes(self, stage: Stage, scenario: Scenario, place: str) -> Iterator[tuple[str, int]]:
        calls = stage.count(scenario, place)
        for kind in FAULTS:
            yield from ((kind, at) for at in range(0, calls, RARE.get(kind, 1)))
        # Behind the last call nothing may be lost any more.
        yield from (("power", at) for at in (*range(calls), calls, calls))
        yield from (("later", at) for at in range(KILLS // len(EVERYTHING) + 1))
        if place == "local":
            yield from ((FULL, pages) for pages in range(stage.pages(scenario)))

    def _do(self, stage: Stage, task: Task) -> None:
        kind = (task.scenario.name, task.place, task.kind)
        try:
            try:
                outcome = stage.strike_somehow(task.scenario, task.place, task.kind, task.at, task.seed)
            except Hung:
                self.repeated += 1
                outcome = stage.strike_somehow(task.scenario, task.place, task.kind, task.at, task.seed)
        except Broken as broken:
            print(f"BROKEN {broken}", file=sys.stderr, flush=True)
            with self._lock:
                self.broken.append(str(broken))
            return
        with self._lock:
            if outcome.struck:
                self.struck[kind] += 1
                self.calls[outcome.struck.split()[0]] += 1
            elif task.kind not in ("power", FULL):
                self.missed += 1
            self.borg_checks += outcome.borg_checked


def report(torture: Torture, minutes: float) -> dict[str, object]:
    """What was done, for people and for build/torture.json."""
    kinds = [*FAULTS, "power", "later", FULL]
    places = ("local", "client", "server")
    table = {kind: {place: sum(torture.struck[s.name, place, kind] for s in SCENARIOS) for place in places} for kind in kinds}
    print(f"{'':24}{''.join(f'{kind:>9}' for kind in kinds)}")
    for scenario in SCENARIOS:
        counts = [sum(torture.struck[scenario.name, place, kind] for place in places) for kind in kinds]
        print(f"{scenario.name:24}{''.join(f'{count:9}' for count in counts)}")
    totals = {kind: sum(table[kind].values()) for kind in kinds}
    print(f"{'in all':24}{''.join(f'{totals[kind]:9}' for kind in kinds)}")
    for place in places:
        print(f"{place:24}{''.join(f'{table[kind][place]:9}' for kind in kinds)}")
    faults = sum(count for kind, count in totals.items() if kind != "later")
    print(
        f"{faults} faults and {totals['later']} kill -9 at any moment in {minutes:.0f} minutes, {torture.whole_rounds} rounds;"
    )
    print(f"Borg 1.4.5 looked {torture.borg_checks} times; {torture.missed} came too late; {torture.repeated} repeated")
    print(f"broken: {len(torture.broken)}")
    return {
        "minutes": round(minutes),
        "struck": table,
        "by_scenario": {s.name: sum(torture.struck[s.name, p, k] for p in places for k in kinds) for s in SCENARIOS},
        "calls": dict(torture.calls),
        "borg_checks": torture.borg_checks,
        "too_late": torture.missed,
        "repeated": torture.repeated,
        "whole_rounds": torture.whole_rounds,
        "broken": torture.broken,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=float)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--place", type=Path, default=Path("/dev/shm"))
    args = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-", dir=args.place) as place:
        torture = Torture(Path(place), args.workers, args.seed, begin + 60 * args.minutes)
        torture.run()
    result = report(torture, (time.monotonic() - begin) / 60)
    build = PROJECT / "build"
    build.mkdir(exist_ok=True)
    (build / "torture.json").write_text(json.dumps(result, indent=2) + "\n")
    for broken in torture.broken:
        print(f"\nBROKEN {broken}")
    return 1 if torture.broken else 0


if __name__ == "__main__":
    sys.exit(main())
