"""The committed state of a repository: which transaction it is in, and the index and hints that belong to it.

    index of transaction I, last COMMIT in segment T
    I = T            load
    I < T, no index  load (or start empty) and replay the segments after I
    I > T, damaged   replay everything
    no COMMIT        an empty repository, unless an index says otherwise

Loading writes nothing; a state that had to be replayed says so, for its owner to save it.
"""

from __future__ import annotations

from vinculum._native import RepositoryIndex
from vinculum.errors import CheckNeeded, IntegrityError
from vinculum.repository.hints import Hints
from vinculum.repository.recovery import complete_legacy_hints, replay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.events import Sink
    from vinculum.repository.index_files import IndexFiles
    from vinculum.repository.segments import Segments


class State:
    """`hints` is None while nobody needed it; `damage` says what was wrong with the index files, if anything was."""

    __slots__ = ("damage", "hints", "index", "is_replayed", "transaction")

    def __init__(
        self,
        transaction: int | None,
        index: RepositoryIndex,
        hints: Hints | None,
        *,
        is_replayed: bool = False,
        damage: str = "",
    ) -> None:
        self.transaction = transaction
        self.index = index
        self.hints = hints
        self.is_replayed = is_replayed
        self.damage = damage


def load_state(
    segments: Segments, files: IndexFiles, path: str, *, with_hints: bool, may_replay: bool, sink: Sink | None = None
) -> State | None:
    """The state of the repository at `path`; None if it takes a replay and that is not allowed.

    CheckNeeded if an index exists but no transaction does; IntegrityError if a segment that must be replayed is damaged.
    """
    transaction = segments.find_last_committed()
    saved = files.find_transaction()
    if transaction is None:
        if saved is not None:
            raise CheckNeeded(path)
        return State(None, RepositoryIndex(), Hints())
    index, hints, base = RepositoryIndex(), Hints(), -1
    damage = ""
    if saved is not None and saved <= transaction:
        try:
            if saved == transaction and not with_hints:
                return State(transaction, files.load_index(saved), None)
            index, hints, base = *_load_both(segments, files, saved), saved
        except IntegrityError as error:
            damage = str(error)
    if base == transaction:
        return State(transaction, index, hints)
    if not may_replay:
        return None
    numbers = [number for number in segments.numbers_after(base) if number <= transaction]
    replay(segments, numbers, index, hints, sink)
    return State(transaction, index, hints, is_replayed=True, damage=damage)


def load_missing_hints(state: State, segments: Segments, files: IndexFiles) -> None:
    """Adds the hints to a state that was loaded without. IntegrityError if they are missing or damaged."""
    if state.hints is None and state.transaction is not None:
        hints = files.load_hints(state.transaction)
        complete_legacy_hints(segments, state.index, hints)
        state.hints = hints


def _load_both(segments: Segments, files: IndexFiles, transaction: int) -> tuple[RepositoryIndex, Hints]:
    index = files.load_index(transaction)
    hints = files.load_hints(transaction)
    complete_legacy_hints(segments, index, hints)
    return index, hints
