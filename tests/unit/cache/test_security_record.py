"""Access to a repository is compared with what this client remembers of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.client_state import ClientState, SomeKey, SomeManifest, golden_state
from vinculum.cache.security import RELOCATED_VARIABLE, UNENCRYPTED_VARIABLE, SecurityRecord, check_access
from vinculum.cache.unopened import check_access_without_cache
from vinculum.errors import (
    CacheInitAborted,
    EncryptionMethodMismatch,
    Error,
    RepositoryAccessAborted,
    RepositoryIdNotUnique,
    RepositoryReplay,
)

LOCATION = "/srv/backup"
NOW = "2024-05-06T07:08:09.000001"
EARLIER = "2024-05-06T07:08:09.000000"
LATER = "2024-05-06T07:08:09.000002"
MANIFEST = SomeManifest(b"m" * 32, NOW)
ENCRYPTED = SomeKey(3)
PLAIN = SomeKey(2, logically_encrypted=False)


class User:
    """Gives one answer to every question and remembers what was asked."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    def __call__(self, text: str, variable: str) -> bool:
        self.asked.append((text, variable))
        return self.answer

    @property
    def variables(self) -> list[str]:
        return [variable for _, variable in self.asked]


@pytest.fixture
def record(tmp_path: Path) -> SecurityRecord:
    return SecurityRecord(str(tmp_path / "security" / "id"))


def saved(record: SecurityRecord) -> tuple[str | None, int | None, str | None]:
    return record.location, record.key_type, record.timestamp


def test_files_have_borgs_bytes(record: SecurityRecord) -> None:
    record.save(LOCATION, 3, NOW)
    content = {path.name: path.read_bytes() for path in Path(record.directory).iterdir()}
    assert content == {"location": LOCATION.encode(), "key-type": b"3", "manifest-timestamp": NOW.encode()}


def test_record_that_borg_wrote_is_read(tmp_path: Path) -> None:
    record = golden_state(tmp_path).record
    assert record.is_known
    assert saved(record) == ("/mnt/out/b145-repokey", 3, "2026-11-23T02:19:59.658925")


def test_location_that_is_not_utf8_survives(record: SecurityRecord) -> None:
    location = b"/srv/\xff\xfe".decode("utf-8", "surrogateescape")
    record.save(location, 3, NOW)
    assert record.location == location


def test_unknown_encrypted_repository_is_noted_without_question(record: SecurityRecord) -> None:
    user = User(False)
    assert not check_access(record, ENCRYPTED, MANIFEST, LOCATION, confirm=user)
    assert user.asked == []
    assert saved(record) == (LOCATION, 3, NOW)


def test_unknown_plain_repository_needs_consent(record: SecurityRecord) -> None:
    user = User(False)
    with pytest.raises(CacheInitAborted):
        check_access(record, PLAIN, MANIFEST, LOCATION, confirm=user)
    assert user.variables == [UNENCRYPTED_VARIABLE]
    assert user.asked[0][0].endswith("\nDo you want to continue? [yN] ")
    assert not record.is_known
    check_access(record, PLAIN, MANIFEST, LOCATION, confirm=User(True))
    assert saved(record) == (LOCATION, 2, NOW)


def test_known_plain_repository_is_not_asked_about(record: SecurityRecord) -> None:
    record.save(LOCATION, 2, NOW)
    user = User(False)
    check_access(record, PLAIN, MANIFEST, LOCATION, confirm=user)
    assert user.asked == []


def test_creator_is_not_asked_about_plain_repository(record: SecurityRecord) -> None:
    user = User(False)
    check_access(record, PLAIN, MANIFEST, LOCATION, confirm=user, ask_if_unencrypted=False)
    assert user.asked == []
    assert record.is_known


@pytest.mark.parametrize("name", ["location", "key-type", "manifest-timestamp"])
def test_incomplete_record_is_unknown_and_completed(record: SecurityRecord, name: str) -> None:
    record.save(LOCATION, 2, NOW)
    (Path(record.directory) / name).unlink()
    user = User(True)
    check_access(record, PLAIN, MANIFEST, LOCATION, confirm=user)
    assert user.variables == [UNENCRYPTED_VARIABLE]
    assert saved(record) == (LOCATION, 2, NOW)


def test_moved_repository_needs_consent(record: SecurityRecord) -> None:
    record.save("/old/place", 3, NOW)
    user = User(False)
    with pytest.raises(RepositoryAccessAborted):
        check_access(record, ENCRYPTED, MANIFEST, LOCATION, confirm=user)
    text, variable = user.asked[0]
    assert variable == RELOCATED_VARIABLE
    assert LOCATION in text
    assert "/old/place" in text
    assert text.endswith("\nDo you want to continue? [yN] ")
    assert record.location == "/old/place"
    assert check_access(record, ENCRYPTED, MANIFEST, LOCATION, confirm=User(True))
    assert record.location == LOCATION


