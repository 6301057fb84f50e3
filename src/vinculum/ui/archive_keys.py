"""The keys that `list REPOSITORY --format` and `--json` know, and how to get each of an archive."""

from __future__ import annotations

from vinculum.ui.templates import LAYOUT_KEYS, Moment, Template
from vinculum.ui.text import display_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vinculum.archive.archive import ArchiveMetadata
    from vinculum.archive.manifest import ArchiveEntry

DEFAULT_FORMAT = "{archive:<36} {time} [{id}]{NL}"
SHORT_FORMAT = "{archive}{NL}"
_FROM_MANIFEST = ("archive", "barchive", "id", "name", "start", "time")
_FROM_ARCHIVE = ("hostname", "username", "comment", "bcomment", "end", "command_line", "tam")
ARCHIVE_KEYS = frozenset({*_FROM_MANIFEST, *_FROM_ARCHIVE})


def archive_line(entry: ArchiveEntry) -> str:
    """An archive in one line, as the default format shows it."""
    return f"{display_text(entry.name):<36} {Moment.whole_second(entry.time)} [{entry.id.hex()}]"


class ArchiveFormatter:
    """Turns archives into lines or JSON objects; archive objects are only loaded for keys that need them."""

    def __init__(
        self, format_text: str, load: Callable[[list[ArchiveEntry]], Iterator[ArchiveMetadata]], *, for_json: bool = False
    ) -> None:
        self.template = Template(format_text, ARCHIVE_KEYS, only_chooses=for_json)
        self._load = load
        self._from_archive = [key for key in _FROM_ARCHIVE if key in self.template.keys]

    def lines(self, entries: list[ArchiveEntry]) -> Iterator[str]:
        for values in self._values(entries, for_json=False):
            yield self.template.render({**LAYOUT_KEYS, **values})

    def json_objects(self, entries: list[ArchiveEntry]) -> Iterator[dict[str, object]]:
        for values in self._values(entries, for_json=True):
            yield {key: value.iso() if isinstance(value, Moment) else value for key, value in values.items()}

    def _values(self, entries: list[ArchiveEntry], *, for_json: bool) -> Iterator[dict[str, object]]:
        archives = self._load(entries) if self._from_archive else iter(())
        for entry in entries:
            name, start = display_text(entry.name), Moment.whole_second(entry.time)
            known = {"name": name, "archive": name, "barchive": entry.name, "id": entry.id.hex(), "time": start, "start": start}
            detailed = self._details(next(archives), for_json=for_json) if self._from_archive else {}
            yield {**known, **detailed}

    def _details(self, archive: ArchiveMetadata, *, for_json: bool) -> dict[str, object]:
        from shlex import join  # compiles regular expressions, for a key that few ask for

        command = [display_text(word) for word in archive.cmdline]
        detailed: dict[str, object] = {
            "hostname": display_text(archive.hostname or ""),
            "username": display_text(archive.username or ""),
            "comment": display_text(archive.comment),
            "bcomment": archive.comment,
            "end": Moment.whole_second(archive.time_end),
            "command_line": command if for_json else join(command),
            "tam": "verified" if archive.tam_verified else "none",
        }
        return {key: detailed[key] for key in self._from_archive}
