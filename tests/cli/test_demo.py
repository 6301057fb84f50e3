"""The guided first backup works with nothing but the program."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from support.programs import PROJECT, Program


def test_demo_brings_monday_back(vinculum: Program, tmp_path: Path) -> None:
    place = tmp_path / "demo"
    wrapper = tmp_path / "borg"
    call = shlex.join(vinculum.call)
    wrapper.write_text(f'#!/bin/sh\nexec {call} "$@"\n')
    wrapper.chmod(0o755)
    environment = {**vinculum.environment, "VINCULUM_DEMO_PLACE": str(place)}
    done = subprocess.run(
        [PROJECT / "scripts" / "demo.sh", wrapper], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = [line for line in done.stdout.splitlines() if line.startswith("$ borg ")]
    assert [line.split()[2] for line in shown] == [
        *("--version", "init", "create", "create", "create", "list", "list", "list", "extract")
    ]
    assert "Same content." in done.stdout
    assert f"The repository is {place}/repo" in done.stdout
    assert (place / "restored" / "files").is_dir()
