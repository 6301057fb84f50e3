"""The documentation says what is there: layers, native names, links, commands."""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from reference_pages import all_pages
from source_map import source_map

from support.programs import PROJECT
from vinculum import __version__
from vinculum.cli import registry
from vinculum.cli.parser import build_parser, load_command, read_help

DOCS = PROJECT / "docs"
PAGES = sorted([*PROJECT.glob("*.md"), *DOCS.rglob("*.md")])


def test_layers_are_those_of_the_contract() -> None:
    described = re.search(r"```layers\n(.*?)```", (DOCS / "architecture.md").read_text(), re.DOTALL)
    assert described is not None
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    (contract,) = [entry for entry in settings["tool"]["importlinter"]["contracts"] if entry["type"] == "layers"]
    # Parentheses tell import-linter not to insist on a module that is no Python.
    assert described[1].splitlines() == [re.sub("[()]", "", line) for line in contract["layers"]]


def test_every_layer_exists() -> None:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    listed = {name.strip("()") for line in layers for name in line.split(" | ")}
    source = PROJECT / "src" / "vinculum"
    packages = {path.name for path in source.iterdir() if (path / "__init__.py").exists()}
    modules = {path.stem for path in source.glob("*.py*") if not path.stem.startswith("__")}
    single = {"errors", "events", "warning_codes", "_native"}
    assert packages | single == listed
    assert single <= modules


def test_every_native_name_has_its_batch_unit() -> None:
    stub = ast.parse((PROJECT / "src/vinculum/_native.pyi").read_text())
    names = {node.name for node in stub.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    rows = [line.split("|")[1] for line in (DOCS / "native-boundary.md").read_text().splitlines() if line.startswith("| `")]
    described = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert described == names


def test_every_environment_variable_is_described() -> None:
    """And none that the program does not know."""
    trees = [ast.parse(path.read_text()) for path in (PROJECT / "src" / "vinculum").rglob("*.py")]
    texts = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    known = {text for text in texts if isinstance(text, str) and re.fullmatch("(BORG|VINCULUM)_[A-Z_]+", text)}
    page = (DOCS / "reference" / "environment.md").read_text()
    assert set(re.findall(r"`((?:BORG|VINCULUM)_[A-Z_]+)`", page)) == known


def test_reference_describes_every_option_and_help_text() -> None:
    """The reference is made from the parsers when the manual is built; here it is looked at with other eyes."""
    pages = {page.title: page.body for page in all_pages()}
    for name in registry.COMMANDS:
        parser = build_parser("borg", name, load_command(name))
        flags = {flag for action in parser._actions for flag in action.option_strings if action.help != argparse.SUPPRESS}
        described = set(re.findall(r"(?<=[ ,])-[-\w]+", pages[f"borg {name}"] + pages["borg"]))
        assert flags <= described, name
        words = re.findall(r"[a-z]{4,}", read_help(name))
        assert words == re.findall(r"[a-z]{4,}", re.sub(r"\.\. code-block.*", "", pages[f"borg {name}"]))[-len(words) :]
    assert len(pages) == len(registry.COMMANDS) + len(registry.TOPICS) + len(["borg", "borgfs", "vinculum"])
    mounting = re.findall(r"^\.\. option:: .*", pages["borg mount"], re.MULTILINE)
    assert mounting
    assert mounting == re.findall(r"^\.\. option:: .*", pages["borgfs"], re.MULTILINE)


GENERATED = {f"borg-{name.replace(' ', '-')}.rst" for name in (*registry.COMMANDS, *registry.TOPICS)}
GENERATED |= {"index.rst", "exit-codes.rst", "source-map.rst"}


def test_every_module_is_on_the_map() -> None:
    """With a sentence of its own."""
    rows = re.findall(r"\* - ``(.*)``\n     - (.+)", source_map(PROJECT))
    python = {path.name for path in (PROJECT / "src" / "vinculum").rglob("*.py")} - {"__init__.py"}
    rust = {path.name for path in (PROJECT / "native").glob("*/src/**/*.rs")}
    assert python | rust <= {name.rpartition("/")[2] for name, _ in rows}


def test_version_is_the_same_wherever_it_has_to_be_written() -> None:
    """Cargo.toml is where it is changed (packaging/release.sh does the rest)."""
    cargo = tomllib.loads((PROJECT / "Cargo.toml").read_text())["workspace"]
    locked = tomllib.loads((PROJECT / "Cargo.lock").read_text())["package"]
    own = {package["name"]: package["version"] for package in locked if package["name"].startswith("vinculum-")}
    assert own == {f"vinculum-{Path(member).name}": cargo["package"]["version"] for member in cargo["members"]}
    assert __version__ == cargo["package"]["version"]
    assert re.search(rf"^## {re.escape(__version__)} – ", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path) if path else page
        if place.parent.name == "generated":  # by `make docs`
            assert place.name in GENERATED, target
            continue
        assert place.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", place.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, target


# Pages that speak of the sources; others speak of what a repository, a client or a machine has.
ABOUT_SOURCES = [page for page in PAGES if page.parent in (PROJECT, DOCS, DOCS / "decisions", DOCS / "benchmarks")]
PLACES = ("", "src/vinculum", "tests", "native", "native/kernels/src")
BUILT = ("build/", ".venv/", "dist/")


def _exists(name: str) -> bool:
    paths = [PROJECT / place / f"{name}{ending}" for place in PLACES for ending in ("", ".py", ".rs")]
    return any(path.exists() for path in paths)


@pytest.mark.parametrize("page", ABOUT_SOURCES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_files_that_are_named_exist(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    named = [name for name in re.findall(r"`([^`\n]+)`", prose) if re.fullmatch(r"\.?\w[\w.-]*(/[\w.-]+)+/?", name)]
    missing = [name for name in named if not name.startswith(BUILT) and not _exists(name)]
    assert not missing


def test_every_decision_is_listed_by_its_title() -> None:
    listed = re.findall(r"\[(.*)\]\((0.*\.md)\)", (DOCS / "decisions" / "README.md").read_text())
    pages = sorted((DOCS / "decisions").glob("0*.md"))
    assert listed == [(page.read_text().partition("\n")[0].partition(". ")[2], page.name) for page in pages]


def test_decisions_that_sources_name_exist() -> None:
    for tree in ("src", "native", "packaging", "scripts", "benchmarks"):
        for path in (PROJECT / tree).rglob("*.*"):
            if path.suffix in (".py", ".rs", ".sh", ".pyi"):
                for name in re.findall(r"decisions?[/ ]+(\d[\w.-]*)", path.read_text()):
                    assert (DOCS / "decisions" / name).is_file(), f"{path}: {name}"


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "docs/testing.md", "docs/releasing.md", "docs/manual/installation.md"]
)
def test_commands_exist(page: str) -> None:
    """Every make target that a page tells people to type."""
    targets = set(re.findall(r"\bmake ([a-z]+)", (PROJECT / page).read_text()))
    listed = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert targets
    for target in targets:
        assert f"make {target} " in listed, target
