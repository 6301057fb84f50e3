"""Vorta's own test-suite, unmodified, with our `borg` first in PATH, then with Borg 1.4.5; windows are drawn nowhere.

Its unit tests feed it with recorded answers, its integration tests make repositories and archives and drive them by clicks.
Every test that Borg passes has to pass. A long form: VINCULUM_FRONTENDS=1, after `VINCULUM_FRONTENDS=1 scripts/oracles.sh`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from support.programs import ORACLES, Program, install

VERSION = "0.11.5"
VORTA = ORACLES / "vorta"
LONGEST_S = 1800
LEAST = {"unit": 190, "integration": 18}


@pytest.fixture(scope="module")
def source() -> Path:
    source = VORTA / f"source-{VERSION}"
    assert source.exists(), "Vorta is missing: run `VINCULUM_FRONTENDS=1 scripts/oracles.sh`"
    return source


def outcomes(source: Path, program: Program, suite: str, place: Path) -> dict[str, str]:
    """Test -> passed, skipped, or what went wrong."""
    (place / "home").mkdir(parents=True)
    install(program, place / "bin" / "borg")
    environment = {
        "HOME": str(place / "home"),
        "PATH": f"{place}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(place),
        "LANG": "C.UTF-8",
    }
    command = [VORTA / "bin" / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={place}/tmp"]
    report = place / "report.xml"
    done = subprocess.run(
        [*command, f"--junit-xml={report}", f"tests/{suite}"],
        cwd=source,
        env=environment,
        capture_output=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert report.exists(), done.stdout.decode() + done.stderr.decode()
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        trouble = next(iter(case), None)
        is_fine = trouble is None or trouble.tag not in ("failure", "error", "skipped")
        name = f"{case.get('classname')}::{case.get('name')}"
        found[name] = "passed" if is_fine or trouble is None else f"{trouble.tag}: {trouble.get('message')}"
    return found


@pytest.mark.parametrize("suite", LEAST)
def test_vorta(suite: str, source: Path, vinculum: Program, borg145: Program, tmp_path: Path) -> None:
    ours = outcomes(source, vinculum, suite, tmp_path / "ours")
    theirs = outcomes(source, borg145, suite, tmp_path / "theirs")
    passed = [name for name in theirs if theirs[name] == "passed"]
    assert len(passed) >= LEAST[suite]
    assert {name: ours.get(name) for name in passed} == dict.fromkeys(passed, "passed")
