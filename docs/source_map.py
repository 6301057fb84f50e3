"""The map of the sources: what each module says of itself in its first sentence, layer by layer.

`source_map` is called when the manual is built. The sources are read, not imported.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

SENTENCE = re.compile(r"(.*?\.)(?=\s|$)", re.DOTALL)


def source_map(project: Path) -> str:
    """A page in reStructuredText."""
    python = project / "src" / "vinculum"
    places = [(f"src/vinculum/{layer}", "py", python / layer) for layer in _layers(python)]
    places += [(str(path.relative_to(project)), "rs", path) for path in sorted((project / "native").glob("*/src"))]
    return _TITLE + "".join(_section(title, ending, place) for title, ending, place in places)


_TITLE = """Map of the sources
==================

What each module says of itself in its first sentence; its head says more. What the layers are, and how work flows through
them, is on the page about the :doc:`architecture </architecture>`.

"""


def _layers(python: Path) -> list[str]:
    """All packages, the upper ones first; last those that are modules themselves."""
    listed = re.search(r"```layers\n(.*?)```", (python.parents[1] / "docs" / "architecture.md").read_text(), re.DOTALL)
    assert listed is not None
    names = re.split(r" \| |\n", listed[1].strip())
    return [name for name in names if (python / name).is_dir()] + [""]


def _section(title: str, ending: str, place: Path) -> str:
    paths = sorted(place.glob(f"*.{ending}") if place.name == "vinculum" else place.rglob(f"*.{ending}"))
    said = {path.relative_to(place).as_posix(): _first_sentence(path) for path in paths}
    whole = said.pop("__init__.py", "")
    rows = "".join(f"   * - ``{name.removesuffix('__init__.py')}``\n     - {_escape(text)}\n" for name, text in said.items())
    return f"{title.rstrip('/')}\n{'-' * len(title)}\n\n{_escape(whole)}\n\n.. list-table::\n   :widths: 30 70\n\n{rows}\n"


def _first_sentence(path: Path) -> str:
    text = path.read_text()
    if path.suffix == ".py":
        head = ast.get_docstring(ast.parse(text)) or ""
    else:
        lines = re.findall(r"^//!(.*)\n", text, re.MULTILINE)
        head = "\n".join(line.strip() for line in lines)
    head = head.partition("\n\n")[0]
    found = SENTENCE.match(head)
    return " ".join((found[1] if found else head).split())


def _escape(text: str) -> str:
    """Names that stand in single backquotes are code."""
    parts = text.split("`")
    return "".join(f"``{part}``" if at % 2 else re.sub(r"([\\*|_])", r"\\\1", part) for at, part in enumerate(parts))
