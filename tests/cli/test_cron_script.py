"""The script that tutorials put into crontab runs as it is: create with nine options, then prune by prefix.

`tutorial.sh` is such a script to the letter, with a comment that somebody's editor broke in two. It is run by hand, by a
real cron with the little environment that cron gives, and by the command line of a systemd unit.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from support.archives import list_archives
from support.programs import Program
from support.trees import random_content

SCRIPT = Path(__file__).with_name("tutorial.sh").read_text()
HOST = os.uname().nodename.partition(".")[0]
KEYLESS = {"BORG_PASSPHRASE": ""}
LONGEST_WAIT_S = 120  # cron begins with the next minute

# Everybody's /usr/bin/borg is ours, and cron knows no jobs but ours: in a name space that ends with the daemon.
AS_INSTALLED = 'mount --bind "$0" /usr/bin/borg && exec "$@"'
ALONE_WITH_JOBS = """
for place in /run /var/spool/cron; do mount -t tmpfs none "$place" || exit; done
touch /run/crontab && mount --bind /run/crontab /etc/crontab && mount --bind "$0" /etc/cron.d && exec "$@"
"""

UNIT = """\
[Unit]
Description=Backup

[Service]
Type=oneshot
Environment=BORG_BASE_DIR={home}
ExecStart=/bin/sh {home}/borg.sh
"""
SYSTEMD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class User(NamedTuple):
    """Somebody who has followed the tutorial: a home with the script, a repository and something to back up."""

    home: Path
    program: Program

    @property
    def repository(self) -> Path:
        return self.home / "Documents/borgrepo"

    @property
    def source(self) -> Path:
        return self.home / "mydata"

    @property
    def script(self) -> Path:
        return self.home / "borg.sh"

    @property
    def log(self) -> str:
        """What the last run from cron said."""
        return (self.home / "log").read_text()

    def series(self, prefix: str) -> list[str]:
        """The archives with that prefix."""
        return [name for name in list_archives(self.program, self.repository) if name.startswith(f"{prefix}-")]

    def exit_code(self) -> int | None:
        """The exit code of the last run from cron, None before that."""
        code = self.home / "code"
        return int(code.read_text()) if code.exists() else None


NewUser = Callable[[str], User]


@pytest.fixture
def new_user(vinculum: Program, workplace: Path) -> NewUser:
    return lambda name: make_user(vinculum, workplace / name)


def make_user(program: Program, home: Path) -> User:
    home.mkdir()
    user = User(home, program.with_environment(HOME=str(home), BORG_BASE_DIR=str(home), **KEYLESS))
    (user.source / "cache").mkdir(parents=True)
    (user.source / "cache/CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55")
    (user.source / "cache/big").write_text("left out")
    (user.source / "data1.txt").write_text("left out")
    (user.source / "größer.txt").write_text("kept")
    user.script.write_text(
        SCRIPT.replace("asus:~/Documents/borgrepo", str(user.repository)).replace("/home/ubuntu/mydata", str(user.source))
    )
    assert str(user.repository) in user.script.read_text()
    assert str(user.source) in user.script.read_text()
    user.program.run("init", "-e", "repokey", "--make-parent-dirs", user.repository)
    return user


def make_history(user: User) -> None:
    """Archives of the last year, of this host and of another."""
    today = datetime.now(UTC)
    for days in (1, 2, 3, 5, 9, 11, 40, 80, 400, 401):
        stamp = (today - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S")
        for prefix in (HOST, "other"):
            user.program.run("create", "--timestamp", stamp, f"{user.repository}::{prefix}-{days}", user.source)


def assert_done(user: User, log: str, borg145: Program) -> None:
    """What the script is for has been done: a backup without what was to be left out, and pruning."""
    lines = [line for line in log.splitlines() if "terminating with" in line]
    assert lines == ["terminating with success status, rc 0"] * 2
    assert "Backup and Prune finished successfully" in log
    assert any(line.startswith("This archive:") for line in log.splitlines())
    borg145 = borg145.with_environment(**KEYLESS)
    (new,) = [name for name in user.series(HOST) if "T" in name]
    content = borg145.run("list", "--short", f"{user.repository}::{new}").out
    assert "größer.txt" in content
    assert "data1.txt" not in content
    assert "cache/big" not in content
    borg145.run("check", user.repository)


def assert_history_is_pruned(user: User, borg145: Program) -> None:
    """What is left satisfies real Borg, and other series were left alone."""
    borg145 = borg145.with_environment(**KEYLESS)
    rules = ["--keep-daily", "7", "--keep-weekly", "4", "--keep-monthly", "6", "-P", f"{HOST}-"]
    again = borg145.run("prune", "--dry-run", "--list", *rules, user.repository).err
    assert "Would prune" not in again
    assert len(user.series("other")) == 10
    assert 5 < len(user.series(HOST)) < 12


def command_file(program: Program, place: Path) -> Path:
    """A file that can stand for the installed program."""
    source = program.environment.get("PYTHONPATH", "")
    path = place / "borg"
    path.write_text(f'#!/bin/sh\nexec env PYTHONPATH={shlex.quote(source)} {shlex.join(program.call)} "$@"\n')
    path.chmod(0o755)
    return path


def test_it_runs_as_written(new_user: NewUser, vinculum: Program, borg145: Program, workplace: Path) -> None:
    user = new_user("user")
    make_history(user)
    path = f"{command_file(vinculum, workplace).parent}:{vinculum.environment['PATH']}"
    environment = {**user.program.environment, "PATH": path}
    done = subprocess.run(["sh", user.script], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert_done(user, done.stderr, borg145)
    assert_history_is_pruned(user, borg145)


# -- cron ------------------------------------------------------------------------------------------------------------------


@contextmanager
def cron(command: Path, jobs: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A cron that knows these jobs only, and obeys file modes although it is root's."""
    name_space = ["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"]
    obedient = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    daemon = ["sh", "-c", AS_INSTALLED, command, "sh", "-c", ALONE_WITH_JOBS, jobs, *obedient, "/usr/sbin/cron", "-f"]
    process = subprocess.Popen([*name_space, *daemon], stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def wait_for(users: list[User], daemon: subprocess.Popen[bytes]) -> None:
    begun = time.monotonic()
    while missing := [user.home.name for user in users if user.exit_code() is None]:
        assert daemon.poll() is None, "cron has ended"
        assert time.monotonic() < begun + LONGEST_WAIT_S, missing
        time.sleep(0.2)


def test_cron_runs_it(new_user: NewUser, vinculum: Program, borg145: Program, workplace: Path) -> None:
    """In its environment of four variables, with the exit codes that tell success from warnings and errors."""
    jobs = workplace / "cron.d"
    jobs.mkdir()
    names = ["content", "unlucky", "bereft", "waiting"]
    users = [new_user(name) for name in names]
    content, unlucky, bereft, waiting = users
    make_history(content)
    (unlucky.source / "unreadable").write_bytes(random_content(1, 100))
    (unlucky.source / "unreadable").chmod(0)
    bereft.repository.rename(bereft.home / "elsewhere")
    (waiting.repository / "lock.exclusive").mkdir()
    (waiting.repository / "lock.exclusive/another-host@1.1-0").touch()
    for user in users:
        # As in the tutorial, but for the home, and for where output and exit code go.
        job = "*/1 *   * * *   root  sh ~/borg.sh >~/log 2>&1; echo $? >~/code.new; mv ~/code.new ~/code"
        (jobs / user.home.name).write_text(f"HOME={user.home}\n{job}\n")
    with cron(command_file(vinculum, workplace), jobs) as daemon:
        wait_for(users, daemon)

    assert [user.exit_code() for user in users] == [0, 1, 2, 2]
    assert_done(content, content.log, borg145)
    assert_history_is_pruned(content, borg145)
    assert "unreadable: open: [Errno 13] Permission denied" in unlucky.log
    assert "finished with warnings" in unlucky.log
    (archive,) = unlucky.series(HOST)
    assert "größer.txt" in unlucky.program.run("list", "--short", f"{unlucky.repository}::{archive}").out
    assert f"Repository {bereft.repository} does not exist." in bereft.log
    assert "Failed to create/acquire the lock" in waiting.log
    for user in (bereft, waiting):
        assert user.log.count("terminating with error status, rc 2") == 2
        assert "finished with errors" in user.log


# -- systemd ---------------------------------------------------------------------------------------------------------------


def run_unit(unit: str, command: Path) -> subprocess.CompletedProcess[str]:
    """Starts it as systemd does a service of the system: with its own PATH, what the unit sets, and nothing else."""
    settings = [line.split("=", 1) for line in unit.splitlines() if "=" in line]
    environment = [value for key, value in settings if key == "Environment"]
    (start,) = [shlex.split(value) for key, value in settings if key == "ExecStart"]
    variables = ["env", "-i", f"PATH={SYSTEMD_PATH}", "LANG=C.UTF-8", *environment]
    call = ["unshare", "--mount", "sh", "-c", AS_INSTALLED, command, *variables, *start]
    return subprocess.run(
        call, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60, umask=0o022
    )


def test_a_systemd_unit_runs_it(new_user: NewUser, vinculum: Program, borg145: Program, workplace: Path) -> None:
    command = command_file(vinculum, workplace)
    user = new_user("user")
    unit = UNIT.format(home=user.home)
    done = run_unit(unit, command)
    assert done.returncode == 0, done.stderr
    assert_done(user, done.stderr, borg145)

    time.sleep(1)  # as the name of an archive is that of the second in which it begins
    user.source.rename(user.home / "elsewhere")
    done = run_unit(unit, command)
    assert done.returncode == 1, done.stderr
    user.repository.rename(user.home / "gone")
    assert run_unit(unit, command).returncode == 2
