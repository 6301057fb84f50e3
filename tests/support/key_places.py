"""Where the keys of repositories lie, and losing them."""

from __future__ import annotations

import re
from pathlib import Path


def key_files(home: Path) -> list[Path]:
    """The key files below a home."""
    return [path for path in (home / ".config" / "borg" / "keys").glob("*") if path.is_file()]


def lose_key(repository: Path, home: Path) -> None:
    """Removes the key wherever it is."""
    config = repository / "config"
    config.write_text(re.sub(r"^key = .*?(?=^\S|^\n|\Z)", "", config.read_text(), flags=re.MULTILINE | re.DOTALL))
    for path in key_files(home):
        path.unlink()
