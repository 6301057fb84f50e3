"""A terminal on a machine of its own, at which somebody types commands one after the other, as a manual shows it.

The machine is made of name spaces: it is called `laptop`, and `anna` works there, whose home is empty. She can log in by ssh as
`backup` at `backup.example.com`, whose home is empty as well. So what she sees holds no name that a page could not show.

Nothing of it outlives the shell, and nothing of it is seen from outside.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sysconfig
import termios
import time
from pathlib import Path
from typing import Self

from support.programs import PROJECT, WITHOUT_A_SCRIPT
from support.ssh_server import make_key

PASSPHRASE = "correct horse"
ROWS, COLUMNS = 40, 128
LONGEST_COMMAND_S = 300

# What is typed where the program asks: the end of what it says, and the answer.
ANSWERS = (
    (re.compile(r"verification\? \[yN\]: ?$"), "n"),
    (re.compile(r"^Enter .*passphrase.*: ?$"), PASSPHRASE),
    (re.compile(r"\[yN\] ?$"), "y"),
    (re.compile(r"'YES'.*: ?$"), "YES"),
)
MOST_ANSWERS = 5  # to one command; more means that they do not please

# Each command comes as a string that ends with NUL; what the terminal shows at its end is its exit code between two marks.
# $? stays what the command before left, for those who ask.
LOOP = r"""
code=0
printf '\001%d\002' $code
while IFS= read -r -u 3 -d '' command; do
    (exit $code)
    eval "$command"
    code=$?
    printf '\001%d\002' $code
done
"""

NAME_SPACES = ["unshare", "--mount", "--pid", "--mount-proc", "--uts", "--net", "--fork", "--kill-child"]
MACHINE = r"""
set -e
umask 022
place=$1 bytecode=$2 source=$3 packages=$4
hostname laptop
mount -t tmpfs none /mnt
mkdir /mnt/place /mnt/source /mnt/packages /mnt/bytecode
mount --bind "$place" /mnt/place
mount --bind "$source" /mnt/source
mount --bind "$packages" /mnt/packages
mount --bind "$bytecode" /mnt/bytecode
mknod -m 666 /mnt/fuse c 10 229
mount --bind /mnt/fuse /dev/fuse
place=/mnt/place
mount --bind $place/bin /usr/local/bin
# A /etc of its own: what is mounted on single files vanishes when useradd outside replaces these.
mkdir /mnt/etc
mount --bind /etc /mnt/etc
mount -t tmpfs -o mode=755 none /etc
ln -s /mnt/etc/* /etc
rm /etc/passwd /etc/group /etc/shadow /etc/hosts /etc/ssh
cp -r $place/etc/. /etc
ln -sf /proc/self/mounts /etc/mtab
mount -t tmpfs -o mode=755 none /run
mkdir -p /run/sshd
mount -t tmpfs -o mode=755 none /home
for user in anna backup; do
    mkdir -p /home/$user/.ssh
    chmod 755 /home/$user
done
cp $place/user_key /home/anna/.ssh/id_ed25519
cp $place/user_key.pub /home/backup/.ssh/authorized_keys
chmod -R go= /home/*/.ssh
for user in anna backup; do chown -R $user: /home/$user; done
/usr/bin/python3 - <<'END'
import fcntl, socket, struct
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
END
/usr/sbin/sshd -E $place/sshd.log
cd /home/anna
exec setpriv --reuid=anna --regid=anna --init-groups env -i HOME=/home/anna USER=anna LOGNAME=anna SHELL=/bin/bash \
    PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 TERM=dumb TZ=UTC bash -c "$5"
