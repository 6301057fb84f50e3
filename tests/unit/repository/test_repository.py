"""One repository at a time: creating, opening, refusing, storing, small files, destroying."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from support.batches import objects_of, sealed
from support.faulty_storage import RecordingStorage
from support.store_oracle import CONFIG, files_of
from vinculum._native import RepositoryIndex, SealedBatch
from vinculum.errors import (
    AtticRepository,
    CheckNeeded,
    Error,
    IntegrityError,
    InvalidRepository,
    InvalidRepositoryConfig,
    LockFailed,
    ObjectNotFound,
    ParentPathDoesNotExist,
    PathAlreadyExists,
    RepositoryAlreadyExists,
    RepositoryDoesNotExist,
    StorageQuotaExceeded,
)
from vinculum.formats.msgpack import pack, unpack
from vinculum.objects.limits import MAX_DATA
from vinculum.repository.repository import Repository
from vinculum.repository.storage import LocalStorage
from vinculum.repository.store import MANIFEST_KEY


def _id(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def _fill(path: Path, *numbers: int) -> None:
    with Repository(str(path), exclusive=True) as repository:
        for number in numbers:
            repository.put(_id(number), b"object %d" % number)
        repository.commit()


def _content(path: Path) -> dict[bytes, bytes]:
    with Repository(str(path)) as repository:
        return {id: bytes(repository.get(id)) for id in repository.list()}


def _change_config(path: Path, old: str, new: str) -> None:
    text = (path / "config").read_text()
    assert old in text
    (path / "config").write_text(text.replace(old, new))


# -- creating ----------------------------------------------------------------------------------------------------------


def test_new_repository_has_the_files_of_a_borg_repository(tmp_path: Path) -> None:
    path = tmp_path / "repo"
    before = os.umask(0o077)
    try:
        Repository.create(str(path), append_only=True, storage_quota=5000)
    finally:
        os.umask(before)
    files = files_of(path)
    assert files.keys() == {"README", "config"}
    assert files["README"] == b"This is a Borg Backup repository.\nSee https://borgbackup.readthedocs.io/\n"
    lines = files["config"].decode().split("\n")
    assert lines[:7] == [
        "[repository]",
        "version = 1",
        "segments_per_dir = 1000",
        "max_segment_size = 524288000",
        "append_only = 1",
        "storage_quota = 5000",
        "additional_free_space = 0",
    ]
    assert lines[8:] == ["", ""]
    assert (path / "data").is_dir()
    assert {oct(place.stat().st_mode & 0o777) for place in (path, path / "data")} == {"0o700"}
    assert {oct((path / name).stat().st_mode & 0o777) for name in files} == {"0o600"}
    with Repository(str(path)) as repository:
        assert lines[7] == f"id = {repository.id.hex()}"
        assert repository.append_only
        assert len(repository) == 0


def test_every_repository_has_an_id_of_its_own(tmp_path: Path) -> None:
    Repository.create(str(tmp_path / "a"))
    Repository.create(str(tmp_path / "b"))
    assert (tmp_path / "a/config").read_text() != (tmp_path / "b/config").read_text()


def test_empty_directory_becomes_a_repository(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    Repository.create(str(tmp_path / "repo"))
    assert _content(tmp_path / "repo") == {}


def test_parent_directories_are_made_only_when_asked(tmp_path: Path) -> None:
    path = str(tmp_path / "a/b/repo")
    with pytest.raises(ParentPathDoesNotExist):
        Repository.create(path)
    Repository.create(path, make_parent_dirs=True)
    assert _content(Path(path)) == {}


@pytest.mark.parametrize("place", [".", "sub", "data/sub/sub"])
def test_no_repository_in_a_repository(path: Path, place: str) -> None:
    before = files_of(path)
    with pytest.raises(RepositoryAlreadyExists, match=str(path)):
        Repository.create(str(path / place), make_parent_dirs=True)
    assert files_of(path) == before


def test_nothing_is_created_over_something_else(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "full/thing").mkdir(parents=True)
    for name in ("file", "full"):
        with pytest.raises(PathAlreadyExists):
            Repository.create(str(tmp_path / name))


# -- opening -----------------------------------------------------------------------------------------------------------


def test_missing_repository(tmp_path: Path) -> None:
    with pytest.raises(RepositoryDoesNotExist):
        Repository(str(tmp_path / "repo")).__enter__()


def test_directory_without_config_is_no_repository_and_gets_no_lock(tmp_path: Path) -> None:
    with pytest.raises(InvalidRepository):
        Repository(str(tmp_path)).__enter__()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 2"),
        ("version = 1", ""),
        ("[repository]", "[cache]"),
        ("[repository]", ""),
        ("version", "\xff"),
    ],
)
def test_config_of_something_else_is_refused(path: Path, old: str, new: str) -> None:
    (path / "config").write_bytes((path / "config").read_text().replace(old, new).encode("latin-1"))
    with pytest.raises(InvalidRepository):
        Repository(str(path)).__enter__()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("segments_per_dir = 1000", "segments_per_dir = many"),
        ("segments_per_dir = 1000", "segments_per_dir = 0"),
        ("segments_per_dir = 1000\n", ""),
        ("max_segment_size = 524288000", "max_segment_size = big"),
        ("max_segment_size = 524288000", "max_segment_size = 4273995776"),
        ("append_only = 0", "append_only = maybe"),
        ("storage_quota = 0", "storage_quota = -1"),
        ("additional_free_space = 0", "additional_free_space = x"),
        ("id = ", "id = 00"),
        ("id = ", "id = g"),
        ("id = ", "di = "),
    ],
)
def test_wrong_config_values_are_refused_without_leaving_a_lock(path: Path, old: str, new: str) -> None:
    _change_config(path, old, new)
    with pytest.raises(InvalidRepositoryConfig, match=str(path)):
        Repository(str(path), exclusive=True).__enter__()
    assert sorted(os.listdir(path)) == ["README", "config", "data"]


def test_sizes_in_the_config_may_have_suffixes_and_optional_keys_may_be_missing(path: Path) -> None:
    _change_config(path, "max_segment_size = 524288000", "max_segment_size = 1.5M")
    _change_config(path, "append_only = 0\nstorage_quota = 0\nadditional_free_space = 0\n", "")
    with Repository(str(path)) as repository:
        assert repository.config.max_segment_size == 1_500_000
        assert not repository.append_only


def test_attic_repository_is_refused(path: Path) -> None:
    (path / "data/0").mkdir()
    (path / "data/0/0").write_bytes(b"ATTICSEG")
    with pytest.raises(AtticRepository):
        Repository(str(path)).__enter__()
    assert not (path / "lock.exclusive").exists()


def test_index_without_any_commit_needs_a_check(path: Path) -> None:
    _fill(path, 1)
    for file in path.glob("data/0/*"):
        file.unlink()
    with Repository(str(path)) as repository, pytest.raises(CheckNeeded):
        len(repository)


def test_segments_without_any_commit_are_not_overwritten(path: Path) -> None:
    with Repository(str(path), exclusive=True) as repository:
        repository.put(_id(1), b"never committed")
    before = files_of(path)
    with Repository(str(path), exclusive=True) as repository, pytest.raises(CheckNeeded):
        repository.put(_id(2), b"two")
    assert files_of(path) == before


def test_committed_segment_is_told_from_one_with_a_commit_in_the_middle(path: Path) -> None:
    _fill(path, 1)
    _fill(path, 2)
    last = path / "data/0/3"
    commit = last.read_bytes()[-9:]
    put = (path / "data/0/2").read_bytes()[8:]
    for content, committed in [
        (b"BORG_SEG" + commit, True),
        (b"BORG_SEG" + commit + commit, True),
        (b"BORG_SEG" + put + commit, True),
        (b"BORG_SEG" + commit + put + commit, False),
        (b"BORG_SEG" + commit + put, False),
        (b"BORG_SEG" + put[:-1] + b"?" + commit, False),
        (b"BORG_SEG" + put[:-1] + commit, False),
        (b"BORG_SEG", False),
        (b"BORG_", False),
        (b"", False),
        (b"BORGXSEG" + commit, False),
        (b"BORG_SEG" + commit + b"garbage", False),
    ]:
        for file in path.glob("*.*"):
            file.unlink()
        last.write_bytes(content)
        assert (_id(2) in _content(path)) == committed, content


# -- reading and writing -----------------------------------------------------------------------------------------------


def test_objects_of_the_open_transaction_are_readable_and_gone_after_rollback(path: Path) -> None:
    _fill(path, 1)
    with Repository(str(path), exclusive=True) as repository:
        repository.put(_id(1), b"changed")
        repository.put(_id(2), b"two")
        assert bytes(repository.get(_id(1))) == b"changed"
        assert [bytes(data) for data in repository.get_many(_id(2) + _id(1) + _id(2))] == [b"two", b"changed", b"two"]
        repository.rollback()
        assert bytes(repository.get(_id(1))) == b"object 1"
        assert _id(2) not in repository
    assert _content(path) == {_id(1): b"object 1"}


def test_leaving_without_commit_forgets(path: Path) -> None:
    _fill(path, 1)
    with Repository(str(path), exclusive=True) as repository:
        repository.delete(_id(1))
    assert _content(path) == {_id(1): b"object 1"}


def test_commit_without_changes_writes_nothing(path: Path) -> None:
    _fill(path, 1)
    before = files_of(path)
    with Repository(str(path), exclusive=True) as repository:
        assert len(repository) == 1
        repository.commit()
    assert files_of(path) == before


def test_missing_objects_are_named(path: Path) -> None:
    _fill(path, 1)
    with Repository(str(path), exclusive=True) as repository:
        for attempt in (repository.get, repository.delete, lambda id: repository.get_many(_id(1) + id)):
            with pytest.raises(ObjectNotFound, match=_id(2).hex()):
                attempt(_id(2))


def test_object_of_the_greatest_size_fits_and_no_greater_one(path: Path) -> None:
    with Repository(str(path), exclusive=True) as repository:
        repository.put(_id(1), bytes(MAX_DATA))
        with pytest.raises(IntegrityError, match="too large"):
            repository.put(_id(2), bytes(MAX_DATA + 1))
        repository.commit()
        assert len(repository.get(_id(1))) == MAX_DATA
        assert len(repository) == 1


def test_writing_needs_an_exclusive_lock(path: Path) -> None:
    before = files_of(path)
    for lock in (False, True):
        with Repository(str(path), lock=lock) as repository:
            with pytest.raises(LockFailed):
                repository.put(_id(1), b"")
            with pytest.raises(LockFailed):
                repository.commit_nonce_reservation(1, None)
    assert files_of(path) == before


def test_list_goes_on_after_a_marker(path: Path) -> None:
    _fill(path, *range(20))
    with Repository(str(path)) as repository:
        everything = repository.list()
        assert len(everything) == 20
        assert repository.list(limit=7) == everything[:7]
        assert repository.list(limit=7, marker=everything[6]) == everything[7:14]
        assert repository.list(marker=everything[18]) == everything[19:]


def test_damaged_object_is_reported_with_its_segment(path: Path) -> None:
    _fill(path, 1)
    segment = path / "data/0/0"
    content = bytearray(segment.read_bytes())
    content[-1] ^= 1
    segment.write_bytes(content)
    with Repository(str(path)) as repository, pytest.raises(IntegrityError, match="segment 0"):
        repository.get(_id(1))


def test_missing_segment_needs_a_check(path: Path) -> None:
    _fill(path, 1)
    (path / "data/0/0").unlink()
    with Repository(str(path)) as repository, pytest.raises(CheckNeeded):
        repository.get(_id(1))


def test_more_segments_can_be_read_than_are_kept_open(path: Path) -> None:
    _change_config(path, "max_segment_size = 524288000", "max_segment_size = 1")
    _fill(path, *range(100))
    descriptors = len(os.listdir("/proc/self/fd"))
    with Repository(str(path)) as repository:
        ids = b"".join(_id(number) for number in range(100))
        assert [bytes(data) for data in repository.get_many(ids)] == [b"object %d" % number for number in range(100)]
        assert len(os.listdir("/proc/self/fd")) <= descriptors + 32
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_batch_is_written_as_its_objects_would_be_one_by_one(tmp_path: Path) -> None:
    batch = sealed([b"content %d" % number * number for number in range(40)])
    config = CONFIG.format(segments_per_dir=3, max_segment_size=900)
    results = []
    for name in ("batch", "single"):
        path = tmp_path / name
        Repository.create(str(path))
        (path / "config").write_text(config)
        with Repository(str(path), exclusive=True) as repository:
            repository.put(_id(0), b"before")
            if name == "batch":
                repository.put_many(batch)
            else:
                for id, data in objects_of(batch).items():
                    repository.put(id, data)
            repository.put(MANIFEST_KEY, b"manifest")
            repository.commit()
        results.append(files_of(path))
    assert results[0] == results[1]
    assert len([name for name in results[0] if name.startswith("data/")]) > 5


def test_new_batch_takes_one_write_per_segment(path: Path) -> None:
    storage = RecordingStorage(LocalStorage(str(path)))
    with Repository(str(path), exclusive=True, storage=storage) as repository:
        repository.put_many(sealed([b"content %d" % number for number in range(500)]))
        assert storage.count("file.write") == 2  # the magic and the batch
        repository.commit()


def test_batch_with_known_objects_replaces_them(path: Path) -> None:
    batch = sealed([b"one", b"two", b"three"])
    known = batch.ids()[32:64]
    with Repository(str(path), exclusive=True) as repository:
        repository.put(known, b"old")
        repository.put_many(batch)
        repository.commit()
    assert _content(path) == objects_of(batch)
    _, hints = _saved_state(path)
    assert hints[b"shadow_index"] == {known: [0]}


def test_batch_with_an_id_twice_is_refused(path: Path) -> None:
    _fill(path, 1)
    with Repository(str(path), exclusive=True) as repository:
        with pytest.raises(ValueError, match="twice"):
            repository.put_many(sealed([b"same", b"other", b"same"]))
        with pytest.raises(Error, match="interrupted"):
            repository.commit()
    assert _content(path) == {_id(1): b"object 1"}


def _saved_state(path: Path) -> tuple[RepositoryIndex, dict[bytes, object]]:
    (index,), (hints,) = path.glob("index.*"), path.glob("hints.*")
    record = unpack(hints.read_bytes())
    assert isinstance(record, dict)
    return RepositoryIndex.load(index.read_bytes()), record


# -- state files -------------------------------------------------------------------------------------------------------


def test_damage_met_while_writing_is_repaired_without_losing_what_is_written(path: Path) -> None:
    _fill(path, 1)
    _fill(path, 2)
    index = path / "index.3"
    index.write_bytes(index.read_bytes()[:-1] + b"x")
    with Repository(str(path), exclusive=True) as repository:
        repository.put(_id(3), b"three")
        repository.put(_id(1), b"one")
        repository.commit()
    assert _content(path) == {_id(1): b"one", _id(2): b"object 2", _id(3): b"three"}
    assert (path / "index.5").exists()


def test_shared_reader_repairs_damage_and_goes_back_to_its_shared_lock(path: Path) -> None:
    _fill(path, 1)
    (path / "hints.1").unlink()
    index = path / "index.1"
    index.write_bytes(index.read_bytes()[:-1] + b"x")
    with Repository(str(path)) as repository:
        assert len(repository) == 1
        assert not (path / "lock.exclusive").exists()
        assert (path / "lock.roster").exists()
        # A commit without changes follows, as in the real programs.
        assert {"index.2", "hints.2", "integrity.2"} <= set(os.listdir(path))
    assert _content(path) == {_id(1): b"object 1"}


def test_damaged_segment_stops_a_replay(path: Path) -> None:
    _fill(path, 1)
    segment = path / "data/0/0"
    segment.write_bytes(segment.read_bytes()[:-1] + b"?")
    (path / "index.1").unlink()
    with Repository(str(path)) as repository, pytest.raises(IntegrityError, match="segment 0"):
        len(repository)


def test_replay_gives_what_writing_gave(path: Path) -> None:
    _fill(path, 1, 2, 3)
    with Repository(str(path), exclusive=True) as repository:
        repository.put(_id(1), b"longer than before")
        repository.delete(_id(2))
        repository.commit()
    written = _saved_state(path)[1]
    for name in ("index.3", "hints.3", "integrity.3"):
        (path / name).unlink()
    assert _content(path) == {_id(1): b"longer than before", _id(3): b"object 3"}
    replayed = _saved_state(path)[1]
    for key in (b"segments", b"storage_quota_use", b"shadow_index"):
        assert replayed[key] == written[key]


def test_hints_of_version_1_get_their_amounts_computed(path: Path) -> None:
    _fill(path, 1, 2)
    _fill(path, 1)
    with Repository(str(path), exclusive=True) as repository:
        repository.delete(_id(2))
        repository.commit()
    (path / "integrity.5").unlink()
    (path / "hints.5").write_bytes(
        pack({b"version": 1, b"segments": {0: 0, 1: 0, 2: 1, 3: 0, 4: 0, 5: 0}, b"compact": [0, 2, 9]})
    )
    with Repository(str(path), exclusive=True) as repository:
        repository.put(_id(3), b"")
        repository.commit()
    sizes = {number: (path / f"data/0/{number}").stat().st_size for number in (0, 2)}
    compact = _saved_state(path)[1][b"compact"]
    assert isinstance(compact, dict)
    assert compact[0] == sizes[0]
    assert compact[2] == 41  # the DELETE before the PUT that is current
    assert 9 not in compact


# -- limits ------------------------------------------------------------------------------------------------------------


def test_storage_quota_stops_the_transaction_until_it_is_rolled_back(path: Path) -> None:
    _change_config(path, "storage_quota = 0", "storage_quota = 1K")
    _fill(path, 1)
    with Repository(str(path), exclusive=True) as repository:
        with pytest.raises(StorageQuotaExceeded, match=r"1\.00 kB"):
            repository.put(_id(2), bytes(1000))
        with pytest.raises(StorageQuotaExceeded):
            repository.commit()
        repository.put(_id(3), b"three")
        repository.commit()
        with pytest.raises(StorageQuotaExceeded):
            repository.put_many(sealed([bytes([number]) * 100 for number in range(10)]))
    assert _content(path).keys() == {_id(1), _id(3)}


def test_a_batch_is_stored_as_far_as_the_quota_allows(path: Path) -> None:
    """What is said does not depend on how many objects came together."""
    _change_config(path, "storage_quota = 0", "storage_quota = 1K")
    _fill(path, 1)
    contents = [bytes([number]) * 258 for number in range(10)]
    told = []

    def put_each(repository: Repository, batch: SealedBatch) -> None:
        for id, data in objects_of(batch).items():
            repository.put(id, data)

    for put in (Repository.put_many, put_each):
        with Repository(str(path), exclusive=True) as repository:
            with pytest.raises(StorageQuotaExceeded) as raised:
                put(repository, sealed(contents))
            told.append((str(raised.value), len(repository)))
            repository.rollback()
    assert told[0] == told[1]
    assert told[0][1] == 1 + 4


def test_given_quota_replaces_the_one_in_the_config(path: Path) -> None:
    with Repository(str(path), exclusive=True, storage_quota=100) as repository, pytest.raises(StorageQuotaExceeded):
        repository.put(_id(1), bytes(100))


def test_append_only_can_be_demanded_by_the_server(path: Path) -> None:
    with Repository(str(path), exclusive=True, append_only=True) as repository:
        repository.put(_id(1), b"")
        repository.commit()
        with pytest.raises(Error, match="append-only"):
            repository.destroy()
    assert (path / "transactions").read_text().startswith("transaction 1, UTC time ")
    _fill(path, 2)
    assert (path / "transactions").read_text().count("\n") == 1


def test_an_append_only_repository_goes_again_if_nothing_was_ever_committed(path: Path) -> None:
    """Its making has failed: nothing is lost, and the next try finds nothing in its way."""
    with Repository(str(path), exclusive=True, append_only=True) as repository:
        repository.save_key(b"key")
        repository.put(_id(1), b"")
        repository.destroy()
    assert not path.exists()


# -- small files -------------------------------------------------------------------------------------------------------


def test_key_is_kept_in_the_config_with_everything_else(path: Path) -> None:
    text = (path / "config").read_text()
    _change_config(path, "[repository]\n", "[repository]\nunknown = 50%\n")
    with Repository(str(path), exclusive=True) as repository:
        assert repository.load_key() == b""
        repository.save_key(b"first line\nsecond line\n")
        assert repository.load_key() == b"first line\nsecond line"
    expected = text.replace("[repository]\n", "[repository]\nunknown = 50%\n").removesuffix("\n")
    assert (path / "config").read_text() == expected + "key = first line\n\tsecond line\n\t\n\n"
    with Repository(str(path)) as repository:
        assert repository.load_key() == b"first line\nsecond line"
    assert sorted(os.listdir(path)) == ["README", "config", "data"]


def test_old_config_with_its_key_is_overwritten(path: Path) -> None:
    with Repository(str(path), exclusive=True) as repository:
        repository.save_key(b"old secret")
        with (path / "config").open("rb") as old:
            repository.save_key(b"new secret")
            assert b"secret" not in old.read()


def test_nonce_reservations_are_compared_and_kept(path: Path) -> None:
    with Repository(str(path), exclusive=True) as repository:
        assert repository.get_free_nonce() is None
        repository.commit_nonce_reservation(0x1234, None)
        assert repository.get_free_nonce() == 0x1234
        with pytest.raises(Error, match="reserved"):
            repository.commit_nonce_reservation(0x9999, None)
        repository.commit_nonce_reservation(2**63, 0x1234)
    assert (path / "nonce").read_bytes() == b"8000000000000000"
    (path / "nonce").write_bytes(b"000000000000000a\n")
    with Repository(str(path)) as repository:
        assert repository.get_free_nonce() == 10
    (path / "nonce").write_bytes(b"garbage")
    with Repository(str(path)) as repository, pytest.raises(IntegrityError, match="nonce"):
        repository.get_free_nonce()


def test_destroyed_repository_is_gone(path: Path) -> None:
    _fill(path, 1)
    (path / "foreign/deep").mkdir(parents=True)
    (path / "foreign/deep/file").touch()
    with Repository(str(path), exclusive=True) as repository:
        repository.put(_id(2), b"in flight")
        repository.destroy()
    assert not path.exists()
