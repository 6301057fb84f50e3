"""What a client asks ssh for where the key's owner has forced `borg serve`: it chooses how much it is told, and no more."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

from vinculum.cli.forced_command import take_over
from vinculum.cli.parser import parse_command_line
from vinculum.errors import Error

FORCED = ["serve", "--append-only", "--umask=027", "--restrict-to-path=/srv", "--storage-quota=5G", "--threads", "1"]
CHOICE = frozenset(("log_level", "lock_wait", "debug_topics"))
WORDS = [b"--debug", b"--restrict-to-path", b"--lock-wait=", b"--debug-topic=", b"A=b ", b"borg serve ", b"--", b"'", b"--info"]


def seeds() -> Iterator[bytes]:
    yield b"borg serve --umask=077 --info --lock-wait 5"
    yield b"BORG_X=y '/opt/borg bin/borg' --error serve --debug-topic=x --storage-quota=9T"
    yield b"borg list /srv::archive"
    yield b"borg serve --restrict-to-path=/ --restrict-to-repository / --append-only"


def fuzz(data: bytes) -> None:
    args = parse_command_line("borg", FORCED)[1]
    before = {name: value for name, value in vars(args).items() if name not in CHOICE}
    with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.redirect_stderr(io.StringIO()):
        try:
            take_over(args, data.decode("utf-8", "surrogateescape"))
        except (Error, SystemExit):
            return
    assert shown.getvalue() == ""  # replies go there
    assert {name: value for name, value in vars(args).items() if name not in CHOICE} == before
    assert args.log_level in ("debug", "info", "warning", "error", "critical")
    assert isinstance(args.lock_wait, int)
