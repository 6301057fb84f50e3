"""Prints what the change log says of a version: `notes.py VERSION`. Fails if it says nothing, or that it is unreleased."""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHANGES = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def notes(version: str, changes: str) -> str:
    found = re.search(rf"^## {re.escape(version)} – ([^\n]*)\n(.*?)(?=^## |\Z)", changes, re.MULTILINE | re.DOTALL)
    if found is None or not found[2].strip():
        raise SystemExit(f"error: CHANGELOG.md says nothing about {version}")
    if found[1] == "unreleased":
        raise SystemExit(f"error: CHANGELOG.md calls {version} unreleased; run packaging/release.sh {version} first")
    return found[2].strip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(notes(sys.argv[1], CHANGES.read_text()))
