"""One archive in words and numbers, as `info` shows it, and as `create` and `recreate` show what they just made."""

from __future__ import annotations

import shlex

from vinculum.objects.limits import MAX_DATA
from vinculum.ui import statistics_text
from vinculum.ui.formatting import format_duration, format_moment, format_moment_iso
from vinculum.ui.text import display_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from vinculum.archive.archive import ArchiveMetadata
    from vinculum.archive.statistics import Statistics


class ArchiveDescription:
    """Facts about an archive; `stored_size` is that of its archive object, which has a limit.

    `times` are when it was made, if the archive itself says something else.
    """

    def __init__(
        self,
        archive: ArchiveMetadata,
        archive_id: bytes,
        statistics: Statistics,
        stored_size: int,
        times: tuple[datetime, datetime] | None = None,
    ) -> None:
        self._archive = archive
        self._start, self._end = times or (archive.time, archive.time_end)
        self._id = archive_id
        self._statistics = statistics
        self._utilization = stored_size / MAX_DATA
        self._duration_s = (self._end - self._start).total_seconds()

    def document(self) -> dict[str, object]:
        """For JSON."""
        archive = self._archive
        return {
            "name": archive.name,
            "id": self._id.hex(),
            "start": format_moment_iso(self._start),
            "end": format_moment_iso(self._end),
            "duration": self._duration_s,
            "command_line": archive.cmdline,
            "stats": self._statistics.as_dict(),
            "limits": {"max_archive_size": self._utilization},
        }

    def full_document(self) -> dict[str, object]:
        """The same with where and how the archive was made."""
        archive = self._archive
        return {
            **self.document(),
            "cwd": archive.cwd or "",
            "hostname": archive.hostname or "",
            "username": archive.username or "",
            "comment": archive.comment,
            "chunker_params": list(archive.chunker_params or ()) or "",
        }

    def summary(self, location: str, *, iec: bool) -> list[str]:
        """Lines about an archive that was just made, up to its row of a table of sizes."""
        return [*self.facts(location), *self._table_lines(iec)]

    def facts(self, location: str) -> list[str]:
        """Lines about an archive that was just made, before they come to sizes."""
        return [
            statistics_text.RULE,
            f"Repository: {location}",
            *self._name_lines(),
            f"Time (start): {format_moment(self._start)}",
            f"Time (end):   {format_moment(self._end)}",
            *self._extent_lines(),
            f"Utilization of max. archive size: {self._utilization:.0%}",
            statistics_text.RULE,
        ]

    def full_text(self, *, iec: bool) -> list[str]:
        """Lines with all that is known of an archive, up to its row of a table of sizes."""
        archive = self._archive
        return [
            *self._name_lines(),
            f"Comment: {display_text(archive.comment)}",
            f"Hostname: {display_text(archive.hostname or '')}",
            f"Username: {display_text(archive.username or '')}",
            f"Time (start): {format_moment(self._start)}",
            f"Time (end): {format_moment(self._end)}",
            *self._extent_lines(),
            f"Working Directory: {display_text(archive.cwd or '')}",
            f"Command line: {display_text(shlex.join(archive.cmdline))}",
            f"Utilization of maximum supported archive size: {self._utilization:.0%}",
            statistics_text.RULE,
            *self._table_lines(iec),
        ]

    def _name_lines(self) -> list[str]:
        return [f"Archive name: {display_text(self._archive.name)}", f"Archive fingerprint: {self._id.hex()}"]

    def _extent_lines(self) -> list[str]:
        return [f"Duration: {format_duration(self._duration_s)}", f"Number of files: {self._statistics.nfiles}"]

    def _table_lines(self, iec: bool) -> list[str]:
        return [statistics_text.HEADER, statistics_text.archive_row(self._statistics, iec=iec)]
