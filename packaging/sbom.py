"""What the packages are made of, as CycloneDX: `sbom.py > FILE`, run by the Python that the executable is made of.

Crates that are linked into the native module, by what Cargo resolved, and the Python packages that the program depends on, by
what is installed; beside them the interpreter, which is a part of the standalone executable only.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
_LINKED = {None}  # kinds of dependencies of crates: the ordinary ones


def crates() -> list[dict[str, object]]:
    """All crates that the bindings need to run, those for other systems left out."""
    about = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    target = re.search(r"^host: (.*)$", about, re.MULTILINE)
    assert target is not None
    command = ["cargo", "metadata", "--format-version=1", "--locked", f"--filter-platform={target[1]}"]
    described = json.loads(subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout)
    packages = {package["id"]: package for package in described["packages"]}
    nodes = {node["id"]: node for node in described["resolve"]["nodes"]}
    (start,) = [id for id, package in packages.items() if package["name"] == "vinculum-bindings"]
    linked, waiting = set(), [start]
    while waiting:
        id = waiting.pop()
        if id in linked:
            continue
        linked.add(id)
        kinds = ((dep["pkg"], {kind["kind"] for kind in dep["dep_kinds"]}) for dep in nodes[id]["deps"])
        waiting += [id for id, kind in kinds if kind & _LINKED]
    found = sorted((packages[id] for id in linked if packages[id]["source"]), key=lambda package: package["name"])
    return [component("cargo", package["name"], package["version"], package["license"] or "") for package in found]


def distributions() -> list[dict[str, object]]:
    """The Python packages that have to be there."""
    wanted = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    found = [metadata.distribution(re.split(r"[<>=!~ ;\[]", requirement)[0]) for requirement in wanted]
    return [component("pypi", one.name, one.version, _license(one)) for one in found]


def _license(distribution: metadata.Distribution) -> str:
    return distribution.metadata.get("License-Expression") or distribution.metadata.get("License") or ""


def component(kind: str, name: str, version: str, terms: str) -> dict[str, object]:
    described: dict[str, object] = {"type": "library", "name": name, "version": version, "purl": f"pkg:{kind}/{name}@{version}"}
    if terms:
        described["licenses"] = [{"expression": terms.replace("/", " OR ")}]
    return described


def main() -> None:
    version = tomllib.loads((PROJECT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    interpreter = component("generic", "cpython", platform.python_version(), "Python-2.0")
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {**component("pypi", "vinculum", version, "BSD-3-Clause"), "type": "application"}},
        "components": [*crates(), *distributions(), interpreter],
    }
    json.dump(document, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
