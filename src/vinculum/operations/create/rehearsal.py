"""`--dry-run`: the walk without the backup."""

from __future__ import annotations

from vinculum import _native
from vinculum.operations.create.gathering import describe_os_error
from vinculum.operations.create.roots import split_root
from vinculum.operations.create.walk import Walker, WalkRules, error_by_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vinculum.events import Sink
    from vinculum.operations.create.options import StandardInput

_DIRECTORY = ord("d")


class Rehearsal:
    """Takes sources as `Creation` does, and only reports them."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def walker(self, rules: WalkRules, skip: set[tuple[int, int]]) -> Walker:
        return Walker(rules, self, skip)

    def add_trees(self, walker: Walker, roots: list[bytes]) -> None:
        for root in roots:
            walker.walk(root)

    def add_paths(self, paths: Iterable[bytes]) -> None:
        for path in paths:
            walked, archived = split_root(path)
            try:
                _native.scan_root(walked, archived)
            except OSError as error:
                self.fail(walked, error_by_name(error, walked), "stat")
            else:
                self._sink.status("-", walked)

    def add_pipe(self, fd: int, source: StandardInput) -> None:  # noqa: ARG002
        self._sink.status("-", source.name)

    # -- what the walker calls -----------------------------------------------------------------------------------------

    def take(self, listing: _native.DirectoryListing, start: int, stop: int) -> None:
        if self._sink.wants_files:
            for kind, path in zip(listing.kinds()[start:stop], listing.paths()[start:stop], strict=True):
                if kind != _DIRECTORY:
                    self._sink.status("-", path)

    def note(self, letter: str, path: bytes) -> None:
        self._sink.status("-" if letter == "d" else letter, path)

    def begin(self, path: bytes) -> None:
        pass

    def pause(self) -> None:
        pass

    def fail(self, path: bytes, error: OSError, operation: str, letter: str = "E") -> None:
        self._sink.warning(*describe_os_error(path, error, operation), path=path)
        if letter:
            self._sink.status(letter, path)
