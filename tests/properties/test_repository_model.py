"""The repository against a dict: random puts, deletes, commits, rollbacks, crashes and reopenings."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.batches import objects_of, sealed
from support.store_oracle import CONFIG
from vinculum.errors import ObjectNotFound
from vinculum.repository.repository import Repository
from vinculum.repository.store import MANIFEST_KEY

IDS = [MANIFEST_KEY, *(hashlib.sha256(bytes([number])).digest() for number in range(8))]
ids = st.sampled_from(IDS)


class RepositoryModel(RuleBasedStateMachine):
    @initialize(segments_per_dir=st.integers(1, 3), max_segment_size=st.sampled_from([1, 200, 4000]))
    def create(self, segments_per_dir: int, max_segment_size: int) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.path = self.directory / "repo"
        Repository.create(str(self.path))
        config = CONFIG.format(segments_per_dir=segments_per_dir, max_segment_size=max_segment_size)
        (self.path / "config").write_text(config)
        self.committed: dict[bytes, bytes] = {}
        self.has_commit = False
        self._open()

    def _open(self) -> None:
        self.repository = Repository(str(self.path), exclusive=True).__enter__()
        self.current = dict(self.committed)

    def teardown(self) -> None:
        if hasattr(self, "repository"):
            self.repository.close()
            shutil.rmtree(self.directory)

    @rule(id=ids, data=st.binary(max_size=300))
    def put(self, id: bytes, data: bytes) -> None:
        self.repository.put(id, data)
        self.current[id] = data

    @rule(contents=st.lists(st.binary(max_size=100), unique=True, max_size=20))
    def put_many(self, contents: list[bytes]) -> None:
        batch = sealed(contents)
        self.repository.put_many(batch)
        self.current.update(objects_of(batch))

    @rule(id=ids)
    def delete(self, id: bytes) -> None:
        if id in self.current:
            self.repository.delete(id)
            del self.current[id]
        else:
            with pytest.raises(ObjectNotFound):
                self.repository.delete(id)

    @rule(chosen=st.lists(ids, unique=True))
    def delete_many(self, chosen: list[bytes]) -> None:
        missing = self.repository.delete_many(b"".join(chosen))
        assert missing == b"".join(id for id in chosen if self.current.pop(id, None) is None)

    @rule()
    def delete_everything(self) -> None:
        assert self.repository.delete_many(b"".join(self.current)) == b""
        self.current.clear()

    @rule()
    def commit(self) -> None:
        self.repository.commit()
        self.committed = dict(self.current)
        self.has_commit = self.has_commit or bool(list(self.path.glob("index.*")))

    # A repository without any commit keeps its leftovers, and nothing but a check may touch them.
    @precondition(lambda self: self.has_commit)
    @rule()
    def rollback(self) -> None:
        self.repository.rollback()
        self.current = dict(self.committed)

    @precondition(lambda self: self.has_commit)
    @rule()
    def reopen(self) -> None:
        self.repository.close()
        self._open()

    @precondition(lambda self: self.has_commit)
    @rule(left=st.integers(0, 200), index_is_lost=st.booleans())
    def crash(self, left: int, index_is_lost: bool) -> None:
        """The last segment of an open transaction is cut anywhere, and maybe the index files were never written."""
        self.repository.put(IDS[1], b"in flight")
        self.repository.close()
        newest = max(self.path.glob("data/*/*"), key=lambda file: int(file.name))
        newest.write_bytes(newest.read_bytes()[:left])
        if index_is_lost:
            for file in self.path.glob("index.*"):
                file.unlink()
        self._open()

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        if not hasattr(self, "repository"):
            return
        assert len(self.repository) == len(self.current)
        found = self.repository.list()
        assert {id: bytes(self.repository.get(id)) for id in found} == self.current
        assert [bytes(data) for data in self.repository.get_many(b"".join(found))] == [self.current[id] for id in found]
        for id in set(IDS) - set(found):
            with pytest.raises(ObjectNotFound):
                self.repository.get(id)


RepositoryModel.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestRepositoryModel = RepositoryModel.TestCase
