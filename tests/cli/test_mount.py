"""The life of a mount: it comes when it works, and goes without leaving a lock or a dead directory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.mounts import is_mounted, mount_point, mounted
from support.programs import WITHOUT_A_SCRIPT, Program
from support.repositories import locks
from support.trees import build_plain
from support.waiting import wait_until


@pytest.fixture
def place(workplace: Path, vinculum: Program) -> Iterator[Path]:
    """Where to mount the repository that this makes."""
    build_plain(workplace / "source", files=20)
    vinculum.run("init", "-e", "repokey", "repo")
    vinculum.run("create", "repo::a", "source")
    with mount_point(workplace / "mnt") as place:
        yield place


def assert_nothing_is_left(place: Path, workplace: Path) -> None:
    wait_until(lambda: not is_mounted(place), "nothing is mounted")
    wait_until(lambda: locks(workplace / "repo") == [], "the lock is gone")
    assert os.listdir(place) == []


def serving_process(workplace: Path) -> int:
    """Whoever holds the lock."""
    roster = json.loads((workplace / "repo" / "lock.roster").read_text())
    ((_, pid, _),) = roster["shared"]
    return int(pid)


@pytest.mark.parametrize("command", [["fusermount3", "-u"], ["umount"]])
def test_unmounting_by_other_means_ends_it(command: list[str], vinculum: Program, place: Path, workplace: Path) -> None:
    vinculum.run("mount", "repo", place)
    pid = serving_process(workplace)
    subprocess.run([*command, place], check=True)
    assert_nothing_is_left(place, workplace)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the process has ended")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("in_use", [False, True])
def test_a_signal_unmounts(number: signal.Signals, in_use: bool, vinculum: Program, place: Path, workplace: Path) -> None:
    vinculum.run("mount", "repo", place)
    user = os.open(place / "a" / "source", os.O_RDONLY) if in_use else None
    os.kill(serving_process(workplace), number)
    assert_nothing_is_left(place, workplace)
    if user is not None:
        os.close(user)


def test_it_ends_in_the_middle_of_reading(vinculum: Program, place: Path, workplace: Path) -> None:
    """Content is handed to the system in advance then, which waits for pages that it asks for itself."""
    build_plain(workplace / "source", files=3000)
    vinculum.run("create", "repo::many", "source")
    for count in (1, 200, 2000):
        vinculum.run("mount", "repo::many", place)
        pid = serving_process(workplace)
        reader = subprocess.Popen(["tar", "--create", "."], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert reader.stdout is not None
        assert len(reader.stdout.read(count * 512)) == count * 512
        os.kill(pid, signal.SIGTERM)
        reader.communicate(timeout=30)
        assert_nothing_is_left(place, workplace)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the process has ended")  # noqa: B023


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_in_the_foreground_it_ends_like_any_command(
    number: signal.Signals, code: int, vinculum: Program, place: Path, workplace: Path
) -> None:
    running = vinculum.start("mount", "--foreground", "repo::a", place)
    wait_until(lambda: is_mounted(place), "it is mounted")
    assert os.listdir(place) == ["source"]
    running.send_signal(number)
    _, err = running.communicate(timeout=30)
    assert running.returncode == code, err
    assert_nothing_is_left(place, workplace)


def test_the_terminal_is_given_back_when_the_mount_works(vinculum: Program, place: Path, workplace: Path) -> None:
    """Whoever reads our output to its end need not wait for the unmounting, and finds files at once."""
    done = vinculum.run("mount", "--log-json", "--show-rc", "repo::a", place, timeout_s=30)
    assert os.listdir(place) == ["source"]
    assert done.stdout == b""
    assert done.stderr.count(b"terminating with success status, rc 0") == 1
    pid = serving_process(workplace)
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert {os.readlink(f"/proc/{pid}/fd/{stream}") for stream in range(3)} == {os.devnull}
    vinculum.run("umount", place)
    assert_nothing_is_left(place, workplace)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["repo::nope", "mnt"], "nope"),
        (["repo", "nowhere"], "Mount point must be a writable directory"),
        (["repo", "source/directory-0000/file-000000"], "Mount point must be a writable directory"),
        (["-o", "foo", "repo", "mnt"], "Unknown mount option: foo"),
        (["-o", "uid=me", "repo", "mnt"], "Mount option uid takes a number"),
        (["-o", "versions", "repo::a", "mnt"], "give the repository, not an archive"),
        (["absent", "mnt"], "does not exist"),
    ],
)
def test_errors_are_told_on_the_terminal(
    arguments: list[str], text: str, vinculum: Program, place: Path, workplace: Path
) -> None:
    failed = vinculum.run("mount", *arguments, code=2)
    assert text in failed.err
    assert failed.err.count("\n") == 1
    assert_nothing_is_left(place, workplace)


def test_a_wrong_passphrase_is_told_on_the_terminal(vinculum: Program, place: Path, workplace: Path) -> None:
    failed = vinculum.run("mount", "repo", place, code=52, BORG_PASSPHRASE="wrong", BORG_EXIT_CODES="modern")
    assert "passphrase" in failed.err
    assert_nothing_is_left(place, workplace)


def test_unmounting_what_is_not_mounted_is_an_error(vinculum: Program, place: Path) -> None:
    assert "nothing is mounted there" in vinculum.run("umount", place, code=2).err


def test_unmounting_what_is_in_use_is_an_error(vinculum: Program, place: Path) -> None:
    with mounted(vinculum, "repo", place):
        user = os.open(place, os.O_RDONLY)
        assert "it is in use" in vinculum.run("umount", place, code=2).err
        os.close(user)


def test_a_backup_has_to_wait_and_a_listing_has_not(vinculum: Program, place: Path) -> None:
    with mounted(vinculum, "repo", place):
        vinculum.run("list", "repo")
        failed = vinculum.run("create", "--lock-wait", "0", "repo::b", "source", code=73, BORG_EXIT_CODES="modern")
        assert "lock" in failed.err
    vinculum.run("create", "repo::b", "source")


def test_borgfs_is_the_same_under_a_name_of_its_own(vinculum: Program, place: Path, workplace: Path) -> None:
    call = [sys.executable, "-c", WITHOUT_A_SCRIPT.replace("'borg'", "'borgfs'")]
    borgfs = Program("borgfs", call, vinculum.environment, workplace)
    assert borgfs.run("--version").out.startswith("borgfs 1.4")
    assert "borgfs [options] REPOSITORY_OR_ARCHIVE MOUNTPOINT" in borgfs.run().out
    # As mount(8) calls it for an entry of fstab.
    borgfs.run(str(workplace / "repo"), place, "-o", "rw,noauto,user,allow_other")
    assert os.listdir(place) == ["a"]
    vinculum.run("umount", place)
    assert_nothing_is_left(place, workplace)


def test_without_fuse_it_says_what_to_install(vinculum: Program, place: Path) -> None:
    hidden = vinculum.behind("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh")
    failed = hidden.run("mount", "repo", place, code=2)
    assert "/dev/fuse is missing" in failed.err
    assert "fuse3" in failed.err
    assert failed.err.count("\n") == 1
