"""The change log of a release, out of fragments: `changelog.py collect VERSION DATE`, and `changelog.py notes VERSION`.

Who changes something that users notice leaves a fragment in changes/, a file of its own, so that no two changes get into each
other's way. `collect` puts them into CHANGELOG.md, behind what is there already of the unreleased version, and removes them;
`notes` prints what the change log says of a version, and fails if that is nothing, or that it is unreleased.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CHANGES = PROJECT / "CHANGELOG.md"
FRAGMENTS = PROJECT / "changes"
UNRELEASED = re.compile(r"^## .* – unreleased\n", re.MULTILINE)


def fragments() -> list[Path]:
    """In the order of their names; README.md says what they are."""
    return sorted(path for path in FRAGMENTS.glob("*.md") if path.name != "README.md")


def collect(changes: str, texts: list[str], version: str, date: str) -> str:
    """The change log with the released version at its head."""
    heading = f"## {version} – {date}\n"
    new = "".join(text.strip("\n") + "\n" for text in texts)
    begun = UNRELEASED.search(changes)
    if begun is None:
        if not new:
            raise SystemExit("error: neither CHANGELOG.md nor changes/ says what is new")
        title, _, rest = changes.partition("\n## ")
        return f"{title.rstrip()}\n\n{heading}\n{new}" + (f"\n## {rest}" if rest else "")
    before, after = changes[: begun.start()], changes[begun.end() :]
    section, mark, rest = after.partition("\n## ")
    return f"{before}{heading}{section.rstrip()}\n{new}{mark}{rest}"


def notes(changes: str, version: str) -> str:
    found = re.search(rf"^## {re.escape(version)} – ([^\n]*)\n(.*?)(?=^## |\Z)", changes, re.MULTILINE | re.DOTALL)
    if found is None or not found[2].strip():
        raise SystemExit(f"error: CHANGELOG.md says nothing about {version}")
    if found[1] == "unreleased":
        raise SystemExit(f"error: CHANGELOG.md calls {version} unreleased; run packaging/release.sh {version} first")
    return found[2].strip() + "\n"


def main(action: str, version: str, *date: str) -> None:
    if action == "notes":
        sys.stdout.write(notes(CHANGES.read_text(), version))
        return
    paths = fragments()
    CHANGES.write_text(collect(CHANGES.read_text(), [path.read_text() for path in paths], version, *date))
    for path in paths:
        path.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
