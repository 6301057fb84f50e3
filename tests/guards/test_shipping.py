"""What makes releases is not run by every test, but it is looked at: pins, names of parts, the script that sets the version."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.programs import PROJECT

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
VERSIONED = [
    "Cargo.toml",
    "Cargo.lock",
    "CHANGELOG.md",
    "src/vinculum/__init__.py",
    "packaging/release.sh",
    "packaging/notes.py",
]


def test_actions_are_pinned_to_commits() -> None:
    used = [line for path in WORKFLOWS for line in re.findall(r"uses: (.*)", path.read_text())]
    assert len(used) >= 5
    for line in used:
        assert re.fullmatch(r"\./\.github/workflows/\w+\.yml|[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_workflows_call_what_is_there() -> None:
    texts = [path.read_text() for path in WORKFLOWS]
    parts = re.findall(r"^build_(\w+)\(\)", (PROJECT / "packaging/build.sh").read_text(), re.MULTILINE)
    for called in re.findall(r"packaging/build\.sh (\w+)", "".join(texts)):
        assert called in parts
    for program in re.findall(r"(?:packaging|\.ci)/[\w./]+", "".join(texts)):
        assert (PROJECT / program).exists(), program
    targets = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for target in re.findall(r"run: make ([\w-]+)", "".join(texts)):
        assert f"make {target} " in targets


def test_parts_of_a_release_are_built_in_the_order_that_is_described() -> None:
    script = (PROJECT / "packaging/build.sh").read_text()
    described = re.findall(r"^#     (\w+)  ", script, re.MULTILINE)
    assert described == re.findall(r"^build_(\w+)\(\)", script, re.MULTILINE)
    assert f"|| set -- {' '.join(described)}\n" in script


def test_development_container_has_what_the_workflow_has() -> None:
    """A JSON file with comments, as that format allows."""
    text = re.sub(r"^\s*//.*$", "", (PROJECT / ".devcontainer/devcontainer.json").read_text(), flags=re.MULTILINE)
    container = json.loads(text)
    workflow = (PROJECT / ".github/workflows/test.yml").read_text()
    assert f"image: {container['image']}\n" in workflow
    assert f"options: {' '.join(container['runArgs'])}\n" in workflow


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The files that a new version changes, and what changes them."""
    for name in VERSIONED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    return tmp_path


def test_a_release_changes_the_version_and_nothing_else(sources: Path) -> None:
    old = re.search(r'^version = "(.*)"$', (sources / "Cargo.toml").read_text(), re.MULTILINE)
    assert old is not None
    before = {name: (sources / name).read_text().splitlines() for name in VERSIONED}
    subprocess.run(["packaging/release.sh", "7.8.9"], cwd=sources, check=True, stdout=subprocess.DEVNULL)
    changed = {
        name: [new for new, was in zip((sources / name).read_text().splitlines(), before[name], strict=True) if new != was]
        for name in VERSIONED
    }
    today = changed.pop("CHANGELOG.md")
    assert len(today) == 1
    assert re.fullmatch(r"## 7\.8\.9 – \d{4}-\d\d-\d\d", today[0])
    assert changed == {
        "Cargo.toml": ['version = "7.8.9"'],
        "Cargo.lock": ['version = "7.8.9"'] * 3,
        "src/vinculum/__init__.py": ['__version__ = "7.8.9"'],
        "packaging/release.sh": [],
        "packaging/notes.py": [],
    }
    notes = ["python3", "packaging/notes.py", "7.8.9"]
    assert "borg init" in subprocess.run(notes, cwd=sources, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", ""])
def test_what_is_no_version_changes_nothing(version: str, sources: Path) -> None:
    done = subprocess.run(["packaging/release.sh", version], cwd=sources, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert all((sources / name).read_bytes() == (PROJECT / name).read_bytes() for name in VERSIONED)


def test_an_unreleased_version_has_no_notes(sources: Path) -> None:
    (sources / "CHANGELOG.md").write_text("# Changes\n\n## 1.0.0 – unreleased\n\n* something\n\n## 0.9.0 – 2026-01-01\n\n* a\n")
    done = subprocess.run(["python3", "packaging/notes.py", "1.0.0"], cwd=sources, capture_output=True, text=True, check=False)
    assert "unreleased" in done.stderr
    done = subprocess.run(["python3", "packaging/notes.py", "0.9.0"], cwd=sources, capture_output=True, text=True, check=True)
    assert done.stdout == "* a\n"
