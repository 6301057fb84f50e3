"""Results as an SVG picture: a row of panels for each workload, a panel for each step, a bar for each program and place.

Lengths are times on the clock, each panel to its own scale; a dashed line is what the machine needs for the same in memory.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

import limits
from contenders import CONTENDERS
from report import LIMIT_OF, PLACES, STEPS, seconds
from results import LIMITS
from workloads import TITLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results import Result

MARGIN, LABELS, PANEL, GAP = 16, 190, 250, 20
BAR, ROW, HEADING, TITLE = 9, 26, 58, 100
# What a bar of full length leaves to the number behind it.
NUMBER = 96
COLOURS = {True: {"memory": "#1f5fa8", "disk": "#8fb4de"}, False: {"memory": "#6b6b6b", "disk": "#bdbdbd"}}
LIMIT_COLOUR = "#c0392b"
OURS = "vinculum"


class Bar(NamedTuple):
    """One program's time in one place."""

    wall_s: float
    text: str


def picture(results: list[Result]) -> str:
    workloads = [name for name in TITLES if any(result.workload == name for result in results)]
    labels = [one.label for one in CONTENDERS if any(one.label in result.turns for result in results)]
    width = 2 * MARGIN + LABELS + len(STEPS) * (PANEL + GAP)
    panel_height = HEADING + len(labels) * ROW
    height = TITLE + len(workloads) * panel_height + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"',
        ' font-family="DejaVu Sans, Verdana, sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *_legend(),
    ]
    for number, workload in enumerate(workloads):
        top = TITLE + number * panel_height
        parts.append(_text(MARGIN, top + 14, TITLES[workload].capitalize(), size=13, weight="bold"))
        parts += [_text(MARGIN, top + HEADING + row * ROW + 13, label) for row, label in enumerate(labels)]
        for column, step in enumerate(STEPS):
            left = MARGIN + LABELS + column * (PANEL + GAP)
            there = {result.place: result for result in results if result.workload == workload}
            parts += _panel(left, top, there, labels, step)
    return "\n".join([*parts, "</svg>"]) + "\n"


def bars(result: Result, labels: list[str], step: str) -> dict[str, Bar]:
    """What the panel of a step shows of one result; a program without a result has no bar."""
    shown = {}
    for label in labels:
        measured, ratio = result.median(label, step), result.ratio(label, step, "wall_s") if label in result.turns else None
        if measured:
            shown[label] = Bar(measured.wall_s, seconds(measured.wall_s) + (f" ({ratio:.1f}×)" if ratio is not None else ""))
    return shown


def _panel(left: float, top: float, there: dict[str, Result], labels: list[str], step: str) -> Iterator[str]:
    shown = {place: bars(there[place], labels, step) for place in PLACES if place in there}
    longest = max((bar.wall_s for bars_here in shown.values() for bar in bars_here.values()), default=0)
    yield _text(left, top + 34, STEPS[step], weight="bold")
    if not longest:
        return
    scale = (PANEL - NUMBER) / longest
    for row, label in enumerate(labels):
        for line, place in enumerate(shown):
            y = top + HEADING + row * ROW + line * (BAR + 2)
            if label not in shown[place]:
                yield _text(left, y + BAR - 1, "-", size=9)
                continue
            bar = shown[place][label]
            length = max(bar.wall_s * scale, 1)
            colour = COLOURS[label.startswith(OURS)][place]
            yield f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>'
            yield _text(left + length + 4, y + BAR - 1, bar.text, size=9)
    yield from _limit_lines(left, top, there, len(labels), step, scale)


def _limit_lines(left: float, top: float, there: dict[str, Result], rows: int, step: str, scale: float) -> Iterator[str]:
    result = there.get("memory") or next(iter(there.values()))
    for name, limited in LIMIT_OF.items():
        measured = result.median(LIMITS, name)
        if limited == step and measured and measured.wall_s * scale < PANEL:
            x, y = left + measured.wall_s * scale, top + HEADING - 4
            yield (
                f'<line x1="{x:.1f}" y1="{y + 2}" x2="{x:.1f}" y2="{y + rows * ROW}" '
                f'stroke="{LIMIT_COLOUR}" stroke-width="1" stroke-dasharray="3 2"/>'
            )
            # The names stand on two lines, as two limits may be close to each other.
            yield _text(x - 2, y if name == limits.KERNELS else y - 8, name, size=8, colour=LIMIT_COLOUR)


def _legend() -> Iterator[str]:
    yield _text(MARGIN, 24, "Time to back up", size=17, weight="bold")
    yield _text(
        MARGIN, 42, "seconds on the clock, medians; in brackets how many times faster than Borg 1.4.5; shorter is better"
    )
    x = float(MARGIN)
    for is_ours, who in ((True, OURS), (False, "others")):
        for place, where in PLACES.items():
            yield f'<rect x="{x}" y="54" width="12" height="12" fill="{COLOURS[is_ours][place]}"/>'
            yield _text(x + 17, 64, f"{who}, {where}")
            x += 150
    explanation = "dashed: what the machine needs in memory to read everything (cat), to walk (find), to run the kernels alone"
    yield _text(MARGIN, 84, explanation, colour=LIMIT_COLOUR)


def _text(x: float, y: float, text: str, *, size: int = 11, weight: str = "normal", colour: str = "#222222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{colour}">{escape(text)}</text>'