"""

SSHD = """\
HostKey /etc/ssh/host_key
ListenAddress 127.0.0.1
UsePAM no
PasswordAuthentication no
PidFile none
LogLevel VERBOSE
SetEnv PATH=/usr/local/bin:/usr/bin:/bin
"""
USERS = {"root": (0, "/root"), "anna": (1000, "/home/anna"), "backup": (1001, "/home/backup"), "sshd": (990, "/run/sshd")}
BORG = f"""#!/bin/sh
export PYTHONPATH=/mnt/source:/mnt/packages PYTHONPYCACHEPREFIX=/mnt/bytecode
exec /usr/bin/python3 -c "{WITHOUT_A_SCRIPT}" "$@"
"""


class Console:
    """From construction until `close`; a context manager."""

    def __init__(self, place: Path, bytecode: Path) -> None:
        """`bytecode` is where Python keeps what it compiles, for this machine and others."""
        _furnish(place)
        bytecode.chmod(0o777)
        master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", ROWS, COLUMNS, 0, 0))
        commands, self._commands = os.pipe()
        self._terminal = master
        self._log = place / "sshd.log"
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        at_terminal = ["setsid", "--ctty", "bash", "-c", f'exec 3<&{commands}; exec "$@"', "bash"]
        packages = sysconfig.get_path("purelib")
        machine = ["sh", "-c", MACHINE, "sh", place, bytecode, PROJECT / "src", packages, LOOP]
        self._shell = subprocess.Popen(
            [*at_terminal, *NAME_SPACES, *machine], stdin=terminal, stdout=terminal, stderr=terminal, pass_fds=[commands]
        )
        os.close(terminal)
        os.close(commands)
        self._wait_for_end("the making of the machine")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the machine with all that runs there."""
        os.close(self._commands)
        self._shell.kill()
        self._shell.wait()
        os.close(self._terminal)

    def type(self, command: str) -> tuple[str, int]:
        """What the terminal shows until the command has ended, and its exit code. Questions are answered."""
        os.write(self._commands, command.encode() + b"\0")
        return self._wait_for_end(command)

    def server_log(self) -> str:
        """What the server's sshd has to say."""
        return self._log.read_text() if self._log.exists() else ""

    def _wait_for_end(self, what: str) -> tuple[str, int]:
        shown, answered = "", 0
        deadline = time.monotonic() + LONGEST_COMMAND_S
        while not (end := re.search("\x01(\\d+)\x02", shown)):
            assert time.monotonic() < deadline, f"{what} does not end; so far:\n{shown}"
            try:
                news = self._read()
            except OSError as error:
                raise AssertionError(f"the shell has ended in {what}:\n{shown}") from error
            if news:
                shown += news
                answered += self._answer(shown)
                assert answered <= MOST_ANSWERS, f"{what} keeps asking:\n{shown}"
        return shown[: end.start()].replace("\r\n", "\n"), int(end[1])

    def _read(self) -> str:
        """News; nothing if there are none for a second. OSError once nobody can write any more."""
        readable = select.poll()  # unlike select, it takes descriptors beyond 1023
        readable.register(self._terminal, select.POLLIN)
        if not readable.poll(1000):
            return ""
        return self._decoder.decode(os.read(self._terminal, 65536))

    def _answer(self, shown: str) -> int:
        """How many questions that were."""
        line = shown.rpartition("\n")[2]
        for question, answer in ANSWERS:
            if question.search(line):
                os.write(self._terminal, answer.encode() + b"\n")
                return 1
        return 0


def _furnish(place: Path) -> None:
    """What the machine's directories are made of."""
    programs, etc, keys = place / "bin", place / "etc", place / "etc" / "ssh"
    for directory in (programs, keys):
        directory.mkdir(parents=True)
    (programs / "borg").write_text(BORG)
    (programs / "borg").chmod(0o755)
    users = USERS.items()
    (etc / "passwd").write_text("".join(f"{name}:x:{number}:{number}::{home}:/bin/bash\n" for name, (number, home) in users))
    (etc / "group").write_text("".join(f"{name}:x:{number}:\n" for name, (number, _) in users))
    (etc / "shadow").write_text("".join(f"{name}:*:19000:0:99999:7:::\n" for name, _ in users))
    (etc / "hosts").write_text("127.0.0.1 localhost laptop backup.example.com\n")
    make_key(place / "user_key")
    make_key(keys / "host_key")
    (keys / "sshd_config").write_text(SSHD)
    (keys / "ssh_known_hosts").write_text(f"backup.example.com {(keys / 'host_key.pub').read_text()}")
