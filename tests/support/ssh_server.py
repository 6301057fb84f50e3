"""A real sshd on 127.0.0.1 with a port and keys of its own, and the ssh configuration by which clients reach it.

What it starts runs as the user of the tests, in a home directory that the tests choose.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from support.programs import PROJECT

ALIAS = "backup-server"
START_S = 10
OUR_SOURCES = {"PYTHONPATH": str(PROJECT / "src")}


def free_port() -> int:
    """A port on 127.0.0.1 that nobody uses at the moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def make_key(path: Path) -> None:
    """A key without passphrase, and its public half beside it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)


def start_sshd(config: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    """Returns once it listens."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants an empty directory there
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"]) or "sshd"
    daemon = subprocess.Popen([sshd, "-D", "-E", log, "-f", config])
    deadline = time.monotonic() + START_S
    while not _is_listening(port):
        assert daemon.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    return daemon


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class SshServer:
    """Running from construction until `close`; with lines of sshd_config of one's own."""

    def __init__(self, place: Path, *config: str, settings: Mapping[str, str] = OUR_SOURCES) -> None:
        """`settings` are variables for what it starts."""
        place.mkdir(parents=True)
        self._settings = settings
        self.home = place / "home"
        self.home.mkdir()
        self.log = place / "sshd.log"
        self._config = place / "ssh_config"
        self.port = free_port()
        self.user_key = place / "user_key"
        for key in (place / "host_key", self.user_key):
            make_key(key)
        shutil.copy(place / "user_key.pub", place / "authorized_keys")
        # The command runs as if that directory were the user's home: what tests leave there is theirs.
        self._start = start = place / "start"
        self.force('command=$SSH_ORIGINAL_COMMAND\nunset SSH_ORIGINAL_COMMAND\nexec sh -c "$command"')
        start.chmod(0o755)
        (place / "sshd_config").write_text(
            f"Port {self.port}\n"
            "ListenAddress 127.0.0.1\n"
            f"HostKey {place / 'host_key'}\n"
            f"AuthorizedKeysFile {place / 'authorized_keys'}\n"
            "StrictModes no\n"
            "UsePAM no\n"
            "PasswordAuthentication no\n"
            "PermitRootLogin prohibit-password\n"
            "PidFile none\n"
            "SetEnv SHLVL=1\n"  # or the user's shell reads its start-up file, which may say anything
            f"ForceCommand {start}\n" + "".join(f"{line}\n" for line in config)
        )
        host_key = (place / "host_key.pub").read_text()
        (place / "known_hosts").write_text(f"{ALIAS} {host_key}[127.0.0.1]:{self.port} {host_key}")
        self._config.write_text(
            f"Host {ALIAS}\n"
            "  HostName 127.0.0.1\n"
            f"  Port {self.port}\n"
            f"  HostKeyAlias {ALIAS}\n"
            "Host *\n"
            f"  IdentityFile {self.user_key}\n"
            f"  UserKnownHostsFile {place / 'known_hosts'}\n"
            "  IdentitiesOnly yes\n"
            "  BatchMode yes\n"
        )
        self._daemon = start_sshd(place / "sshd_config", self.port, self.log)

    def force(self, command: str) -> None:
        """Whoever connects gets this command, and what was asked for in SSH_ORIGINAL_COMMAND, as by `command=` of a key."""
        settings = " ".join(f"{name}={value}" for name, value in {"HOME": str(self.home), **self._settings}.items())
        self._start.write_text(f"#!/bin/sh\nexport {settings}\ncd\n{command}\n")

    @property
    def rsh(self) -> str:
        """For BORG_RSH: an ssh that knows the server by its alias."""
        return f"ssh -F {self._config}"

    def rsh_without_key(self) -> str:
        """The same without its key: whoever uses it has to have another way to log in."""
        lines = self._config.read_text().splitlines(keepends=True)
        keyless = self._config.with_name("ssh_config_without_key")
        keyless.write_text("".join(line for line in lines if "Identit" not in line))
        return f"ssh -F {keyless}"

    def close(self) -> None:
        """Ends the daemon; connections that are still open live on."""
        self._daemon.terminate()
        self._daemon.wait()
