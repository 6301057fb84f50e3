"""Runs of the torture add up: nothing counts twice, nothing is left out, and what broke a promise has to be seen to keep it."""

from __future__ import annotations

from pathlib import Path

from torture.journal import BROKEN, STRUCK, Journal, Plan, Task
from torture.rounds import EVERYTHING, Round, commands, strikes
from torture.scenarios import BY_NAME, MODES


def open_round(path: Path) -> tuple[Journal, Round]:
    journal = Journal(path)
    journal.note_run("a commit", 1)
    return journal, Round(0, journal)


def plan_everything(a_round: Round) -> None:
    """As if each command took two calls, and one page."""
    for mode in MODES:
        for scenario, place in commands(0, mode):
            a_round.add(Plan(0, scenario, place, mode, 2, int(place == "local")))


def taken(a_round: Round, most: int = 10**6) -> list[Task]:
    tasks: list[Task] = []
    for mode in MODES:
        while len(tasks) < most and (task := a_round.take(mode)) is not None:
            tasks.append(task)
    return tasks


def test_a_round_has_every_command_once_and_six_rounds_in_every_mode() -> None:
    for number in range(6):
        chosen = [command for mode in MODES for command in commands(number, mode)]
        assert sorted(chosen) == sorted((scenario.name, place) for scenario, place in EVERYTHING)
    seen = {(command, mode) for number in range(6) for mode in MODES for command in commands(number, mode)}
    assert len([command for command, _ in seen if command == ("create", "local")]) == len(MODES)
    assert all(mode in BY_NAME[scenario].modes for (scenario, _), mode in seen)


def test_runs_share_a_round(tmp_path: Path) -> None:
    journal, first = open_round(tmp_path / "journal")
    plan_everything(first)
    done = taken(first, 1000)
    for task in done:
        journal.note_strike(task, STRUCK, call="write")
    journal.close()

    again, second = open_round(tmp_path / "journal")
    rest = taken(second)
    assert second.choose() is None
    assert second.is_over()
    assert len(rest) > 1000
    assert len({*done, *rest}) == len(done) + len(rest)
    assert {*done, *rest} == {task for plan in again.plans for task in strikes(plan)}
    assert [run.strikes for run in again.runs] == [1000, 0]


def test_a_run_that_was_killed_while_it_wrote_counts(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal, first = open_round(path)
    plan_everything(first)
    for task in taken(first, 3):
        journal.note_strike(task, STRUCK, call="write")
    journal.close()
    path.write_bytes(path.read_bytes()[:-10])
    for _ in range(2):  # the second time it has a whole line behind the half one
        again, _ = open_round(path)
        assert len(again.strikes) == 2
        again.close()


def test_what_broke_a_promise_is_struck_again(tmp_path: Path) -> None:
    journal, first = open_round(tmp_path / "journal")
    plan_everything(first)
    task = taken(first, 1)[0]
    journal.note_strike(task, BROKEN, what="lost")
    assert journal.unresolved() == [(task, "lost")]
    journal.close()

    again, second = open_round(tmp_path / "journal")
    assert task in taken(second)
    again.note_strike(task, STRUCK, call="write")
    assert again.broken == [(task, "lost")]
    assert again.unresolved() == []
