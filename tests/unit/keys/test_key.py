from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.golden import LEGACY, GoldenRepository, openable_names
from support.keys import ScriptedUser, given, key_of, material_of
from support.memory_store import MemoryStore
from vinculum._native import Compressor
from vinculum.errors import (
    Error,
    IntegrityError,
    KeyfileExists,
    KeyfileInvalid,
    KeyfileNotFound,
    PassphraseWrong,
    RepoKeyNotFound,
    UnsupportedPayload,
)
from vinculum.keys.blob import LockedBlob, decode_text, encode_text, lock_blob
from vinculum.keys.key import Key, create_key, open_key
from vinculum.keys.modes import MODES
from vinculum.keys.passphrase import PassphraseSource
from vinculum.keys.tam_marker import is_marked, set_marked
from vinculum.objects.codec import ObjectCodec
from vinculum.repository.repository import Repository
from vinculum.repository.store import MANIFEST_KEY

pytestmark = pytest.mark.usefixtures("client_env")


class Counters:
    def allocate(self, count: int) -> int:
        return 0 * count


def seal(key: Key, plaintext: bytes) -> tuple[bytes, bytes]:
    id, sealed = ObjectCodec(key, Counters(), Compressor("lz4")).seal_object(plaintext)
    return id, bytes(sealed.object(0))


@pytest.mark.parametrize("mode", MODES)
def test_created_key_can_be_opened_again(mode: str) -> None:
    store = MemoryStore()
    key = create_key(store, mode, given("secret"))
    id, stored = seal(key, b"hello")
    again = open_key(store, stored, given("secret"))
    assert bytes(again.opener.open(stored, id)) == b"hello"
    assert (again.name, again.type_byte, again.chunk_seed) == (mode, MODES[mode].type_byte, key.chunk_seed)
    assert again.tam_secret == key.tam_secret
    assert (again.tam_required, again.logically_encrypted, again.key_file) == (
        key.tam_required,
        key.logically_encrypted,
        key.key_file,
    )


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "none"])
def test_other_passphrases_do_not_open_it(mode: str) -> None:
    store = MemoryStore()
    _, stored = seal(create_key(store, mode, given("secret")), b"hello")
    with pytest.raises(PassphraseWrong):
        open_key(store, stored, given("Secret"))


@pytest.mark.parametrize("mode", MODES)
def test_key_is_where_the_mode_wants_it(mode: str, client_home: Path) -> None:
    store = MemoryStore(path="/srv/my repo")
    key = create_key(store, mode, given("secret"))
    files = [path.name for path in client_home.rglob("*") if path.is_file() and path.parent.name == "keys"]
    storage = MODES[mode].storage
    assert (bool(store.key_text), files) == (storage == "repository", ["srv_my_repo"] if storage == "file" else [])
    assert (key.key_file is not None) == (storage == "file")
    assert is_marked(store.id) == key.tam_required == (mode != "none")


def test_key_file_can_be_named_after_another_place(client_home: Path) -> None:
    key = create_key(MemoryStore(), "keyfile", given("x"), path="/./repo", host="host.example")
    assert key.key_file == str(client_home / ".config" / "borg" / "keys" / "host_example__repo")


@pytest.mark.parametrize(
    ("mode", "passphrase", "expected"),
    [
        ("none", "x", False),
        ("authenticated", "x", False),
        ("authenticated-blake2", "x", False),
        ("repokey", "x", True),
        ("repokey", "", False),
        ("repokey-blake2", "", False),
        ("keyfile", "", True),
        ("keyfile-blake2", "x", True),
    ],
)
def test_logical_encryption_means_that_the_repository_alone_is_unreadable(mode: str, passphrase: str, expected: bool) -> None:
    store = MemoryStore()
    key = create_key(store, mode, given(passphrase))
    assert key.logically_encrypted == expected
    assert open_key(store, seal(key, b"")[1], given(passphrase)).logically_encrypted == expected


def test_empty_passphrase_opens_without_a_question() -> None:
    store = MemoryStore()
    _, stored = seal(create_key(store, "repokey", given("")), b"hello")
    user = ScriptedUser()
    assert open_key(store, stored, PassphraseSource(user, {})).name == "repokey"
    assert user.asked == []


@pytest.mark.parametrize("mode", ["repokey", "keyfile"])
def test_prompt_names_the_repository_or_its_key_file(mode: str) -> None:
    store = MemoryStore()
    key = create_key(store, mode, given("secret"))
    user = ScriptedUser("secret")
    open_key(store, seal(key, b"")[1], PassphraseSource(user, {}), repository_name="ssh://host/repo")
    assert user.asked == [f"Enter passphrase for key {key.key_file or 'ssh://host/repo'}: "]


@pytest.mark.parametrize("in_key", [None, False, True])
@pytest.mark.parametrize("in_security_directory", [False, True])
def test_key_says_whether_tam_is_required_and_else_the_security_directory(
    in_key: bool | None, in_security_directory: bool
) -> None:
    store = MemoryStore()
    material = material_of("repokey", repository_id=store.id, tam_required=in_key)
    store.key_text = encode_text(lock_blob(material, "x", iterations=1)).encode()
    set_marked(store.id, in_security_directory)
    key = open_key(store, b"\x03", given("x"))
    assert key.tam_required == (in_security_directory if in_key is None else in_key)


def test_objects_of_the_passphrase_mode_mean_repokey() -> None:
    store = MemoryStore()
    create_key(store, "repokey", given("x"))
    key = open_key(store, b"\x01rest", given("x"))
    assert (key.name, key.type_byte) == ("repokey", 0x03)


