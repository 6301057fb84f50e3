"""The golden repositories under tests/golden/vectors/repos, unpacked for one test, with what must be found in them."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORIES = Path(__file__).resolve().parents[1] / "golden" / "vectors" / "repos"
LEGACY = "b145-legacy-passphrase"
"""The one that current programs open for migration only."""


class GoldenRepository(NamedTuple):
    """One unpacked repository."""

    name: str
    path: Path
    listing: dict[str, Any]
    environment: dict[str, str]
    """What a client needs in addition to open it: the key file where there is one, and leave to use it."""


def golden_names() -> list[str]:
    """The names of all golden repositories, sorted."""
    return sorted(path.name.removesuffix(".tar.gz") for path in REPOSITORIES.glob("b1*.tar.gz"))


def openable_names() -> list[str]:
    """The names of those that a client with the passphrase, or the key file, opens."""
    return [name for name in golden_names() if name != LEGACY]


def unpack_tar(path: Path, to: Path) -> None:
    """Unpacks everything as it is, on any Python: 3.11.2 has no filters yet, newer ones want to be told."""
    with tarfile.open(path) as tar:
        tar.extraction_filter = lambda member, _: member
        tar.extractall(to)


def unpack(name: str, to: Path) -> GoldenRepository:
    """Unpacks that repository below `to`."""
    unpack_tar(REPOSITORIES / f"{name}.tar.gz", to)
    environment = {"BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}
    key_file = to / name / "keyfile"
    if key_file.exists():
        environment["BORG_KEY_FILE"] = str(key_file)
    listing = json.loads((REPOSITORIES / f"{name}.json").read_text())
    return GoldenRepository(name, to / name / "repo", listing, environment)
