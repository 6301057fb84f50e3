"""The program as it is started: names and versions, exit codes, messages, questions, signals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from support.programs import PROJECT, Program
from vinculum import BORG_VERSION, __version__

pytestmark = pytest.mark.can_be_far


def json_records(err: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in err.splitlines()]


def messages(err: str) -> list[tuple[str, str | None]]:
    return [(record["levelname"], record.get("msgid")) for record in json_records(err) if record["type"] == "log_message"]


# -- names and versions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_is_borgs_first(vinculum: Program, option: str) -> None:
    assert vinculum.run(option).out == f"borg {BORG_VERSION} (vinculum {__version__})\n"
    assert vinculum.run("--info", option).out == f"borg {BORG_VERSION} (vinculum {__version__})\n"


def test_under_its_own_name_its_own_version_is_first(workplace: Path) -> None:
    script = workplace / "vinculum"
    script.write_text(f"import sys\nsys.path.insert(0, {str(PROJECT / 'src')!r})\nfrom vinculum.cli.main import main\nmain()\n")
    printed = subprocess.run([sys.executable, script, "--version"], capture_output=True, check=True, text=True).stdout
    assert printed == f"vinculum {__version__} (borg {BORG_VERSION})\n"
    usage = subprocess.run([sys.executable, script, "list", "--help"], capture_output=True, check=True, text=True).stdout
    assert usage.startswith("usage: vinculum list ")


def test_it_can_be_started_as_a_module(workplace: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}
    command = [sys.executable, "-m", "vinculum", "--version"]
    printed = subprocess.run(command, capture_output=True, check=True, text=True, env=environment, cwd=workplace).stdout
    assert printed.startswith("borg ")


def test_versions_of_client_and_server(vinculum: Program) -> None:
    assert vinculum.run("version", "/nowhere").out == f"{BORG_VERSION} / {BORG_VERSION}\n"


# -- help and wrong use ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["help"], ["create", "--help"], ["help", "create"], ["help", "patterns"]]
)
def test_help_goes_to_stdout(vinculum: Program, arguments: list[str]) -> None:
    done = vinculum.run(*arguments)
    assert len(done.out.splitlines()) > 10
    assert done.err == ""


def test_help_on_nothing_we_know(vinculum: Program) -> None:
    assert "No help available on nonsense" in vinculum.run("help", "nonsense", code=2).err


def test_old_options_are_mentioned_but_harmless(vinculum: Program) -> None:
    done = vinculum.run("--show-rc", "init", "-e", "none", "--remote-buffer", "5", "repo")
    assert done.err.splitlines() == [
        'Warning: "--remote-buffer" has been deprecated. Use --upload-buffer instead.',
        "terminating with success status, rc 0",
    ]


# -- how it ends -------------------------------------------------------------------------------------------------------


def test_errors_are_one_line_and_the_exit_code_is_shown(vinculum: Program) -> None:
    repository = vinculum.cwd / "nothing"
    done = vinculum.run("--show-rc", "list", "nothing", code=2)
    assert done.err.splitlines() == [f"Repository {repository} does not exist.", "terminating with error status, rc 2"]
    done = vinculum.run("--show-rc", "list", "nothing", code=13, BORG_EXIT_CODES="modern")
    assert done.err.splitlines()[-1] == "terminating with error status, rc 13"
    assert vinculum.run("--critical", "list", "nothing", code=2).err == ""


def test_errors_as_json(vinculum: Program) -> None:
    done = vinculum.run("--log-json", "--show-rc", "list", "nothing", code=2)
    first, last = json_records(done.err)
    assert isinstance(first.pop("time"), float)
    assert first == {
        "type": "log_message",
        "message": f"Repository {vinculum.cwd / 'nothing'} does not exist.",
        "levelname": "ERROR",
        "name": "borg.archiver",
        "msgid": "Repository.DoesNotExist",
    }
    assert (last["name"], last["levelname"]) == ("borg.output.show-rc", "ERROR")


def test_tracebacks_are_for_debugging(vinculum: Program) -> None:
    assert "Traceback" not in vinculum.run("--info", "list", "nothing", code=2).err
    assert "Traceback" in vinculum.run("--debug", "list", "nothing", code=2).err


def test_bugs_come_with_what_a_report_needs(vinculum: Program, workplace: Path) -> None:
    broken = workplace / "sitecustomize.py"
    broken.write_text(
        "import vinculum.cli.commands.version as v\ndef run(args, session): raise RuntimeError('bug')\nv.run = run\n"
    )
    path = f"{workplace}{os.pathsep}{PROJECT / 'src'}"
    done = vinculum.run("version", "repo", code=2, PYTHONPATH=path)
    assert "RuntimeError('bug')" in done.err
    assert "Traceback" in done.err
    assert f"vinculum: {__version__}" in done.err
    assert "Platform" not in vinculum.run("version", "repo", code=2, PYTHONPATH=path, BORG_SHOW_SYSINFO="no").err


def test_show_version_logs_it(vinculum: Program) -> None:
    done = vinculum.run("--show-version", "version", "repo")
    assert done.err == f"borgbackup version {BORG_VERSION} (vinculum {__version__})\n"


def test_unknown_placeholders_are_errors_with_codes(vinculum: Program) -> None:
    for setting, code in (("legacy", 2), ("modern", 6)):
        done = vinculum.run("create", "repo::{nonsense}", "path", code=code, BORG_EXIT_CODES=setting)
        assert len(done.err.splitlines()) == 1


def test_writing_needs_locks(vinculum: Program) -> None:
    vinculum.run("init", "-e", "none", "repo")
    done = vinculum.run("--bypass-lock", "create", "repo::a", ".", code=2)
    assert "bypass" in done.err


# -- outputs that nobody reads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["help", "patterns"], ["create", "--help"], ["version", "repo"]])
def test_a_reader_that_has_seen_enough_is_no_error(vinculum: Program, arguments: list[str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [*vinculum.call, *arguments],
            stdout=write_end,
            stderr=subprocess.PIPE,
            env=vinculum.environment,
            cwd=vinculum.cwd,
            check=False,
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (0, b"")


# -- questions ---------------------------------------------------------------------------------------------------------


@pytest.mark.near_only
def test_what_cannot_be_printed_is_an_error(vinculum: Program, workplace: Path) -> None:
    repository = workplace / "repository"
    vinculum.run("init", "--encryption", "none", repository)
    vinculum.run("create", f"{repository}::archive", workplace / "repository" / "README")
    for words in ("--version", f"list {repository}", f"info {repository}", f"list {repository}::archive", "help"):
        for output in (">/dev/full", ">&-"):
            done = vinculum.behind("sh", "-c", f'exec "$@" {words} {output}', "sh").run(code=2)
            assert re.fullmatch("Error: .*\n", done.err), (words, output)


def test_no_file_takes_the_place_of_a_closed_stream(vinculum: Program, workplace: Path) -> None:
    """What is printed or logged would go into the repository."""
    repository = workplace / "repository"
    (workplace / "file").write_text("content")
    closed = vinculum.behind("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
    closed.run("init", "--encryption", "none", repository)
    closed.run("create", "--verbose", "--list", f"{repository}::archive", workplace / "file")
    vinculum.run("check", "--verify-data", repository)
    assert vinculum.run("list", "--short", repository).out == "archive\n"


def test_a_moved_repository_is_asked_about(vinculum: Program, workplace: Path) -> None:
    vinculum.run("init", "-e", "repokey", "old")
    (workplace / "old").rename(workplace / "new")
    done = vinculum.run("list", "new", code=2, stdin=b"n\n")
    assert "Do you want to continue? [yN] Aborting.\nRepository access aborted\n" in done.err
    done = vinculum.run(
        "--log-json", "list", "new", code=62, BORG_RELOCATED_REPO_ACCESS_IS_OK="maybe", BORG_EXIT_CODES="modern"
    )
    kinds = [record["type"] for record in json_records(done.err)]
    assert kinds == ["question_prompt", "question_env_answer", "question_invalid_answer", "log_message"]
    assert messages(done.err) == [("ERROR", "Cache.RepositoryAccessAborted")]
    vinculum.run("list", "new", stdin=b"y\n")
    assert vinculum.run("list", "new").err == ""


# -- signals -----------------------------------------------------------------------------------------------------------


def wait_for_prompt(process: subprocess.Popen[bytes]) -> None:
    assert process.stderr is not None
    os.set_blocking(process.stderr.fileno(), False)
    said = b""
    deadline = time.monotonic() + 30
    while b"Enter new passphrase" not in said:
        assert time.monotonic() < deadline, said
        assert process.poll() is None, said
        said += process.stderr.read() or b""
        time.sleep(0.01)
    os.set_blocking(process.stderr.fileno(), True)


def end_by_signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Again if need be: one that comes just before a read begins does not end the read."""
    for _ in range(10):
        process.send_signal(number)
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            continue
        return


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        (signal.SIGTERM, 143, "Received SIGTERM"),
        (signal.SIGHUP, 129, "Received SIGHUP."),
        (signal.SIGINT, 130, "Keyboard interrupt"),
    ],
)
def test_signals_end_it_cleanly(vinculum: Program, workplace: Path, number: signal.Signals, code: int, text: str) -> None:
    environment = {key: value for key, value in vinculum.environment.items() if key != "BORG_PASSPHRASE"}
    process = subprocess.Popen(
        # Whoever runs the tests may ignore the signal, as nohup does.
        ["env", "--default-signal", *vinculum.call, "--show-rc", "init", "-e", "repokey", "--make-parent-dirs", "a/b/repo"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=workplace,
        start_new_session=True,
    )
    wait_for_prompt(process)
    assert (workplace / "a/b/repo/config").exists()
    end_by_signal(process, number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert err.decode().splitlines() == [text, f"terminating with signal status, rc {code}"]
    assert list(workplace.iterdir()) == []


def test_nohup_stays_in_force(vinculum: Program) -> None:
    environment = {key: value for key, value in vinculum.environment.items() if key != "BORG_PASSPHRASE"}
    process = subprocess.Popen(
        ["nohup", *vinculum.call, "init", "-e", "repokey", "repo"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=vinculum.cwd,
        start_new_session=True,
    )
    wait_for_prompt(process)
    process.send_signal(signal.SIGHUP)
    process.communicate(b"secret\nsecret\nn\n", timeout=30)
    assert process.returncode == 0
    vinculum.run("list", "repo", BORG_PASSPHRASE="secret")


# -- other ways to report ----------------------------------------------------------------------------------------------


def test_logging_can_be_configured_by_a_file(vinculum: Program, workplace: Path) -> None:
    log = workplace / "log"
    config = workplace / "logging.conf"
    config.write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=file\n[formatters]\nkeys=plain\n"
        "[logger_root]\nlevel=NOTSET\nhandlers=file\n"
        f"[handler_file]\nclass=FileHandler\nargs=({str(log)!r},)\nformatter=plain\n"
        "[formatter_plain]\nformat=%(name)s %(levelname)s %(message)s\n"
    )
    done = vinculum.run("--show-rc", "list", "nothing", code=2, BORG_LOGGING_CONF=str(config))
    assert done.err == ""
    assert log.read_text().splitlines() == [
        f"borg.archiver ERROR Repository {workplace / 'nothing'} does not exist.",
        "borg.output.show-rc ERROR terminating with error status, rc 2",
    ]
    done = vinculum.run("list", "nothing", code=2, BORG_LOGGING_CONF="/no/such/file")
    assert "cannot set up logging" in done.err


def test_profiles_can_be_written(vinculum: Program, workplace: Path) -> None:
    vinculum.run("--debug-profile", "a.pyprof", "version", "repo")
    vinculum.run("version", "--debug-profile", "b.prof", "repo")
    assert (workplace / "a.pyprof").stat().st_size > 0
    assert (workplace / "b.prof").stat().st_size > 0
