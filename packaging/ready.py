"""What is still missing before anything can be published: `ready.py VERSION`. Ends with 1 if something is.

Building, installing and trying take none of this; publishing does. The last step of the release workflow asks, and so does
the rehearsal.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import changelog

PROJECT = Path(__file__).resolve().parent.parent


def missing(version: str) -> Iterator[str]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    stated = tomllib.loads((PROJECT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    if stated != version:
        yield f"the sources are version {stated}: run packaging/release.sh {version}"
    if changelog.fragments():
        yield "changes/ holds what is in no section of CHANGELOG.md"
    try:
        changelog.notes(changelog.CHANGES.read_text(), version)
    except SystemExit as error:
        yield str(error).removeprefix("error: ")
    if not any("email" in one for one in project.get("maintainers", ())):
        yield "nobody answers for the packages: `maintainers` in pyproject.toml has to name somebody with an address"
    if not project.get("urls"):
        yield "nobody can find the project: `urls` in pyproject.toml has to say where it is"


def main(version: str) -> int:
    found = list(missing(version))
    for what in found:
        print(f"Not ready to be published: {what}.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
