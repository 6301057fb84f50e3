"""A cache directory as Borg left it is taken over as it is; one that is damaged is begun anew as far as necessary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.client_state import LOCATION, ClientState, SomeManifest, golden_state, new_state
from vinculum._native import ChunkIndex
from vinculum.cache.config import CacheConfig
from vinculum.cache.directory import FilesCacheSettings
from vinculum.cache.layout import fill_cache
from vinculum.cache.preloading import preloading
from vinculum.errors import Error, LockTimeout
from vinculum.formats.integrity import HASH_INDEX_PARTS, verify_integrity
from vinculum.repository.locking import Lock

VECTORS = Path(__file__).resolve().parents[2] / "golden" / "vectors"
FILES = FilesCacheSettings("cis")
NEXT = SomeManifest(b"\xcd" * 32, "2030-01-01T00:00:00.000000")


@pytest.fixture
def state(tmp_path: Path) -> ClientState:
    return golden_state(tmp_path)


def some_files() -> bytes:
    """One good record of a files cache."""
    vectors = json.loads((VECTORS / "filescache.json").read_text())
    return bytes.fromhex(vectors["records"][0]["record"])


# -- reading ahead -----------------------------------------------------------------------------------------------------


def test_what_was_read_ahead_is_used_if_it_is_what_the_config_vouches_for(state: ClientState) -> None:
    with preloading(str(state.cache_path), FILES) as preloaded:
        chunks, files = preloaded.take_chunks(), preloaded.take_files()
    assert chunks is not None
    assert files is not None
    with preloading(str(state.cache_path), FILES) as preloaded, state.cache(FILES, preloaded=preloaded) as cache:
        assert preloaded.take_chunks() is None  # it has been taken
        assert cache.is_synchronised(state.manifest)
        assert cache.chunks.usage() == chunks.chunks.usage()
        assert cache.files is not None
    assert state.sink.warnings == []


def test_what_another_process_has_replaced_meanwhile_is_read_again(state: ClientState) -> None:
    with preloading(str(state.cache_path), FILES) as preloaded:
        preloaded.wait()
        with state.cache(FILES) as cache:
            cache.chunks.add(b"x" * 32, 1, 2, 3)
            cache.commit(NEXT)
        with state.cache(FILES, preloaded=preloaded) as cache:
            assert cache.is_synchronised(NEXT)
            assert cache.chunks.get(b"x" * 32) == (1, 2, 3)
    assert state.sink.warnings == []


def test_what_nothing_vouches_for_is_read_again(state: ClientState) -> None:
    config = state.cache_path / "config"
    config.write_text(config.read_text().replace("XXH64", "OTHER"))
    with preloading(str(state.cache_path), FILES) as preloaded:
        preloaded.wait()
        with state.cache(FILES) as cache:
            cache.chunks.add(b"x" * 32, 1, 2, 3)
            cache.commit(NEXT)
        config.write_text(config.read_text().replace("XXH64", "OTHER"))
        with state.cache(FILES, preloaded=preloaded) as cache:
            assert cache.chunks.get(b"x" * 32) == (1, 2, 3)


def test_damage_is_reported_once_it_is_met_again(state: ClientState) -> None:
    (state.cache_path / "chunks").write_bytes(b"BORG_IDX")
    (state.cache_path / "files").unlink()
    with preloading(str(state.cache_path), FILES) as preloaded, state.cache(FILES, preloaded=preloaded):
        pass
    assert len(state.sink.warnings) == 2


# -- taking over -------------------------------------------------------------------------------------------------------


def test_cache_that_borg_wrote_is_synchronised_and_written_back_unchanged(state: ClientState) -> None:
    before = state.contents()
    with state.cache(FILES) as cache:
        assert cache.is_synchronised(state.manifest)
        assert cache.chunks.usage() == (77752, 5179, 76460, 3801, 10, 12)
        cache.commit(state.manifest)
    assert state.contents() == before
    assert state.sink.warnings == []
    assert (state.record.location, state.record.key_type) == (LOCATION, 3)
    assert state.record.timestamp == state.manifest.timestamp


def test_cache_of_another_manifest_is_not_synchronised(state: ClientState) -> None:
    with state.cache() as cache:
        assert not cache.is_synchronised(NEXT)


def test_session_without_commit_changes_nothing(state: ClientState) -> None:
    before = state.contents()
    with state.cache(FILES) as cache:
        cache.chunks.add(b"x" * 32, 1, 2, 3)
    assert state.contents() == before


def test_commit_writes_what_was_changed_and_notes_the_access(state: ClientState) -> None:
    with state.cache(FILES) as cache:
        cache.chunks.add(b"x" * 32, 1, 2, 3)
        cache.commit(NEXT)
    contents, config = state.contents(), state.config()
    assert ChunkIndex.load(contents["chunks"]).get(b"x" * 32) == (1, 2, 3)
    assert (config.manifest_id, config.timestamp, config.key_type) == (NEXT.id, NEXT.timestamp, 3)
    assert config.previous_location == LOCATION
    for name, parts in (("chunks", HASH_INDEX_PARTS), ("files", ())):
        digest = config.digest(name)
        assert digest is not None
        verify_integrity(digest, name, contents[name], parts)
    assert state.record.timestamp == NEXT.timestamp


def test_files_cache_that_is_not_asked_for_is_left_alone(state: ClientState) -> None:
    (state.cache_path / "files").write_bytes(b"whatever this is")
    digest = state.config().digest("files")
    with state.cache() as cache:
        assert cache.files is None
        cache.commit(NEXT)
    assert (state.cache_path / "files").read_bytes() == b"whatever this is"
    assert digest is not None
    assert state.config().digest("files") == digest


def test_features_that_this_program_does_not_know_are_noted(state: ClientState) -> None:
    with state.cache() as cache:
        cache.commit(NEXT._replace(mandatory_features=frozenset({"flux"})))
    assert state.config().ignored_features == {"flux"}


# -- a new cache -------------------------------------------------------------------------------------------------------


def test_new_cache_has_everything_that_borg_wants(tmp_path: Path) -> None:
    state = new_state(tmp_path)
    with state.cache(FILES) as cache:
        assert not cache.is_synchronised(state.manifest)
        assert len(cache.chunks) == 0
    assert state.sink.warnings == []
    golden = golden_state(tmp_path).contents()
    contents = state.contents()
    assert sorted(contents) == sorted(golden)
    assert contents["README"] == golden["README"]
    assert contents["pre12-meta"] == golden["pre12-meta"]
    assert (contents["files"], len(contents["chunks"])) == (b"", len(golden["chunks"]))
    assert (state.cache_path / "chunks.archive.d").is_dir()
    assert state.cache_path.stat().st_mode & 0o777 == 0o700


def test_directory_made_by_another_process_meanwhile_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = new_state(tmp_path)

    def fill_and_lose(directory: str, repository_id: bytes) -> None:
        fill_cache(directory, repository_id)
        fill_cache_of_the_winner()

    def fill_cache_of_the_winner() -> None:
        state.cache_path.mkdir()
        fill_cache(str(state.cache_path), state.repository_id)
        (state.cache_path / "files").write_bytes(b"theirs")

    monkeypatch.setattr("vinculum.cache.layout.fill_cache", fill_and_lose)
    with state.cache():
        pass
    assert (state.cache_path / "files").read_bytes() == b"theirs"
    assert sorted(path.name for path in state.cache_path.parent.iterdir()) == ["cache"]


def test_commit_of_what_was_never_counted_is_a_mistake(tmp_path: Path) -> None:
    state = new_state(tmp_path)
    (tmp_path / "client").mkdir()
    with state.cache():
        pass
    (state.cache_path / "chunks").unlink()
    with state.cache() as cache, pytest.raises(RuntimeError):
        cache.commit(state.manifest)


# -- damage ------------------------------------------------------------------------------------------------------------


def damage_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", ["missing", "digest", "truncated", "empty"])
def test_damaged_chunk_index_is_not_used(state: ClientState, damage: str) -> None:
    chunks = state.cache_path / "chunks"
    if damage == "missing":
        chunks.unlink()
    elif damage == "digest":
        damage_byte(chunks)
    else:
        chunks.write_bytes(chunks.read_bytes()[:1000] if damage == "truncated" else b"")
    with state.cache(FILES) as cache:
        assert not cache.is_synchronised(state.manifest)
        assert len(cache.chunks) == 0
        cache.replace_chunks(ChunkIndex())
        cache.commit(state.manifest)
    assert len(state.sink.warnings) == 1
    state.sink.warnings.clear()
    with state.cache(FILES) as cache:
        assert cache.is_synchronised(state.manifest)
    assert state.sink.warnings == []


def test_malformed_chunk_index_without_digest_is_not_used(state: ClientState) -> None:
    config = state.cache_path / "config"
    config.write_text(config.read_text().partition("[integrity]")[0])
    chunks = state.cache_path / "chunks"
    chunks.write_bytes(chunks.read_bytes() + b"xx")
    with state.cache() as cache:
        assert not cache.is_synchronised(state.manifest)


@pytest.mark.parametrize("content", [None, b"\xc1rubbish", b"\x92"])
def test_damaged_files_cache_is_done_without(state: ClientState, content: bytes | None) -> None:
    files = state.cache_path / "files"
    if content is None:
        files.unlink()
    else:
        files.write_bytes(content)
    with state.cache(FILES) as cache:
        assert cache.is_synchronised(state.manifest), "the chunk index is fine"
        assert cache.files is not None
        assert len(cache.files) == 0
        cache.commit(state.manifest)
    assert len(state.sink.warnings) == 1
    with state.cache(FILES):
        pass
    assert len(state.sink.warnings) == 1


def test_files_cache_that_is_not_msgpack_is_done_without_even_if_no_digest_says_so(state: ClientState) -> None:
    config = state.cache_path / "config"
    config.write_text(config.read_text().partition("[integrity]")[0])
    (state.cache_path / "files").write_bytes(some_files() + b"\xc1\xc1")
    with state.cache(FILES) as cache:
        assert cache.files is not None
        assert len(cache.files) == 0, "not even the records before the damage"
    assert len(state.sink.warnings) == 1


def test_files_cache_under_its_own_suffix(state: ClientState) -> None:
    (state.cache_path / "files").write_bytes(b"not looked at")
    settings = FilesCacheSettings("cis", suffix="Mine")
    with state.cache(settings) as cache:
        cache.commit(state.manifest)
    assert state.sink.warnings == [], "a suffix that is used for the first time is nothing odd"
    assert (state.cache_path / "files.Mine").exists()
    (state.cache_path / "files.Mine").write_bytes(b"\x92")
    with state.cache(settings):
        pass
    assert len(state.sink.warnings) == 1


@pytest.mark.parametrize("content", [None, "", "[cache]\nversion = one\n", "[cache]\nversion = 1\nmanifest = zz\n"])
def test_cache_without_usable_config_is_begun_anew(state: ClientState, content: str | None) -> None:
    config = state.cache_path / "config"
    if content is None:
        config.unlink()
    else:
        config.write_text(content)
    index = state.cache_path / "chunks.archive.d" / ("ab" * 32 + ".compact")
    index.write_bytes(b"of unknown origin")
    with state.cache(FILES) as cache:
        assert not cache.is_synchronised(state.manifest)
        assert len(cache.chunks) == 0
    assert CacheConfig.load(str(config)).repository_id == state.repository_id
    assert not index.exists()
    assert len(state.sink.warnings) == 1


def test_no_files_cache_outlives_the_cache_that_it_belonged_to(state: ClientState) -> None:
    (state.cache_path / "files").rename(state.cache_path / "files.Mine")
    (state.cache_path / "files.Other").write_bytes(b"of unknown origin")
    (state.cache_path / "config").write_text("")
    with state.cache(FilesCacheSettings("cis", suffix="Mine")) as cache:
        assert cache.files is not None
        assert len(cache.files) == 0
    assert [path.name for path in state.cache_path.glob("files*")] == ["files"]


def test_cache_of_another_repository_is_begun_anew(state: ClientState) -> None:
    state.repository_id = b"\x01" * 32
    with state.cache() as cache:
        assert len(cache.chunks) == 0
    assert state.config().repository_id == b"\x01" * 32


def test_cache_that_needs_an_unknown_feature_is_begun_anew(state: ClientState) -> None:
    config = state.cache_path / "config"
    config.write_text(config.read_text().replace("mandatory_features = ", "mandatory_features = flux"))
    with state.cache() as cache:
        assert not cache.is_synchronised(state.manifest)
    assert state.config().mandatory_features == frozenset()


def test_cache_of_a_later_version_is_refused_and_kept(state: ClientState) -> None:
    config = state.cache_path / "config"
    config.write_text(config.read_text().replace("version = 1", "version = 2"))
    before = state.contents()
    with pytest.raises(Error, match="version 2"), state.cache():
        pass
    assert state.contents() == before


def test_file_in_place_of_the_archive_indexes_stays(state: ClientState) -> None:
    (state.cache_path / "chunks.archive.d").rmdir()
    (state.cache_path / "chunks.archive.d").write_bytes(b"")
    (state.cache_path / "config").unlink()
    with state.cache() as cache:
        assert cache.archive_indexes.ids() == set()
        cache.commit(state.manifest)
    assert (state.cache_path / "chunks.archive.d").is_file()


# -- locking -----------------------------------------------------------------------------------------------------------


def test_cache_is_locked_while_it_is_open(state: ClientState) -> None:
    lock = Lock(str(state.cache_path), exclusive=True, timeout_s=0)
    with state.cache():
        assert (state.cache_path / "lock.exclusive").is_dir()
    lock.acquire()
    lock.release()
    assert not list(state.cache_path.glob("lock.*"))


def test_cache_that_another_process_uses_is_waited_for_only_so_long(state: ClientState) -> None:
    holder = state.cache_path / "lock.exclusive"
    holder.mkdir()
    (holder / "otherhost@1.1-0").touch()
    with pytest.raises(LockTimeout), state.cache(lock_wait=0):
        pass
    assert (holder / "otherhost@1.1-0").exists()


def test_lock_is_given_back_if_opening_fails(state: ClientState) -> None:
    (state.cache_path / "config").write_text("[cache]\nversion = 7\n")
    with pytest.raises(Error), state.cache():
        pass
    assert not list(state.cache_path.glob("lock.*"))
