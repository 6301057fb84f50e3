"""What was measured of one workload in one place, and the file in which that is kept until it is measured again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from contenders import CONTENDERS
from paired import Measured, summary

if TYPE_CHECKING:
    from pathlib import Path

# The name under which the machine itself takes its turn.
LIMITS = "limits"
BASELINES = {one.label: one.baseline for one in CONTENDERS}


@dataclass
class Result:
    """All turns by contender, each a measurement by step; who could not take part, and why."""

    workload: str
    place: str
    date: str
    machine: list[str]
    files: int = 0
    size: int = 0
    programs: dict[str, str] = field(default_factory=dict)
    turns: dict[str, list[dict[str, Measured]]] = field(default_factory=dict)
    repository_mib: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        return len(self.turns[LIMITS])

    def median(self, label: str, step: str) -> Measured | None:
        calls = [turn[step] for turn in self.turns.get(label, []) if step in turn]
        return summary(calls) if calls else None

    def ratio(self, label: str, step: str, figure: str) -> float | None:
        """How many times less than Borg 1.4.5 in the same mode; `figure` names the field of Measured."""
        own, base = self.median(label, step), self.median(BASELINES[label], step)
        return getattr(base, figure) / getattr(own, figure) if own and base else None


def load(path: Path) -> list[Result]:
    """What the file has; nothing if there is none."""
    if not path.exists():
        return []
    results = [Result(**one) for one in json.loads(path.read_text())]
    for result in results:
        result.turns = {
            label: [{step: Measured(*figures) for step, figures in turn.items()} for turn in turns]
            for label, turns in result.turns.items()
        }
    return results


def save(path: Path, results: list[Result]) -> None:
    path.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
