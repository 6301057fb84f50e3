"""What is in a repository, told by the program itself: each archive with a digest of all that it holds."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys

from vinculum.cli.execution import execute

FORMAT = "{mode} {user} {group} {size} {mtime} {sha256} {path} {source}{NL}"


def survey(repository: str, memory: str) -> int:
    """Prints a JSON object, archive -> digest; returns the exit code of what went wrong.

    What an archive holds follows from its id as long as all objects are what their ids say, which is for `check` to tell. So
    each archive is looked at once: the file `memory` keeps the digests of ids.
    """
    known = _remembered(memory)
    code, lines = _ask("list", "--consider-checkpoints", "--format={id} {archive}{NL}", repository)
    found = {}
    for line in lines.splitlines():
        if code:
            break
        id, name = line.split(" ", 1)
        if id not in known:
            code, content = _ask("list", f"--format={FORMAT}", f"{repository}::{name}")
            if code:
                break
            known[id] = hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()[:16]
            with open(memory, "a") as file:
                file.write(f"{id} {known[id]}\n")
        found[name] = known[id]
    print(json.dumps(found))
    return code


def _remembered(memory: str) -> dict[str, str]:
    if not os.path.exists(memory):
        return {}
    with open(memory) as file:
        return dict(line.split() for line in file)


def _ask(*words: str) -> tuple[int, str]:
    shown, sys.stdout = sys.stdout, io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape")
    try:
        code = execute("borg", list(words))
        sys.stdout.flush()
        assert isinstance(sys.stdout, io.TextIOWrapper)
        return code, sys.stdout.buffer.getvalue().decode("utf-8", "surrogateescape")  # type: ignore[attr-defined]
    finally:
        sys.stdout = shown
