"""Starting is instant because little is imported; these lists keep it so.

A new module on a path is sometimes right, but never by accident: whoever adds it here has measured it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.programs import PROJECT, client_environment

SPY = """
import os, sys  # site would have loaded os
before = set(sys.modules)
from vinculum.cli.main import main
sys.argv[0] = "borg"
code = main({arguments!r})
print(*sorted(set(sys.modules) - before), file=sys.stderr)
sys.exit(code)
"""

# Each of these costs from half a millisecond to tens of them.
EXPENSIVE = {
    "asyncio",
    "concurrent.futures",
    "dataclasses",
    "importlib.metadata",
    "importlib.resources",
    "inspect",
    "logging",
    "multiprocessing",
    "pathlib",
    "pprint",
    "rich",
    "shutil",
    "socket",
    "stringprep",
    "subprocess",
    "tempfile",
    "traceback",
    "typing",
    "unittest",
    "urllib",
    "urllib.parse",
}


def imports(arguments: list[str], home: Path) -> set[str]:
    """The modules that a command loads; without `site`, whose startup files differ from one environment to the next."""
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    environment = {**client_environment(home), "PYTHONPATH": f"{PROJECT / 'src'}:{packages}"}
    command = [sys.executable, "-S", "-c", SPY.format(arguments=arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=home, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def test_version_imports_nothing(tmp_path: Path) -> None:
    assert imports(["--version"], tmp_path) == {
        "__future__",
        "vinculum",
        "vinculum.cli",
        "vinculum.cli.main",
        "vinculum.cli.program",
    }


def test_help_imports_only_parsers(tmp_path: Path) -> None:
    found = {name for name in imports(["help", "patterns"], tmp_path) if name.startswith("vinculum")}
    assert found == {
        "vinculum",
        "vinculum.cli",
        "vinculum.cli.commands",
        "vinculum.cli.commands.help",
        "vinculum.cli.common_options",
        "vinculum.cli.execution",
        "vinculum.cli.exit_codes",
        "vinculum.cli.help_layout",
        "vinculum.cli.locations",
        "vinculum.cli.main",
        "vinculum.cli.program",
        "vinculum.cli.old_options",
        "vinculum.cli.option_types",
        "vinculum.cli.parser",
        "vinculum.cli.registry",
        "vinculum.cli.session",
        "vinculum.cli.signals",
        "vinculum.errors",
        "vinculum.operations",
        "vinculum.operations.doors",
        "vinculum.operations.opened",
        "vinculum.platform",
        "vinculum.platform.last_resorts",
        "vinculum.ui",
        "vinculum.ui.formatting",
        "vinculum.ui.logging_setup",
        "vinculum.ui.prompts",
        "vinculum.ui.reporter",
        "vinculum.ui.terminal",
        "vinculum.ui.text",
    }


@pytest.mark.parametrize("mode", ["none", "repokey", "keyfile-blake2"])
def test_init_imports_nothing_expensive(mode: str, tmp_path: Path) -> None:
    assert imports(["--error", "init", "-e", mode, "repo"], tmp_path) & EXPENSIVE == set()


def test_listing_archives_imports_nothing_expensive(tmp_path: Path) -> None:
    imports(["--error", "init", "-e", "repokey", "repo"], tmp_path)
    found = imports(["list", "repo"], tmp_path)
    assert found & EXPENSIVE <= {"typing"}
    assert not any(name.startswith("vinculum.remote") for name in found), "the repository is here"


def best_of(runs: int, command: list[str], environment: dict[str, str]) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def test_version_takes_little_longer_than_python_itself(tmp_path: Path) -> None:
    environment = {**client_environment(tmp_path), "PYTHONPATH": str(PROJECT / "src")}
    bare = best_of(10, [sys.executable, "-c", "pass"], environment)
    start = "import sys; sys.argv[0] = 'borg'; from vinculum.cli.main import main; sys.exit(main(['--version']))"
    assert best_of(10, [sys.executable, "-c", start], environment) - bare < 0.060
