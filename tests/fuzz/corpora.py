"""The corpus of a target: a file with one input per line in base64, in order of length, so that changes read well."""

from __future__ import annotations

import importlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, cast

HERE = Path(__file__).parent


class Target(Protocol):
    """What a module in `targets` offers."""

    fuzz: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]


def names() -> list[str]:
    """The targets that exist."""
    return sorted(path.stem for path in (HERE / "targets").glob("[!_]*.py"))


def load(name: str) -> Target:
    """The target of that name; imports what it tests."""
    return cast(Target, importlib.import_module(f"fuzz.targets.{name}"))


def words(target: Target) -> list[bytes]:
    """What is worth inserting."""
    return list(getattr(target, "WORDS", ()))


def _file(name: str) -> Path:
    return HERE / "corpus" / f"{name}.txt"


def read(name: str) -> list[bytes]:
    """The inputs that were kept; none for a target that was never run."""
    path = _file(name)
    return [b64decode(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []


def write(name: str, inputs: Iterable[bytes]) -> None:
    """Keeps these inputs and no others."""
    lines = [b64encode(data).decode() + "\n" for data in sorted(set(inputs), key=lambda data: (len(data), data))]
    _file(name).write_text("".join(lines))
