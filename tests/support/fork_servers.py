"""Programs imported already, each waiting to run one command after the other in a fork of its own; see `fork_server`."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cached_property
from pathlib import Path

from support.programs import PROJECT, Completed, client_environment, oracle_path

FORK_SERVER = Path(__file__).with_name("fork_server.py")
BORG_MODULES = ["borg.archiver", "borg.remote"]
OUR_MODULES = [
    "vinculum.cli.main",
    "vinculum.cli.execution",
    "vinculum.cli.creating",
    "vinculum.cli.pruning",
    "vinculum.cli.importing",
    "vinculum.cli.recreating",
    "vinculum.cli.checking",
    *(
        f"vinculum.cli.commands.{name}"
        for name in (
            "check",
            "compact",
            "create",
            "delete",
            "export_tar",
            "import_tar",
            "extract",
            "list",
            "info",
            "init",
            "config",
        )
    ),
    "vinculum.operations.check.check",
    "vinculum.archive.chunk_reader",
    "vinculum.archive.cache_sync",
    "vinculum.repository.repository",
    "vinculum.keys.counters",
    "vinculum.ui.item_keys",
    "vinculum.ui.archive_keys",
    "vinculum.ui.json_lines",
]


class ForkServer:
    """Runs command lines of one program; see `fork_server`. Confined to one thread."""

    def __init__(self, name: str, python: Path, modules: list[str], environment: dict[str, str], scratch: Path) -> None:
        self.name = name
        self._python = python
        self._modules = modules
        self._streams = [scratch / f"{name}.{stream}" for stream in ("stdin", "stdout", "stderr")]
        self._process = subprocess.Popen(
            [python, FORK_SERVER, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )

    def run(
        self, args: list[str], *, stdin: bytes, cwd: Path, environment: dict[str, str], obeys_modes: bool = False
    ) -> Completed:
        self._streams[0].write_bytes(stdin)
        if "BORG_EXIT_CODES" in environment:
            return self._run_afresh(args, stdin, cwd, environment)
        streams = [str(path) for path in self._streams]
        request = {"args": args, "cwd": str(cwd), "env": environment, "streams": streams, "obeys_modes": obeys_modes}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the server of {self.name} died"
        return Completed(["borg", *args], int(answer), self._streams[1].read_bytes(), self._streams[2].read_bytes())

    def _run_afresh(self, args: list[str], stdin: bytes, cwd: Path, environment: dict[str, str]) -> Completed:
        """In a process of its own: Borg looks at that variable when it is imported."""
        start = f"import sys, {self._modules[0]} as program; sys.argv[0] = 'borg'; sys.exit(program.main())"
        command = [str(self._python), "-c", start, *args]
        source = {"PYTHONPATH": str(PROJECT / "src")}
        done = subprocess.run(command, input=stdin, capture_output=True, cwd=cwd, env={**environment, **source}, check=False)
        return Completed(["borg", *args], done.returncode, done.stdout, done.stderr)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


class Servers:
    """All programs, waiting for work; one set serves all tests of a process."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self.theirs = self._real_borg("1.4.5", "theirs")
        source = {**client_environment(scratch), "PYTHONPATH": str(PROJECT / "src")}
        self.ours = ForkServer("ours", Path(sys.executable), OUR_MODULES, source, scratch)

    def _real_borg(self, version: str, name: str) -> ForkServer:
        environment = client_environment(self._scratch)
        return ForkServer(name, oracle_path(version, "python3"), BORG_MODULES, environment, self._scratch)

    @cached_property
    def oldest(self) -> ForkServer:
        """Borg 1.2.4, which few tests need."""
        return self._real_borg("1.2.4", "oldest")

    def close(self) -> None:
        self.theirs.close()
        self.ours.close()
        if "oldest" in vars(self):
            self.oldest.close()
