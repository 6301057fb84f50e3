"""`make torture`: faults at every call of every command, power cuts, kill -9 at any moment, full disks, while there is time.

    run.py MINUTES [--ssh] [--workers 4] [--journal build/torture.jsonl] [--place /dev/shm]

Goes on where the journal ends, until a round of all that can be struck is complete, and then begins another, in which each
command has another mode of encryption. SIGTERM ends it early. Whatever ended the runs, `run.py 0` says what all of them did.
Ends with 1 if a promise was broken and not kept since.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:1] = [str(PROJECT / "src"), str(PROJECT / "tests")]

from support.ssh_server import SshServer  # noqa: E402
from torture.journal import BROKEN, MISSED, NOTHING, STRUCK, Journal, Plan, Task  # noqa: E402
from torture.programs import Broken, Hung  # noqa: E402
from torture.report import report  # noqa: E402
from torture.rounds import Round  # noqa: E402
from torture.scenarios import BY_NAME, MODES, PLACES  # noqa: E402
from torture.trials import FULL, Trials, trials_in  # noqa: E402

STINT = 400
"""So many strikes a worker makes in one mode before it looks where more is left."""


class Torture:
    """Workers with a place each, that take strikes until the time is over."""

    def __init__(self, place: Path, workers: int, journal: Journal, end: float, ssh: SshServer | None = None) -> None:
        """With `ssh` only clients and servers are struck, which it connects."""
        self._place = place
        self._ssh = ssh
        self._places = PLACES if ssh is None else [struck for struck in PLACES if struck != "local"]
        self._workers = workers
        self._journal = journal
        self._end = end
        self._stints = 0
        self._shapes: dict[str, set[str]] = {mode: set() for mode in MODES}
        self._round = Round(max((plan.round for plan in journal.plans), default=0), journal, self._places)
        self._lock = threading.Lock()
        self.failures: list[BaseException] = []
        """Of the torture itself."""

    def stop(self) -> None:
        """What has begun is finished."""
        self._end = 0

    def run(self) -> None:
        """Until the time is over."""
        threads = [threading.Thread(target=self._work) for _ in range(self._workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(60)
                print(f"{len(self._journal.strikes)} strikes so far", file=sys.stderr, flush=True)

    def _work(self) -> None:
        try:
            while self._has_time():
                current = self._current_round()
                chosen = current.choose()
                if chosen is None:
                    time.sleep(1)  # others have what is left
                    continue
                mode, unplanned = chosen
                try:
                    self._do_stint(current, mode, unplanned)
                finally:
                    current.give_back(mode)
        except BaseException as error:
            self.failures.append(error)
            self.stop()
            raise

    def _current_round(self) -> Round:
        with self._lock:
            if self._round.is_over():
                self._round = Round(self._round.number + 1, self._journal, self._places)
            return self._round

    def _do_stint(self, current: Round, mode: str, unplanned: list[tuple[str, str]]) -> None:
        with self._trials(current.number, mode) as trials:
            for scenario, place in unplanned:
                if not self._has_time():
                    return
                calls = trials.count(BY_NAME[scenario], place)
                pages = trials.pages(BY_NAME[scenario]) if place == "local" else 0
                current.add(Plan(current.number, scenario, place, mode, calls, pages))
            current.planned(mode)
            for _ in range(STINT):
                task = current.take(mode) if self._has_time() else None
                if task is None:
                    return
                self._do(trials, task)

    def _has_time(self) -> bool:
        return time.monotonic() < self._end

    @contextmanager
    def _trials(self, seed: int, mode: str) -> Iterator[Trials]:
        with self._lock:
            self._stints += 1
            place = self._place / str(self._stints)
        place.mkdir()
        try:
            with trials_in(place, mode, seed=seed, shapes=self._shapes[mode], ssh=self._ssh) as trials:
                yield trials
        finally:
            shutil.rmtree(place)

    def _do(self, trials: Trials, task: Task) -> None:
        strike = (BY_NAME[task.scenario], task.place, task.kind, task.at, task.round)
        was_repeated = False
        try:
            try:
                outcome = trials.strike_somehow(*strike)
            except Hung:  # the machine may have stood still; then it does not do that again
                was_repeated = True
                outcome = trials.strike_somehow(*strike)
        except Broken as broken:
            print(f"BROKEN {broken}", file=sys.stderr, flush=True)
            self._journal.note_strike(task, BROKEN, what=str(broken))
            return
        end = STRUCK if outcome.struck else NOTHING if task.kind in ("power", FULL) else MISSED
        call = outcome.struck.split()[0] if outcome.struck else ""
        self._journal.note_strike(task, end, call=call, borg=outcome.borg_checked, repeated=was_repeated)


def commit() -> str:
    """What is struck."""
    words = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False).stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", type=float)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--journal", type=Path, help="default: build/torture.jsonl, or torture-ssh.jsonl")
    parser.add_argument(
        "--ssh", action="store_true", help="strike clients and servers only, connected by a real sshd; a third as many"
    )
    parser.add_argument("--place", type=Path, default=Path("/dev/shm"))
    args = parser.parse_args()
    journal = Journal(args.journal or PROJECT / "build" / ("torture-ssh.jsonl" if args.ssh else "torture.jsonl"))
    failures: list[BaseException] = []
    if args.minutes:
        journal.note_run(commit(), args.workers)
        with tempfile.TemporaryDirectory(prefix="torture-", dir=args.place) as place:
            ssh = SshServer(Path(place) / "ssh", f"MaxStartups {10 * args.workers}") if args.ssh else None
            torture = Torture(Path(place), args.workers, journal, time.monotonic() + 60 * args.minutes, ssh)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: torture.stop())
            torture.run()
            failures = torture.failures
            if ssh is not None:
                ssh.close()
    journal.close()
    report(journal)
    for failure in failures:
        print(f"The torture itself failed: {failure!r}")
    return 1 if failures or journal.unresolved() else 0


if __name__ == "__main__":
    sys.exit(main())
