"""What is in a repository, told by the program itself: each archive with a digest of all that it holds."""

from __future__ import annotations

import hashlib
import io
import json
import sys

from vinculum.cli.execution import execute

FORMAT = "{mode} {user} {group} {size} {mtime} {sha256} {path} {source}{NL}"


def survey(repository: str) -> int:
    """Prints a JSON object, archive -> digest; returns the exit code of what went wrong."""
    code, names = _ask("list", "--consider-checkpoints", "--format={archive}{NL}", repository)
    found = {}
    for name in names.splitlines():
        if code:
            break
        code, content = _ask("list", f"--format={FORMAT}", f"{repository}::{name}")
        found[name] = hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    print(json.dumps(found))
    return code


def _ask(*words: str) -> tuple[int, str]:
    shown, sys.stdout = sys.stdout, io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape")
    try:
        code = execute("borg", list(words))
        sys.stdout.flush()
        assert isinstance(sys.stdout, io.TextIOWrapper)
        return code, sys.stdout.buffer.getvalue().decode("utf-8", "surrogateescape")  # type: ignore[attr-defined]
    finally:
        sys.stdout = shown
