"""The Containerfile, carried out step by step in a clean root: no container program is needed, and none is tested."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.clean_root import SUITE, CleanRoot
from support.products import BACKUP_AND_RESTORE, DIST, VERSION_LINE
from support.programs import PROJECT

CONTAINERFILE = PROJECT / "packaging" / "Containerfile"
KNOWN = {"FROM", "COPY", "RUN", "ENV", "VOLUME", "ENTRYPOINT", "CMD"}


def instructions() -> list[tuple[str, str]]:
    text = CONTAINERFILE.read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found = [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in lines]
    assert {name for name, _ in found} <= KNOWN
    return found


@pytest.fixture
def container(tmp_path: Path) -> Iterator[tuple[CleanRoot, dict[str, str], list[str]]]:
    """What the instructions made: the root, the environment, the entry point."""
    environment: dict[str, str] = {}
    entry: list[str] = []
    with CleanRoot(tmp_path) as root:
        for name, argument in instructions():
            if name == "FROM":
                assert argument == f"docker.io/library/debian:{SUITE}-slim"
            elif name == "COPY":
                *sources, target = argument.split()
                for source in sources:
                    files = sorted(DIST.glob(source))
                    assert files, f"{source} is not in {DIST}: run `make dist` first"
                    for file in files:
                        root.copy_in(file, target.rstrip("/"))
            elif name == "RUN":
                root.shell(argument, **environment)
            elif name == "ENV":
                environment.update(re.findall(r"(\w+)=(\S+)", argument))
            elif name == "VOLUME":
                root.run("mkdir", "-p", argument)
            elif name == "ENTRYPOINT":
                entry = json.loads(argument)
        yield root, environment, entry


def test_what_the_instructions_make_backs_up_and_restores(container: tuple[CleanRoot, dict[str, str], list[str]]) -> None:
    root, environment, entry = container
    assert root.run(*entry, "--version", **environment) == VERSION_LINE
    settings = {**environment, "BORG": " ".join(entry), "PLACE": "/place"}
    assert root.shell(BACKUP_AND_RESTORE, **settings).endswith("restored\n")
    assert root.run("ls", "/packages", code=2)
