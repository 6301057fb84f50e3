"""Freeing the space of deleted objects. Needs no key: to the repository all objects are opaque."""

from __future__ import annotations

from vinculum.repository.store import MANIFEST_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.repository.store import Store


def compact_repository(store: Store, threshold: float, *, cleanup_commits: bool = False) -> None:
    """Rewrites the segment files of which more than the share `threshold` can be freed."""
    # Only a transaction can be committed: storing the manifest as it is makes one.
    store.put(MANIFEST_KEY, store.get(MANIFEST_KEY))
    store.commit(compact=True, threshold=threshold, cleanup_commits=cleanup_commits)
