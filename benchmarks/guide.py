"""The table of the performance guide, made of the pages that benchmarks have published: `benchmarks/guide.py` writes it anew.

Nobody copies figures, so the guide says what was measured last. A guard compares it with the pages.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pages import PAGES
from paired import PROJECT

GUIDE = PROJECT / "docs/manual/performance.md"
HEADER = "| | vinculum | Borg 1.4.5 | times less | measured |\n| --- | ---: | ---: | ---: | --- |\n"
TABLE = re.compile(re.escape(HEADER) + r"(?:\|.*\n)+")
NUMBERS = {"one": 1, "two": 2, "three": 3}

OURS, THEIRS = "vinculum, repokey-blake2", "Borg 1.4.5, repokey-blake2"
FAR_OURS, FAR_THEIRS = "vinculum, vinculum's server", "Borg 1.4.5, Borg's server"


class Cell(NamedTuple):
    """Where a figure stands in a table of a page."""

    row: str
    column: str


class Line(NamedTuple):
    """A line of the guide. In `text`, `{}` stands for the number in front of `counted` on the page."""

    text: str
    page: str
    section: str  # how its heading begins; empty for what stands before the first one
    ours: Cell
    theirs: Cell
    counted: str = ""


def _programs(text: str, section: str, step: str, counted: str = "") -> Line:
    return Line(text, "create.md", section, Cell(OURS, step), Cell(THEIRS, step), counted)


def _steps(text: str, step: str, counted: str = "") -> Line:
    return Line(text, "restore.md", "", Cell(step, OURS), Cell(step, THEIRS), counted)


def _pairs(text: str, page: str, section: str, step: str, counted: str = "") -> Line:
    return Line(text, page, section, Cell(step, "vinculum"), Cell(step, "borg"), counted)


def _far(text: str, step: str, counted: str = "") -> Line:
    return Line(text, "remote.md", "", Cell(FAR_OURS, step), Cell(FAR_THEIRS, step), counted)


LINES = (
    _programs("first backup of `/usr` ({} files)", "A mixed tree, in memory", "first backup", " files"),
    _programs("the same, nothing changed", "A mixed tree, in memory", "unchanged"),
    _programs("first backup of {} small files", "Small files, in memory", "first backup", " files"),
    _programs("the same, nothing changed", "Small files, in memory", "unchanged"),
    _programs("first backup of large files ({} MiB)", "Large files, half", "first backup", " MiB"),
    _steps("restoring {} files", "restore", " files"),
    _steps("one file of them", "one file"),
    _steps("`list` of them", "list"),
    _steps("`diff` with another archive", "diff"),
    _steps("`check`", "check"),
    _steps("`check --verify-data`", "check all data"),
    _pairs("deleting {} archives", "life-cycle.md", "Changes in whole directories", "delete", " archives go"),
    _pairs("making a lost cache of theirs anew", "life-cycle.md", "Changes in whole directories", "rebuild the cache"),
    _far("first backup over 50 ms ({} MiB)", "first backup", " MiB"),
    _far("restoring that", "restore"),
    _pairs("first `ls` of {} files, mounted", "mount.md", "", "first ls of the archive, from starting the program", " files"),
    _pairs("`tar` of {} small files, mounted", "mount.md", "", "tar of small files", " of them in the tar"),
    _pairs("reading large files, mounted", "mount.md", "", "reading large files"),
)


def table() -> str:
    return HEADER + "".join(map(_render, LINES))


def _render(line: Line) -> str:
    page = (PAGES / line.page).read_text().replace("*", "")
    section = _section(page, line.section)
    ours, times = _figure(section, line.ours)
    theirs, _ = _figure(section, line.theirs)
    text = line.text.format(_search(rf"(\d+){line.counted}", section, page)) if line.counted else line.text
    rounds = _search(r"(?i)(\d+|one|two|three)\s+round", section, page)
    rounds = str(NUMBERS.get(rounds.lower(), rounds))
    measured = f"[{rounds} round{'s' * (rounds != '1')}](../benchmarks/{line.page})"
    return f"| {text} | {ours} | {theirs} | **{times}** | {measured} |\n"


def _section(page: str, title: str) -> str:
    """What stands below a heading; without one, the beginning of the page and its first section that has a table."""
    if title:
        return page.partition(f"\n## {title}")[2].partition("\n## ")[0]
    head, *sections = page.split("\n## ")
    return head if "\n| " in head else f"{head}\n{sections[0]}"


def _figure(section: str, cell: Cell) -> tuple[str, str]:
    """A time, and how many times less it is, if the table says so."""
    rows = [[part.strip() for part in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")]
    header = rows[0]
    (row,) = (row for row in rows if row[0] == cell.row)
    time, _, times = row[header.index(cell.column)].partition(" (")
    if not times and "borg / vinculum" in header:
        times = row[header.index("borg / vinculum")]
    return time, times.rstrip(")")


def _search(pattern: str, *texts: str) -> str:
    found = next(match for text in texts if (match := re.search(pattern, text)))
    return found[1]


def main() -> None:
    text, count = TABLE.subn(lambda _: table(), GUIDE.read_text())
    if count != 1:
        raise SystemExit(f"error: {GUIDE} has no table to be written anew")
    GUIDE.write_text(text)


if __name__ == "__main__":
    main()
