"""The recorded vectors, to begin with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[1] / "golden" / "vectors"


def vectors(name: str) -> dict[str, Any]:
    """One of the files."""
    content: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text())
    return content
