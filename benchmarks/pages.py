"""Benchmarks whose result is a page: tried out in build/bench, published in docs/benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paired import PROJECT

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

BENCH = PROJECT / "build/bench"
PAGES = PROJECT / "docs/benchmarks"


def add_options(parser: argparse.ArgumentParser, *, rounds_to_publish: int, quick: str = "a sixteenth of the data") -> None:
    """What each of them can be told; `quick` says how it measures less."""
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--rounds", type=int, help=f"turns of each program; default 1, {rounds_to_publish} to publish")
    parser.add_argument("--publish", action="store_true", help="into docs/benchmarks instead of build/bench")
    parser.set_defaults(rounds_to_publish=rounds_to_publish)


def parse(parser: argparse.ArgumentParser, arguments: list[str] | None = None) -> argparse.Namespace:
    """What it was told, and how many rounds that means."""
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (options.rounds_to_publish if options.publish else 1)
    if options.publish and options.quick:
        parser.error("what is published is of full size")
    return options


def directory(options: argparse.Namespace) -> Path:
    """Where the result belongs."""
    place = PAGES if options.publish else BENCH
    place.mkdir(parents=True, exist_ok=True)
    return place
