"""What differs from run to run in the output of commands, and the words that stand for it when outputs are compared."""

from __future__ import annotations

import re
from collections.abc import Iterable

Mask = tuple[re.Pattern[str], str]

IDS_AND_DURATIONS: tuple[Mask, ...] = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "<ID>"),
    (re.compile(r"Duration: .*"), "Duration: <DURATION>"),
    (re.compile(r'"duration": [\d.e-]+'), '"duration": <DURATION>'),
    (re.compile(r'"time": [\d.]+'), '"time": 0'),
)


def masked(text: str, masks: Iterable[Mask]) -> str:
    """The text after all of them, one after the other."""
    for pattern, word in masks:
        text = pattern.sub(word, text)
    return text
