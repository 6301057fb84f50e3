"""The benchmark keeps working between the rare times that somebody runs it: data, ratios, page and picture."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import compare
import guide
import kernels
import limits
import link
import plot
import pytest
import readers
import report
import restoring
import rivals
from contenders import CONTENDERS
from paired import Measured, alternate
from results import LIMITS, Result, load, save
from workloads import BIG, NEWEST, TITLES, Workload, census, contents

if TYPE_CHECKING:
    from pathlib import Path

OURS, THEIRS, OTHER = "vinculum, repokey", "Borg 1.4.5, repokey", "restic"


def turn(wall_s: float) -> dict[str, Measured]:
    return {step: Measured(wall_s, 2 * wall_s, 100 + wall_s) for step in report.STEPS}


@pytest.fixture
def result() -> Result:
    found = Result("small", "memory", "2026-01-02", ["2 cores"], files=7, size=3 * 2**20)
    found.turns = {OURS: [turn(1), turn(3), turn(2)], THEIRS: [turn(9), turn(8), turn(7)], OTHER: [turn(4)] * 3}
    found.turns[LIMITS] = [{name: Measured(0.5, 0.25, 0) for name in limits.TITLES}] * 3
    found.repository_mib = {OURS: 5, THEIRS: 6, OTHER: 4}
    found.programs = {OURS: "1.0; lz4"}
    found.failures = {"kopia": "not to be had here: <nobody> has it"}
    return found


def state(tree: Path) -> dict[Path, tuple[bytes, int]]:
    return {path: (path.read_bytes(), path.stat().st_blocks) for path in contents(tree)}


@pytest.mark.parametrize("name", TITLES)
def test_one_percent_changes_and_changes_back(name: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(200):
        (source / str(number)).write_bytes(bytes([number]) * (number + 1))
    workload, tree = Workload(name, 1 / 256, source), tmp_path / "tree"
    workload.build(tree)
    before = state(tree)
    workload.change(tree)
    after = state(tree)
    changed = [path for path in before if before[path][0] != after[path][0]]
    assert len(changed) == (len(before) if name in BIG else round(len(before) / 100))
    assert [blocks for _, blocks in after.values()] == [blocks for _, blocks in before.values()]
    workload.change(tree)
    assert state(tree) == before


@pytest.mark.parametrize("name", [name for name in TITLES if name != "mixed"])
def test_generated_data_is_always_the_same(name: str, tmp_path: Path) -> None:
    workload = Workload(name, 1 / 512)
    for copy in ("one", "two"):
        workload.build(tmp_path / copy)
    one, two = ([content for content, _ in state(tmp_path / copy).values()] for copy in ("one", "two"))
    assert one == two
    assert one


def test_an_image_has_holes(tmp_path: Path) -> None:
    Workload("image", 1 / 64).build(tmp_path / "tree")
    files, size = census(tmp_path / "tree")
    assert files == 2
    assert 0 < size < (tmp_path / "tree/disk.img").stat().st_size / 2


def test_the_newest_file_is_none_that_matters(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    Workload("small", 1 / 1000).build(tree)
    others = max(path.stat().st_ctime_ns for path in contents(tree))
    assert (tree / NEWEST).stat().st_ctime_ns > others


def test_turns_alternate() -> None:
    taken: list[str] = []
    alternate(3, ["a", "b"], taken.append)
    assert taken == ["a", "b", "b", "a", "a", "b"]


def test_ratios_are_of_medians_to_borg_in_the_same_mode(result: Result) -> None:
    assert result.ratio(OURS, "first", "wall_s") == 4
    assert result.ratio(OTHER, "first", "wall_s") is None  # nobody to compare with took part


def test_results_survive_their_file(result: Result, tmp_path: Path) -> None:
    stored = tmp_path / "results.json"
    assert load(stored) == []
    save(stored, [result])
    assert load(stored) == [result]


def test_a_page_has_everybody_and_every_reason(result: Result) -> None:
    lines = report.page([result]).splitlines()
    (ours,) = [line for line in lines if line.startswith(f"| {OURS}")]
    assert ours == f"| {OURS} |" + " 2.00 s (4.0) | 4.00 s (4.0) |" * 3 + " 103 | 5 |"
    assert "kopia: not to be had here: <nobody> has it" in lines
    assert "7 files with 3 MiB; 3 round(s); 2026-01-02." in lines
    widths = {line.count("|") for line in lines if line.startswith("|")}
    assert len(widths) == 1


def test_a_picture_is_well_formed_and_true_to_scale(result: Result) -> None:
    picture = ElementTree.fromstring(plot.picture([result]))
    rectangles = picture.findall("{*}rect")
    ours, theirs = (
        [float(one.get("width", 0)) for one in rectangles if one.get("fill") == plot.COLOURS[is_ours]["memory"]][1:]
        for is_ours in (True, False)
    )
    assert len(ours) == 3
    assert theirs[0] == pytest.approx(4 * ours[0], rel=0.01)
    assert max(theirs) <= plot.PANEL - plot.NUMBER


def test_the_kernels_alone_are_timed(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x" * 1000)
    (tmp_path / "large").write_bytes(b"".join(number.to_bytes(4, "big") for number in range(2**19)))
    measured = limits.measure_kernels(tmp_path)
    assert measured.wall_s > 0
    assert sum(len(piece) for batch in kernels.batches(tmp_path) for piece in batch) == 1000 + 2**21


def test_reasons_are_the_telling_line() -> None:
    output = "go: downloading\ngo: example@latest: reading https://host/list: 403 Forbidden\n\tserver response: not here\n"
    assert rivals.reason_in(output) == "example@latest: 403 Forbidden"
    assert rivals.reason_in("one\ntwo\n\n") == "two"


def test_what_cannot_be_had_says_why_and_is_not_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(home: Path) -> None:
        asked.append(home)
        raise rivals.Unavailable("no such thing")

    monkeypatch.setattr(rivals, "RIVALS", tmp_path)
    monkeypatch.setitem(rivals.SOURCES, "kopia", [rivals.Source("kopia", "kopia", refuse)])
    for _ in range(2):
        with pytest.raises(rivals.Unavailable, match="no such thing"):
            rivals.obtain("kopia")
    assert len(asked) == 1


def test_the_second_best_is_taken_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise rivals.Unavailable("too new")

    monkeypatch.setattr(rivals, "RIVALS", tmp_path)
    older = rivals.Source("older", "program", lambda home: (home / "program").touch())
    monkeypatch.setitem(rivals.SOURCES, "restic", [rivals.Source("newer", "program", refuse), older])
    assert rivals.obtain("restic") == tmp_path / "older/program"
    assert rivals.shortcomings("restic") == "too new"


def test_what_is_published_is_of_full_size_and_more_than_one_round() -> None:
    options = compare.parse(["--publish"])
    assert (options.rounds, options.scale) == (3, 1)
    with pytest.raises(SystemExit):
        compare.parse(["--publish", "--quick"])


def test_everybody_is_compared_with_a_borg() -> None:
    labels = {one.label for one in CONTENDERS}
    assert {one.baseline for one in CONTENDERS} <= labels
    assert {one.program for one in CONTENDERS} == set(rivals.SOURCES) | {"vinculum", "borg"}


def test_a_delayed_link_delays_and_loses_nothing() -> None:
    delay_s = 0.05
    data = bytes(range(256)) * 4096
    with socket.create_server(("127.0.0.1", 0)) as echoing:
        arguments = [str(delay_s), str(echoing.getsockname()[1])]
        command = [sys.executable, link.__file__.replace("link.py", "delay.py"), *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
            assert proxy.stdout is not None
            with socket.create_connection(("127.0.0.1", int(proxy.stdout.readline()))) as near:
                far, _ = echoing.accept()
                with far:
                    started = time.monotonic()
                    near.sendall(data)
                    near.shutdown(socket.SHUT_WR)
                    with far.makefile("rb") as arriving:
                        assert arriving.read() == data
                    assert time.monotonic() - started >= delay_s
                    far.sendall(b"back")
                    assert near.recv(4) == b"back"
                    assert time.monotonic() - started >= 2 * delay_s
            proxy.terminate()


def test_the_page_of_the_link_compares_with_borg() -> None:
    turns = {
        label: [dict.fromkeys(link.STEPS, Measured(wall_s, 1, 100))]
        for label, wall_s in zip(link.PAIRS, (2, 4, 6), strict=True)
    }
    outcome = link.Outcome("2026-01-02", ["2 cores"], 50, 1, 1, 1, 0.1, turns)
    rows = [line for line in link.page(outcome).splitlines() if line.startswith(("| vinculum", "| Borg"))]
    assert [row.split(" | ")[1] for row in rows] == ["2.0 s (3.0)", "4.0 s (1.5)", "6.0 s"]


def test_the_page_of_reading_compares_each_step_with_borg() -> None:
    def turn(wall_s: float) -> dict[str, Measured]:
        return dict.fromkeys(("list", "diff"), Measured(wall_s, 2 * wall_s, 100))

    ours, theirs, other = "vinculum, repokey-blake2", restoring.BASELINE, "restic"
    turns = {ours: [turn(1), turn(3), turn(2)], theirs: [turn(8)] * 3, other: [{"list": Measured(4, 4, 50)}] * 3}
    lines = restoring.table(turns, {"list": "list", "diff": "diff"}, theirs)
    assert lines[2] == "| list | 2.00 s (4.0) | 4.00 s (4.0) | 8.00 s | 16.0 s | 4.00 s (2.0) | 4.00 s (4.0) |"
    assert lines[3].endswith("| 8.00 s | 16.0 s |  |  |")  # who has nothing like it is left out
    assert len({line.count("|") for line in lines}) == 1


def test_everybody_is_told_how_to_do_every_step() -> None:
    taking_part = list(readers.contenders())
    assert restoring.BASELINE in {one.label for one in taking_part}
    for contender in taking_part:
        assert set(readers.READERS[contender.program].commands) == set(readers.STEPS)
        assert "series" not in contender.backup
    said = [[{"host": "h"}, [{"id": "b", "time": "2"}]], {"snapshots": [{"id": "a", "time": "1", "paths": []}]}]
    assert [backup["id"] for backup in readers.backups_in(said)] == ["b", "a"]


def test_the_guide_shows_what_was_published_last() -> None:
    """benchmarks/guide.py brings it up to date."""
    shown = guide.TABLE.search(guide.GUIDE.read_text())
    assert shown is not None
    assert shown[0] == guide.table()