def test_changed_encryption_is_refused(record: SecurityRecord) -> None:
    record.save(LOCATION, 3, NOW)
    with pytest.raises(EncryptionMethodMismatch):
        check_access(record, PLAIN, MANIFEST, LOCATION, confirm=User(True))


def test_changed_encryption_is_told_before_replay(record: SecurityRecord) -> None:
    record.save(LOCATION, 3, LATER)
    with pytest.raises(EncryptionMethodMismatch):
        check_access(record, PLAIN, MANIFEST, LOCATION, confirm=User(True))


def test_unreadable_key_type_matches_no_key(record: SecurityRecord) -> None:
    record.save(LOCATION, 3, NOW)
    (Path(record.directory) / "key-type").write_text("three")
    with pytest.raises(EncryptionMethodMismatch):
        check_access(record, ENCRYPTED, MANIFEST, LOCATION, confirm=User(True))


@pytest.mark.parametrize(("key", "error"), [(ENCRYPTED, RepositoryReplay), (PLAIN, RepositoryIdNotUnique)])
def test_older_manifest_is_refused(record: SecurityRecord, key: SomeKey, error: type[Error]) -> None:
    record.save(LOCATION, key.type_byte, LATER)
    with pytest.raises(error):
        check_access(record, key, MANIFEST, LOCATION, confirm=User(True))
    assert record.timestamp == LATER


@pytest.mark.parametrize("timestamp", [EARLIER, NOW])
def test_manifest_of_same_age_or_newer_is_accepted(record: SecurityRecord, timestamp: str) -> None:
    record.save(LOCATION, 3, timestamp)
    check_access(record, ENCRYPTED, MANIFEST, LOCATION, confirm=User(False))
    assert record.timestamp == timestamp, "only a commit moves it forward"


# -- with what the cache knows -----------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path) -> ClientState:
    return golden_state(tmp_path)


def check_without_cache(
    state: ClientState, user: User, location: str = "/mnt/out/b145-repokey", key: SomeKey = ENCRYPTED
) -> None:
    check_access_without_cache(str(state.cache_path), key, state.manifest, location, state.record, lock_wait=0, confirm=user)


def test_location_in_cache_overrides_record(state: ClientState) -> None:
    state.record.save_location("/elsewhere")
    user = User(False)
    check_without_cache(state, user)
    assert user.asked == []


def test_consent_to_move_is_told_to_cache_and_record(state: ClientState) -> None:
    user = User(True)
    check_without_cache(state, user, "/new/place")
    check_without_cache(state, user, "/new/place")
    assert user.variables == [RELOCATED_VARIABLE], "asked once only"
    assert state.config().previous_location == "/new/place"
    assert state.record.location == "/new/place"
    assert not list(state.cache_path.glob("lock.*"))


def test_consent_to_move_with_open_cache(state: ClientState) -> None:
    user = User(True)
    with state.cache(location="/new/place") as cache:
        cache.check_access(state.manifest, user)
    with state.cache(location="/new/place") as cache:
        cache.check_access(state.manifest, user)
        assert cache.is_synchronised(state.manifest)
    assert user.variables == [RELOCATED_VARIABLE]


def test_newer_timestamp_in_cache_counts(state: ClientState) -> None:
    state.manifest = state.manifest._replace(timestamp="2020-01-01T00:00:00.000000")
    state.record.save(LOCATION, 3, "2019-01-01T00:00:00.000000")
    with pytest.raises(RepositoryReplay), state.cache() as cache:
        cache.check_access(state.manifest, User(True))


def test_key_type_in_cache_counts(state: ClientState) -> None:
    (state.security_path / "key-type").write_text("2")
    with pytest.raises(EncryptionMethodMismatch):
        check_without_cache(state, User(True), key=PLAIN)


def test_unreadable_cache_config_is_passed_over(state: ClientState) -> None:
    (state.cache_path / "config").write_text("nonsense")
    user = User(False)
    check_without_cache(state, user)
    assert user.asked == []


def test_missing_cache_is_not_created_for_the_check(state: ClientState, tmp_path: Path) -> None:
    missing = tmp_path / "none"
    check_access_without_cache(
        str(missing), ENCRYPTED, state.manifest, "/mnt/out/b145-repokey", state.record, lock_wait=0, confirm=User(False)
    )
    assert not missing.exists()
