"""What a client may choose where `borg serve` is a forced command: how much it is told, and nothing else."""

from __future__ import annotations

import argparse

import pytest

from vinculum.cli.forced_command import take_over
from vinculum.cli.parser import parse_command_line
from vinculum.errors import CommandError

FORCED = ["serve", "--append-only", "--info", "--umask=027", "--lock-wait=9", "--restrict-to-path=/srv", "--storage-quota=5G"]


def after(original: str) -> argparse.Namespace:
    args = parse_command_line("borg", FORCED)[1]
    take_over(args, original)
    return args


def chosen(args: argparse.Namespace) -> tuple[str, int, list[str]]:
    return args.log_level, args.lock_wait, args.debug_topics


@pytest.mark.parametrize(
    ("original", "result"),
    [
        ("borg serve", ("warning", 1, [])),
        ("borg serve --debug --debug-topic=x --debug-topic y", ("debug", 1, ["x", "y"])),
        ("/opt/borg/bin/borg --error serve --lock-wait 5", ("error", 5, [])),
        ("BORG_HOSTNAME_IS_UNIQUE=no A=b borg serve --umask=077 --info", ("info", 1, [])),
        ("borg list /srv/other", ("info", 9, [])),
        ("borg debug info", ("info", 9, [])),
    ],
)
def test_only_how_much_is_told_is_the_clients_choice(original: str, result: tuple[str, int, list[str]]) -> None:
    assert chosen(after(original)) == result


def test_everything_else_stays_as_it_was_forced() -> None:
    args = after(
        "borg serve --restrict-to-path=/ --restrict-to-repository=/x --storage-quota=9T --umask=0 --show-rc --threads 2"
    )
    forced = parse_command_line("borg", FORCED)[1]
    for name in ("paths", "repositories", "storage_quota", "umask", "append_only", "show_rc", "threads"):
        assert getattr(args, name) == getattr(forced, name)


@pytest.mark.parametrize("original", ["borg serve --colour", "rm -rf /", "borg serve --lock-wait=x", "borg nothing"])
def test_what_is_no_command_line_ends_the_connection(original: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        after(original)
    assert end.value.code == 2
    assert capsys.readouterr().out == ""


def test_quotes_that_do_not_match() -> None:
    with pytest.raises(CommandError):
        after("borg serve '")
