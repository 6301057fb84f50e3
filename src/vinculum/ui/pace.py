"""How fast a step is, and how long it will take from here: for the progress line of a terminal."""

from __future__ import annotations

from collections import deque

from vinculum.ui.formatting import format_size

WINDOW_S = 20.0
"""What happened before says little: first come unchanged files, then new ones."""
SETTLED_S = 1.0


class Pace:
    """Of one step. What is counted are bytes, or whatever else a step has many of."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def mark(self, now: float, done: int) -> None:
        """So much is done now."""
        marks = self._marks
        if marks and done < marks[-1][1]:
            marks.clear()  # another step
        marks.append((now, done))
        while now - marks[0][0] > WINDOW_S and len(marks) > 2:
            marks.popleft()

    def per_second(self) -> float | None:
        """None as long as nobody can tell."""
        if not self._marks:
            return None
        (begin, before), (end, done) = self._marks[0], self._marks[-1]
        return (done - before) / (end - begin) if end - begin >= SETTLED_S else None

    def rate(self, *, iec: bool) -> str:
        """ "210.52 MB/s ", or nothing yet."""
        speed = self.per_second()
        return "" if speed is None else f"{format_size(speed, iec=iec)}/s "

    def left(self, total: int | None) -> str:
        """ "0:01:20 left ", or nothing where it is not known."""
        speed = self.per_second()
        if not speed or total is None or total < self._marks[-1][1]:
            return ""
        minutes, seconds = divmod(round((total - self._marks[-1][1]) / speed), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02} left "
