"""What makes releases is not run by every test, but it is looked at: pins, names of parts, the script that sets the version."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from support.programs import PROJECT
from vinculum import __version__

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
VERSIONED = [
    "Cargo.toml",
    "Cargo.lock",
    "CHANGELOG.md",
    "src/vinculum/__init__.py",
    "packaging/release.sh",
    "packaging/changelog.py",
]


def test_actions_are_pinned_to_commits() -> None:
    used = [line for path in WORKFLOWS for line in re.findall(r"uses: (.*)", path.read_text())]
    assert len(used) >= 5
    for line in used:
        assert re.fullmatch(r"\./\.github/workflows/\w+\.yml|[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_workflows_call_what_is_there() -> None:
    texts = [path.read_text() for path in WORKFLOWS]
    parts = re.findall(r"^build_(\w+)\(\)", (PROJECT / "packaging/build.sh").read_text(), re.MULTILINE)
    called = set(re.findall(r"packaging/build\.sh (\w+)", "".join(texts)))
    assert called
    assert called <= set(parts)
    for program in re.findall(r"(?:packaging|\.ci)/[\w./]+", "".join(texts)):
        assert (PROJECT / program).exists(), program
    targets = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    wanted = set(re.findall(r"run: make ([\w-]+)", "".join(texts)))
    assert wanted
    for target in wanted:
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


OLDER = "## 0.9.0 – 2026-01-01\n\n* a\n"


def changelog(sources: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["python3", "packaging/changelog.py", *words]
    return subprocess.run(command, cwd=sources, capture_output=True, text=True, check=False)


def remove_fragments(sources: Path) -> None:
    for path in (sources / "changes").iterdir():
        if path.name != "README.md":
            path.unlink()


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The files that a new version changes, and what changes them."""
    for name in VERSIONED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    shutil.copytree(PROJECT / "changes", tmp_path / "changes")
    return tmp_path


def test_a_release_changes_the_version_and_nothing_else(sources: Path) -> None:
    old = re.search(r'^version = "(.*)"$', (sources / "Cargo.toml").read_text(), re.MULTILINE)
    assert old is not None
    (sources / "CHANGELOG.md").write_text("# Changes\n\n## 7.8.9 – unreleased\n\n* borg init\n")
    remove_fragments(sources)
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
        "packaging/changelog.py": [],
    }
    assert changelog(sources, "notes", "7.8.9").stdout == "* borg init\n"


def test_nothing_is_published_that_nobody_answers_for() -> None:
    done = subprocess.run(
        [sys.executable, "packaging/ready.py", __version__], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    named = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"].get("maintainers")
    assert ("nobody answers" in done.stdout) == (not named)
    assert done.returncode == bool(done.stdout)


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", ""])
def test_what_is_no_version_changes_nothing(version: str, sources: Path) -> None:
    done = subprocess.run(["packaging/release.sh", version], cwd=sources, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert all((sources / name).read_bytes() == (PROJECT / name).read_bytes() for name in VERSIONED)


def test_an_unreleased_version_has_no_notes(sources: Path) -> None:
    (sources / "CHANGELOG.md").write_text(f"# Changes\n\n## 1.0.0 – unreleased\n\n* something\n\n{OLDER}")
    assert "unreleased" in changelog(sources, "notes", "1.0.0").stderr
    assert changelog(sources, "notes", "0.9.0").stdout == "* a\n"


@pytest.mark.parametrize("begun", ["", "## 1.0.0 – unreleased\n\n* something\n\n"])
def test_fragments_become_the_section_of_a_release(begun: str, sources: Path) -> None:
    (sources / "CHANGELOG.md").write_text(f"# Changes\n\n{begun}{OLDER}")
    remove_fragments(sources)
    (sources / "changes" / "zebra.md").write_text("* stripes\n* more stripes\n\n")
    (sources / "changes" / "ape.md").write_text("* bananas\n")
    changelog(sources, "collect", "1.0.0", "2026-02-03")
    assert {path.name for path in (sources / "changes").iterdir()} == {"README.md"}
    text = (sources / "CHANGELOG.md").read_text()
    assert text.startswith("# Changes\n\n## 1.0.0 – 2026-02-03\n\n* ")
    assert text.endswith(f"* bananas\n* stripes\n* more stripes\n\n{OLDER}")
    assert ("* something\n" in text) == bool(begun)


def test_a_release_without_news_is_none(sources: Path) -> None:
    (sources / "CHANGELOG.md").write_text(f"# Changes\n\n{OLDER}")
    remove_fragments(sources)
    assert "what is new" in changelog(sources, "collect", "1.0.0", "2026-02-03").stderr


def test_fragments_are_lines_of_the_change_log() -> None:
    for path in (PROJECT / "changes").glob("*.md"):
        text = path.read_text()
        assert path.name == "README.md" or all(line.startswith(("* ", "  ")) for line in text.splitlines() if line), path