@pytest.mark.parametrize("manifest", [b"\x08", b"\xff...", b""])
def test_unknown_payload_is_named(manifest: bytes) -> None:
    with pytest.raises(UnsupportedPayload, match=f"0x{manifest[:1].hex()}" if manifest else "none"):
        open_key(MemoryStore(), manifest, given("x"))


@pytest.mark.parametrize("text", [b"", b" \n"])
def test_repository_without_key_is_reported(text: bytes) -> None:
    store = MemoryStore()
    store.key_text = text
    with pytest.raises(RepoKeyNotFound, match="my repo"):
        open_key(store, b"\x03", given("x"), repository_name="my repo")


def test_missing_key_file_is_reported() -> None:
    with pytest.raises(KeyfileNotFound, match="my repo"):
        open_key(MemoryStore(), b"\x00", given("x"), repository_name="my repo")


@pytest.mark.parametrize("text", [b"#!", b"QUJD", b"QUJD" * 20, encode_text(b"\x80" + bytes(30)).encode()])
def test_unusable_key_is_reported_without_its_content(text: bytes) -> None:
    store = MemoryStore()
    store.key_text = text
    with pytest.raises(Error) as caught:
        open_key(store, b"\x03", given("x"))
    assert text.decode() not in str(caught.value)


def test_secrets_of_the_wrong_length_are_an_invalid_key() -> None:
    store = MemoryStore()
    material = material_of("repokey", repository_id=store.id)
    material.enc_key = b"short"
    store.key_text = encode_text(lock_blob(material, "x", iterations=1)).encode()
    with pytest.raises(KeyfileInvalid):
        open_key(store, b"\x03", given("x"))


def test_nothing_is_stored_if_no_passphrase_can_be_had(client_home: Path) -> None:
    store = MemoryStore()
    for mode in ("repokey", "keyfile"):
        with pytest.raises(Error):
            create_key(store, mode, PassphraseSource(None, {}))
    assert store.key_text == b""
    assert not list(client_home.iterdir())


def test_named_key_file_is_not_overwritten_by_a_new_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "k").write_text("precious")
    monkeypatch.setenv("BORG_KEY_FILE", str(tmp_path / "k"))
    with pytest.raises(KeyfileExists):
        create_key(MemoryStore(), "keyfile", given("x"))
    assert (tmp_path / "k").read_text() == "precious"


def test_secrets_are_not_shown() -> None:
    key = key_of("repokey")
    shown = f"{key!r} {key}"
    assert key.tam_secret is not None
    assert not any(key.tam_secret[at : at + 4].hex() in shown for at in range(len(key.tam_secret)))


@pytest.mark.parametrize("mode", ["authenticated", "authenticated-blake2"])
def test_authenticated_modes_can_be_read_without_key_by_workaround(mode: str) -> None:
    store = MemoryStore()
    id, stored = seal(create_key(store, mode, given("secret")), b"hello")
    store.key_text = b""
    key = open_key(store, stored, PassphraseSource(None, {}), workarounds=frozenset({"authenticated_no_key"}))
    assert bytes(key.opener.open(stored, id)) == b"hello"
    assert not key.verifies
    assert not key.tam_required
    with pytest.raises(Error, match="without its key"):
        seal(key, b"new")


def test_workaround_does_not_concern_encrypted_modes() -> None:
    store = MemoryStore()
    _, stored = seal(create_key(store, "repokey", given("secret")), b"hello")
    with pytest.raises(PassphraseWrong):
        open_key(store, stored, given("wrong"), workarounds=frozenset({"authenticated_no_key"}))


@pytest.mark.parametrize("name", openable_names())
def test_golden_repositories_open_completely(name: str, golden_client: Callable[[str], GoldenRepository]) -> None:
    repository = golden_client(name)
    with Repository(str(repository.path), lock=False) as store:
        manifest = store.get(MANIFEST_KEY)
        key = open_key(store, manifest, given("test"))
        assert key.name == repository.listing["mode"]
        assert key.chunk_seed == repository.listing.get("key", {}).get("chunk_seed", 0)
        ids = [id for id in store.list() if id != MANIFEST_KEY]
        opened = key.opener.open_many(store.get_many(b"".join(ids)), b"".join(ids))
    assert len(opened) == len(repository.listing["objects"]) - 1


def test_repository_in_passphrase_mode_has_no_key_entry(golden: Callable[[str], GoldenRepository]) -> None:
    with Repository(str(golden(LEGACY).path), lock=False) as store, pytest.raises(RepoKeyNotFound):
        open_key(store, store.get(MANIFEST_KEY), given("test"))


def test_manifest_under_a_foreign_key_is_refused() -> None:
    _, stored = seal(key_of("repokey"), b"hello")
    store = MemoryStore()
    create_key(store, "repokey", given("x"))
    with pytest.raises(IntegrityError):
        open_key(store, stored, given("x")).opener.open(stored, None)


def test_blob_in_the_repository_is_of_this_repository() -> None:
    store = MemoryStore()
    create_key(store, "repokey", given("x"))
    material = LockedBlob(decode_text(store.key_text)).unlock("x")
    assert material is not None
    assert material.repository_id == store.id


def test_what_was_begun_before_counts_only_if_it_is_the_same_key() -> None:
    stores = MemoryStore(), MemoryStore()
    stored = [seal(create_key(store, "repokey", given("x")), b"hello")[1] for store in stores]
    for begun_of in stores:
        begun = LockedBlob(decode_text(begun_of.key_text))
        begun.begin("x")
        key = open_key(stores[0], stored[0], given("x"), begun=begun)
        assert bytes(key.opener.open(stored[0], None)) == b"hello"
        begun.begin("wrong")
        with pytest.raises(PassphraseWrong):
            open_key(stores[0], stored[0], given("wrong"), begun=begun)
