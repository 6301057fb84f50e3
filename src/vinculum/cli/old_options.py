"""Options that still work under a name which Borg means to drop one day: what their users are told.

Programs that drive Borg know these lines, so they are Borg's, and so is the moment: before anything else, as plain text even
with --log-json, and also if the command line turns out to be wrong. Short and abbreviated forms are not mentioned.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HINTS = {
    "--noatime": "has been deprecated because it is the default now.",
    "--nobsdflags": "has been deprecated. Use --noflags instead.",
    "--numeric-owner": "has been deprecated. Use --numeric-ids instead.",
    "--remote-ratelimit": "has been deprecated. Use --upload-ratelimit instead.",
    "--remote-buffer": "has been deprecated. Use --upload-buffer instead.",
    "--prefix": "has been deprecated. Use \"--glob-archives 'yourprefix*'\" (-a) instead.",
    "--sort": 'is deprecated. Use "--sort-by=path" instead.',
}


def hints(arguments: Iterable[str]) -> Iterator[str]:
    """One line for each old option among the arguments."""
    for argument in arguments:
        name = argument.partition("=")[0]
        if name in _HINTS:
            yield f'Warning: "{name}" {_HINTS[name]}'
