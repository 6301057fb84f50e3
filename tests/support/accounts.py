"""Several real accounts of this machine, and a real sshd through which they reach one of them: who may do what is as in life.

The program is copied to where everybody can read it, and run by the system's Python, since that of the tests may be anywhere.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

import msgpack  # type: ignore[import-untyped]

from support.programs import PROJECT, WITHOUT_A_SCRIPT, Completed
from support.ssh_server import free_port, make_key, start_sshd

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
LONGEST_RUN_S = 60


class Account:
    """A user with a home directory, `~/.ssh` and nothing else."""

    def __init__(self, name: str, home: Path, path: str) -> None:
        self.name = name
        self.home = home
        self._path = path
        add = ["useradd", "--create-home", "--home-dir", home, "--shell", "/bin/bash", "--password", "*", name]
        subprocess.run(add, check=True, capture_output=True)
        self._uid, self._gid = pwd.getpwnam(name)[2:4]
        self.write(".ssh/authorized_keys", "")

    def write(self, name: str, text: str) -> Path:
        """A file of the user's own, which nobody else may read."""
        file = self.home / name
        for directory in reversed([path for path in file.parents if path.is_relative_to(self.home) and not path.exists()]):
            directory.mkdir(mode=0o700)
            self.own(directory)
        file.write_text(text)
        file.chmod(0o600)
        self.own(file)
        return file

    def own(self, path: Path) -> None:
        """Makes that the user's."""
        os.chown(path, self._uid, self._gid)

    def run(self, script: str, *, code: int = 0, stdin: str = "") -> Completed:
        """What the user types at a shell; AssertionError if that ends with another exit code."""
        done = subprocess.run(
            ["bash", "-c", script],
            input=stdin.encode(),
            capture_output=True,
            cwd=self.home,
            env={"HOME": str(self.home), "USER": self.name, "LOGNAME": self.name, "PATH": self._path, "LANG": "C.UTF-8"},
            user=self._uid,
            group=self._gid,
            extra_groups=[],
            umask=0o022,
            timeout=LONGEST_RUN_S,
            check=False,
        )
        completed = Completed([script], done.returncode, done.stdout, done.stderr)
        assert completed.code == code, f"expected exit code {code}\n{completed}"
        return completed

    def remove(self) -> None:
        subprocess.run(["userdel", self.name], check=True, capture_output=True)


class Accounts:
    """Makes accounts until `close`, which removes them and all they have. `borg` is the program for all of them."""

    def __init__(self) -> None:
        self._umask = os.umask(0o022)  # whatever ran in this process before: the others have to reach the program
        self._place = Path(tempfile.mkdtemp(prefix="accounts-"))
        self._place.chmod(0o755)
        self._accounts: list[Account] = []
        self._run_id = secrets.token_hex(3)
        self._path = f"{self._install()}:{SYSTEM_PATH}"
        self._port = free_port()
        make_key(self._place / "host_key")
        config = self._place / "sshd_config"
        config.write_text(
            f"Port {self._port}\n"
            "ListenAddress 127.0.0.1\n"
            f"HostKey {self._place / 'host_key'}\n"
            "UsePAM no\n"
            "PasswordAuthentication no\n"
            "PidFile none\n"
            f"SetEnv PATH={self._path}\n"
        )
        self._daemon = start_sshd(config, self._port, self._place / "sshd.log")

    def _install(self) -> Path:
        source, programs = self._place / "source", self._place / "bin"
        shutil.copytree(PROJECT / "src" / "vinculum", source / "vinculum", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(Path(msgpack.__file__).parent, source / "msgpack")
        programs.mkdir()
        borg = programs / "borg"
        borg.write_text(f'#!/bin/sh\nexport PYTHONPATH={source}\nexec /usr/bin/python3 -c "{WITHOUT_A_SCRIPT}" "$@"\n')
        borg.chmod(0o755)
        return programs

    def add(self, role: str) -> Account:
        """A new user; the name is unique, so that tests do not meet."""
        account = Account(f"v{self._run_id}-{role}", self._place / role, self._path)
        self._accounts.append(account)
        return account

    def introduce(self, client: Account, server: Account, alias: str) -> None:
        """From now on the client can log in as that other user with a key of its own, by an alias in its configuration."""
        key = client.home / ".ssh" / "id_ed25519"
        make_key(key)
        client.own(key)
        with open(server.home / ".ssh" / "authorized_keys", "a") as known:
            known.write((key.with_name("id_ed25519.pub")).read_text())
        host_key = (self._place / "host_key.pub").read_text()
        client.write(".ssh/known_hosts", f"[127.0.0.1]:{self._port} {host_key}")
        client.write(".ssh/config", f"Host {alias}\n  HostName 127.0.0.1\n  Port {self._port}\n  User {server.name}\n")

    def close(self) -> None:
        self._daemon.terminate()
        self._daemon.wait()
        for account in self._accounts:
            account.remove()
        shutil.rmtree(self._place)
        os.umask(self._umask)
