"""What reporters show of the events they get, as text and as JSON."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from support.clock import Clock
from vinculum.ui.json_lines import JsonReporter
from vinculum.ui.reporter import LEVELS, Reporter
from vinculum.ui.terminal import TerminalReporter, shorten


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(level: str = "warning", **settings: Any) -> tuple[TerminalReporter, io.StringIO]:
    stream = Screen()
    return TerminalReporter(stream, level=LEVELS[level], **settings), stream


def json_lines(level: str = "warning", **settings: Any) -> tuple[JsonReporter, io.StringIO]:
    stream = io.StringIO()
    return JsonReporter(stream, level=LEVELS[level], **settings), stream


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    for record in found:
        if "time" in record:
            assert isinstance(record.pop("time"), float)
    return found


def emit_everything(sink: Reporter) -> None:
    sink.debug("some debug")
    sink.info("some info")
    sink.warning("some warning")
    sink.error("some error")


# -- what is shown -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
        ("critical", []),
    ],
)
def test_levels_choose_messages(level: str, shown: list[str]) -> None:
    sink, stream = terminal(level)
    emit_everything(sink)
    assert stream.getvalue() == "".join(f"some {name}\n" for name in shown)


@pytest.mark.parametrize("level", ["critical", "debug"])
def test_output_topics_do_not_care_for_levels(level: str) -> None:
    sink, stream = terminal(level, topics=["stats"])
    sink.info("numbers", "stats")
    sink.info("files", "list")
    assert stream.getvalue() == "numbers\n"


def test_debug_topics_are_shown_alone() -> None:
    sink, stream = terminal(debug_topics=["borg.debug.files_cache"])
    sink.debug("wanted", "files_cache")
    sink.debug("other", "chunks")
    sink.debug("general")
    assert stream.getvalue() == "wanted\n"


def test_files_are_listed_if_asked_for_and_filtered() -> None:
    silent, stream = terminal()
    silent.status("A", b"file")
    assert not silent.wants_files
    assert stream.getvalue() == ""
    sink, stream = terminal(topics=["list"], status_filter="AE")
    assert sink.wants_files
    for letter, path in (("A", b"new"), ("U", b"old"), ("E", b"bad\xffname"), ("", b"plain")):
        sink.status(letter, path)
    assert stream.getvalue() == "A new\nE bad?name\nplain\n"


def test_warnings_are_counted_even_if_not_shown() -> None:
    sink, stream = terminal("critical")
    sink.warning("x", 107)
    sink.warning("y")
    sink.warning("harmless", 0)
    assert sink.warning_codes == {107, 1}
    assert stream.getvalue() == ""


def test_undecodable_bytes_in_messages_become_question_marks() -> None:
    sink, stream = terminal()
    sink.warning("f\udcffle: odd")
    assert stream.getvalue() == "f?le: odd\n"


def test_a_broken_output_is_not_worth_an_exception() -> None:
    for sink, stream in (terminal("debug"), json_lines("debug")):
        stream.close()
        emit_everything(sink)


# -- progress ----------------------------------------------------------------------------------------------------------


def test_archive_progress_is_one_line_rewritten() -> None:
    clock = Clock()
    sink, stream = terminal(progress=True, clock=clock)
    sink.archive_progress(1_500_000, 1000, 12, 7, b"dir/file")
    assert stream.getvalue() == "1.50 MB O 1.00 kB C 12 B D 7 N dir/file\r"
    clock.now += 1
    sink.archive_progress(1_500_000, 1000, 12, 8, b"x")
    assert stream.getvalue().endswith("\r1.50 MB O 1.00 kB C 12 B D 8 N 0 B/s x \r")
    sink.archive_finished()
    assert stream.getvalue().endswith("\r" + " " * len("1.50 MB O 1.00 kB C 12 B D 8 N 0 B/s x") + "\r")


def test_a_terminal_is_told_how_fast_and_how_long() -> None:
    clock = Clock()
    sink, stream = terminal(progress=True, clock=clock)
    assert sink.estimates
    sink.expected_bytes = 12_000_000
    for _ in range(3):
        sink.archive_progress(int((clock.now - 100) * 1_000_000), 0, 0, 1, b"x")
        clock.now += 2
    assert stream.getvalue().endswith("\r4.00 MB O 0 B C 0 B D 1 N 1.00 MB/s 0:00:08 left x\r")
    sink.archive_finished()
    for done in (0, 20):
        sink.progress("extract", done * 1_000_000, 100_000_000, "dir/file")
        clock.now += 10
    assert stream.getvalue().rstrip("\r ").endswith("\r 20.0% 2.00 MB/s 0:00:40 left Extracting: dir/file")
    sink.finished("extract")
    for number in (1, 31):
        sink.progress("repository.check", number, 91, "")
        clock.now += 60
    assert stream.getvalue().rstrip("\r ").endswith("\rChecking segments 33.0% 0:02:00 left")


def test_what_is_not_known_is_not_told() -> None:
    clock = Clock()
    sink, stream = terminal(progress=True, clock=clock)
    sink.expected_bytes = 100
    for done in (50, 150):  # more than the last time
        sink.archive_progress(done, 0, 0, 1, b"x")
        clock.now += 1
    assert "left" not in stream.getvalue()


def test_files_and_programs_are_told_what_borg_tells() -> None:
    for sink, stream in (json_lines(progress=True), into_a_file(progress=True)):
        assert not sink.estimates
        sink.expected_bytes = 100
        clock = Clock()
        sink._clock = clock
        for done in (10, 20):
            sink.archive_progress(done, 0, 0, 1, b"x")
            sink.progress("extract", done, 100, "x")
            clock.now += 10
        assert "left" not in stream.getvalue()
        assert "/s" not in stream.getvalue()


# -- what people gain --------------------------------------------------------------------------------------------------


def into_a_file(level: str = "warning", **settings: Any) -> tuple[TerminalReporter, io.StringIO]:
    stream = io.StringIO()
    return TerminalReporter(stream, level=LEVELS[level], **settings), stream


def test_a_backup_is_summed_up() -> None:
    sink, stream = terminal()
    for name in (b"a", b"b", b"b", b"c", b"d"):
        sink.warning("w", 105, path=name)
    sink.warning("w", 107, path=b"lost\xff")
    sink.warning("w", 100, path=b"x")
    sink.warning("w", 100, path=b"y")
    sink.warning("harmless", 0, path=b"z")
    sink.warning("about no file", 1)
    said = len(stream.getvalue())
    sink.sum_up("backup")
    told = stream.getvalue()[said:].splitlines()
    assert told[::2] == [
        "4 files could not be read, for lack of permission: a, b, c and 1 more",
        "1 file was not found: lost?",
        "2 files changed while they were read: x, y",
    ]
    assert all(line.startswith("  ") for line in told[1::2])


def test_a_restore_is_summed_up() -> None:
    sink, stream = terminal("error")
    sink.warning("w", 104, path=b"a")
    sink.warning("w", 101, path=b"no/such")
    sink.sum_up("restore")
    assert stream.getvalue() == "", "who wants errors only gets no warnings"
    sink.level = LEVELS["warning"]
    sink.sum_up("restore")
    assert stream.getvalue().splitlines()[::2] == [
        "1 file could not be restored: a",
        "1 pattern matched nothing in the archive: no/such",
    ]


@pytest.mark.parametrize("level", ["warning", "info", "debug"])
def test_summaries_are_for_people(level: str) -> None:
    for sink, stream in (into_a_file(level), json_lines(level)):
        sink.warning("w", 105, path=b"a")
        said = len(stream.getvalue())
        sink.sum_up("backup")
        assert stream.getvalue()[said:] == ""


def test_advice_is_for_people() -> None:
    for sink, stream in (into_a_file("debug"), json_lines("debug"), terminal("critical")):
        sink.advise("do this")
        assert stream.getvalue() == ""
    sink, stream = terminal("error")
    sink.advise("do this")
    sink.advise("")
    assert stream.getvalue() == "do this\n"


def test_progress_is_thinned_out() -> None:
    clock = Clock()
    sink, stream = terminal(progress=True, clock=clock)
    for files in range(10):
        sink.archive_progress(0, 0, 0, files, b"x")
        clock.now += 0.0625
    assert stream.getvalue().count("\r") == 3


def test_messages_wipe_the_progress_line_first() -> None:
    sink, stream = terminal(progress=True)
    sink.progress("check", 1, None, "Checking")
    sink.warning("Oh")
    assert stream.getvalue() == "Checking\r        \rOh\n"


def test_percentages_read_as_in_borg() -> None:
    sink, stream = terminal(progress=True)
    sink.progress("extract", 250, 1000, "dir/file")
    sink.finished("extract")
    sink.progress("repository.check", 2, 50, "Checking segments")  # the first is done
    assert stream.getvalue().startswith(" 25.0% Extracting: dir/file\r")
    assert stream.getvalue().endswith("\rChecking segments 2.0%\r")


def test_the_end_of_a_step_is_always_shown() -> None:
    clock = Clock()
    sink, stream = terminal(progress=True, clock=clock)
    for current in range(1001):
        sink.progress("extract", current, 1000, "x")
    assert "100.0% Extracting: x" in stream.getvalue()
    assert stream.getvalue().count("%") == 2


def test_without_progress_nothing_is_shown_of_it() -> None:
    for sink, stream in (terminal("debug"), json_lines("debug")):
        assert not sink.wants_progress
        sink.archive_progress(1, 1, 1, 1, b"x")
        sink.archive_finished()
        sink.progress("check", 1, 2, "x")
        sink.finished("check")
        sink.close()
        assert stream.getvalue() == ""


def test_long_lines_lose_their_middle() -> None:
    assert shorten("abcdefghij", 10) == "abcdefghij"
    assert shorten("abcdefghijk", 10) == "abc...hijk"
    assert len(shorten("x" * 200, 79)) == 79
    assert shorten("a\nb", 10) == "a?b"


# -- JSON --------------------------------------------------------------------------------------------------------------


def test_json_messages() -> None:
    sink, stream = json_lines("info")
    sink.info("hello")
    sink.warning("lost: not there", 107)
    sink.error("no", "LockTimeout")
    message = {"type": "log_message", "name": "borg.archiver"}
    assert records(stream) == [
        {**message, "message": "hello", "levelname": "INFO"},
        {**message, "message": "lost: not there", "levelname": "WARNING", "msgid": "BackupFileNotFoundError"},
        {**message, "message": "no", "levelname": "ERROR", "msgid": "LockTimeout"},
    ]


def test_json_files() -> None:
    sink, stream = json_lines(topics=["list"])
    sink.status("A", b"gr\xc3\xbcn\xff")
    sink.status("", b"passing")
    assert records(stream) == [
        {"type": "file_status", "status": "A", "path": "grün?"},
        {"type": "log_message", "message": "passing", "levelname": "INFO", "name": "borg.output.list"},
    ]


def test_json_archive_progress() -> None:
    sink, stream = json_lines(progress=True)
    sink.archive_progress(30, 20, 10, 2, b"path")
    sink.archive_finished()
    sink.archive_finished()
    assert records(stream) == [
        {
            "type": "archive_progress",
            "finished": False,
            "original_size": 30,
            "compressed_size": 20,
            "deduplicated_size": 10,
            "nfiles": 2,
            "path": "path",
        },
        {"type": "archive_progress", "finished": True},
    ]


def test_json_steps_are_numbered() -> None:
    sink, stream = json_lines(progress=True)
    sink.progress("cache.commit", 0, None, "Saving files cache")
    sink.finished("cache.commit")
    sink.progress("extract", 500, 1000, "path")
    sink.finished("extract")
    sink.finished("extract")
    first = {"operation": 1, "msgid": "cache.commit", "type": "progress_message"}
    second = {"operation": 2, "msgid": "extract", "type": "progress_percent"}
    percent = {"message": " 50.0% Extracting: path", "current": 500, "total": 1000, "info": ["path"]}
    assert records(stream) == [
        {**first, "message": "Saving files cache", "finished": False},
        {**first, "finished": True},
        {**second, **percent, "finished": False},
        {**second, "finished": True},
    ]


def test_archive_progress_in_a_log_file_is_a_line_each() -> None:
    stream = io.StringIO()
    sink = TerminalReporter(stream, progress=True)
    sink.archive_progress(
        2_000_000, 1_000_000, 500, 3, b"dir/a rather long path that a terminal would have to shorten, but a file not"
    )
    assert stream.getvalue().startswith("2.00 MB O 1.00 MB C 500 B D 3 N dir/a rather")
    assert stream.getvalue().endswith("but a file not\n")


def test_progress_can_be_asked_for_once() -> None:
    sink, stream = terminal()
    sink.tell_progress()
    assert sink.wants_progress
    sink.archive_progress(2_000_000, 1_000_000, 500, 3, b"dir/file")
    sink.archive_progress(3_000_000, 1_000_000, 500, 4, b"dir/other")
    assert not sink.wants_progress
    assert stream.getvalue() == "3 files with 2.00 MB so far, at dir/file\n"
