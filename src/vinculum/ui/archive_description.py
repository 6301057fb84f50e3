"""One archive in words and numbers, as `info` shows it and as `create` shows what it just made."""

from __future__ import annotations

import shlex

from vinculum.objects.codec import MAX_DATA
from vinculum.ui import statistics_text
from vinculum.ui.formatting import format_duration, format_moment, format_moment_iso
from vinculum.ui.text import display_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.archive.archive import ArchiveMetadata
    from vinculum.archive.statistics import Statistics


class ArchiveDescription:
    """Facts about an archive; `stored_size` is that of its archive object, which has a limit."""

    def __init__(self, archive: ArchiveMetadata, archive_id: bytes, statistics: Statistics, stored_size: int) -> None:
        self._archive = archive
        self._id = archive_id
        self._statistics = statistics
        self._utilization = stored_size / MAX_DATA
        self._duration_s = (archive.time_end - archive.time).total_seconds()

    def document(self) -> dict[str, object]:
        """For JSON."""
        archive = self._archive
        return {
            "name": archive.name,
            "id": self._id.hex(),
            "start": format_moment_iso(archive.time),
            "end": format_moment_iso(archive.time_end),
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
        archive = self._archive
        return [
            statistics_text.RULE,
            f"Repository: {location}",
            *self._name_lines(),
            f"Time (start): {format_moment(archive.time)}",
            f"Time (end):   {format_moment(archive.time_end)}",
            *self._extent_lines(),
            f"Utilization of max. archive size: {self._utilization:.0%}",
            *self._table_lines(iec),
        ]

    def full_text(self, *, iec: bool) -> list[str]:
        """Lines with all that is known of an archive, up to its row of a table of sizes."""
        archive = self._archive
        return [
            *self._name_lines(),
            f"Comment: {display_text(archive.comment)}",
            f"Hostname: {display_text(archive.hostname or '')}",
            f"Username: {display_text(archive.username or '')}",
            f"Time (start): {format_moment(archive.time)}",
            f"Time (end): {format_moment(archive.time_end)}",
            *self._extent_lines(),
            f"Working Directory: {display_text(archive.cwd or '')}",
            f"Command line: {display_text(shlex.join(archive.cmdline))}",
            f"Utilization of maximum supported archive size: {self._utilization:.0%}",
            *self._table_lines(iec),
        ]

    def _name_lines(self) -> list[str]:
        return [f"Archive name: {display_text(self._archive.name)}", f"Archive fingerprint: {self._id.hex()}"]

    def _extent_lines(self) -> list[str]:
        return [f"Duration: {format_duration(self._duration_s)}", f"Number of files: {self._statistics.nfiles}"]

    def _table_lines(self, iec: bool) -> list[str]:
        return [statistics_text.RULE, statistics_text.HEADER, statistics_text.archive_row(self._statistics, iec=iec)]
