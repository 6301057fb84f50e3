"""The wheel and the sources, installed by pip, uv and pipx where nothing was before."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.products import BACKUP_AND_RESTORE, VERSION_LINE, product

PROGRAMS = {"borg", "borgfs", "vinculum"}


def make_environment(place: Path) -> Path:
    """The bin directory of a virtual environment with nothing but pip."""
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    return place / "bin"


def call(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, **environment},
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def assert_works(bin_directory: Path, place: Path) -> None:
    assert {path.name for path in bin_directory.iterdir()} >= PROGRAMS
    assert call(bin_directory / "borg", "--version") == VERSION_LINE
    settings = {"BORG": str(bin_directory / "borg"), "PLACE": str(place), "BORG_PASSPHRASE": "test"}
    assert call("sh", "-euc", BACKUP_AND_RESTORE, **settings).endswith("restored\n")


def test_wheel_is_for_all_pythons_and_holds_only_the_package() -> None:
    wheel = product("*manylinux*.whl")
    assert "-cp311-abi3-manylinux" in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"vinculum", wheel.name.split("-cp311")[0] + ".dist-info"}
    assert "vinculum/_native.abi3.so" in names
    assert "vinculum/py.typed" in names
    assert "vinculum/cli/help/create.txt" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any("__pycache__" in name for name in names)


def test_pip_installs_the_wheel(tmp_path: Path) -> None:
    programs = make_environment(tmp_path / "environment")
    call(programs / "pip", "install", "--quiet", product("*manylinux*.whl"))
    assert_works(programs, tmp_path / "place")
    example = "import vinculum; print(vinculum.open_repository.__name__)"
    assert call(programs / "python", "-c", example) == "open_repository\n"


@pytest.mark.parametrize("installer", ["uv", "pipx"])
def test_tool_installers_install_the_wheel(installer: str, tmp_path: Path) -> None:
    tools = make_environment(tmp_path / "tools")
    call(tools / "pip", "install", "--quiet", installer)
    target = tmp_path / "bin"
    home = {
        "HOME": str(tmp_path),
        "UV_TOOL_BIN_DIR": str(target),
        "PIPX_BIN_DIR": str(target),
        "PIPX_HOME": str(tmp_path / "x"),
    }
    words = ["tool", "install", "--python", sys.executable] if installer == "uv" else ["install"]
    call(tools / installer, *words, product("*manylinux*.whl"), **home)
    assert_works(target, tmp_path / "place")


def test_sdist_holds_what_building_takes_and_no_more() -> None:
    with tarfile.open(product("vinculum-*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "PKG-INFO", "pyproject.toml", "Cargo.toml", "Cargo.lock"} <= names
    assert {name.split("/")[0] for name in names if "/" in name} == {"native", "src"}
    assert "src/vinculum/cli/help/create.txt" in names
    assert not any(name.endswith((".so", ".pyc")) for name in names)


def test_pip_builds_the_sources(tmp_path: Path) -> None:
    """A C compiler and Rust are there; the build tools come from the registry."""
    programs = make_environment(tmp_path / "environment")
    call(programs / "pip", "install", "--quiet", product("vinculum-*.tar.gz"), CARGO_TARGET_DIR=str(tmp_path / "target"))
    assert_works(programs, tmp_path / "place")
