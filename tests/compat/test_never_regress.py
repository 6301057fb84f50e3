"""What must never regress, in whole commands next to Borg's: forged archives and manifests, repositories that were moved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.damage import Forger, forged
from support.fork_servers import Servers
from support.programs import client_environment
from support.trees import write_files
from support.twins import Twins
from vinculum.formats.msgpack import pack_sorted, unpack
from vinculum.keys.tam import pack_with_tam
from vinculum.repository.store import MANIFEST_KEY

OURS = "code stdout"
"""Questions are asked in our own words."""
Act = Callable[[Forger], object]


@pytest.fixture(scope="module")
def saved(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> tuple[Twins, Path]:
    """Twins with an archive, and what to make them anew from."""
    place = tmp_path_factory.mktemp("never")
    (place / "cwd").mkdir()
    twins = Twins(servers, place, place / "cwd")
    twins.init("repokey")
    write_files(twins.cwd, {"tree/file": b"content"})
    assert twins.run("theirs", "create", "REPO::archive", "tree").code == 0
    return twins, twins.save()


@pytest.fixture
def known(saved: tuple[Twins, Path], become: Callable[[dict[str, str]], None]) -> Twins:
    """Twins whose repository their clients have seen."""
    twins, put_away = saved
    twins.clone(put_away)
    become(client_environment(twins.home("ours")))
    return twins


def manifest_of(forger: Forger) -> dict[bytes, object]:
    fields = unpack(bytes(forger.codec.open(forger.store.get(MANIFEST_KEY), None)))
    assert isinstance(fields, dict)
    return {name: value for name, value in fields.items() if name != b"tam"}


def put_manifest(forger: Forger, plaintext: bytes) -> None:
    """Sealed with the right key, as one who has it, or had it, could."""
    forger.store.put(MANIFEST_KEY, forger.codec.seal_object(plaintext)[1].object(0))


MANIFESTS: dict[str, Act] = {
    "no entry": lambda forger: put_manifest(forger, pack_sorted(manifest_of(forger))),
    "that of an archive": lambda forger: put_manifest(forger, pack_with_tam(forger.key, manifest_of(forger), b"archive")),
}
"""Encrypted with the right key, but authenticated by nothing or as something else."""


@pytest.mark.parametrize("forgery", MANIFESTS)
def test_a_manifest_that_is_not_authenticated_is_refused(forgery: str, known: Twins) -> None:
    for name in ("theirs", "ours"):
        forged(MANIFESTS[forgery])(known.repository(name))
    for words in ("list REPO", "list REPO::archive", "create REPO::next tree", "delete REPO::archive", "info REPO"):
        theirs, ours = known.both(*words.split())
        assert (theirs.code, ours.code, ours.out) == (2, 2, ""), f"{theirs}\n{ours}"
        assert any(word in ours.err for word in ("unauthenticated", "did not verify")), ours


def test_an_archive_that_was_authenticated_as_something_else_is_refused(known: Twins) -> None:
    def act(forger: Forger) -> None:
        packed = pack_with_tam(forger.key, forger.fields("archive"), b"manifest")
        forger.replace_object("archive", packed)

    for name in ("theirs", "ours"):
        forged(act, keep_manifest=False)(known.repository(name))
    for words in ("list REPO::archive", "info REPO::archive", "extract --dry-run REPO::archive"):
        theirs, ours = known.both(*words.split())
        assert (theirs.code, ours.code, ours.out) == (2, 2, ""), f"{theirs}\n{ours}"
        assert "did not verify" in ours.err


def test_an_archive_that_was_not_authenticated_does_not_outlast_a_repair(known: Twins) -> None:
    """Older programs make such archives, so they can be read; the listing tells, and `check` takes them for forged."""
    for name in ("theirs", "ours"):
        act = forged(lambda forger: forger.replace("archive", forger.fields("archive"), with_tam=False), keep_manifest=False)
        act(known.repository(name))
    assert known.same("list", "--format={archive} {tam}{NL}", "REPO", code=0).out == "archive none\n"
    known.same("check", "REPO", code=1)
    known.same("check", "--repair", "REPO", code=0, BORG_CHECK_I_KNOW_WHAT_I_AM_DOING="YES")
    known.same("list", "REPO", code=0)
    assert known.run("ours", "list", "REPO").out == ""


def test_a_repository_that_changed_its_place_is_asked_about(known: Twins) -> None:
    for name in ("theirs", "ours"):
        moved = [*known.home(name).rglob("location"), *known.home(name).rglob(".cache/borg/*/config")]
        assert len(moved) == 2
        for record in moved:
            record.write_text(record.read_text().replace(str(known.repository(name)), "/elsewhere"))
    question = "BORG_RELOCATED_REPO_ACCESS_IS_OK"
    for answer in ("no", "", "maybe"):
        known.same("list", "REPO", code=2, only=OURS, **{question: answer})
    known.same("list", "REPO", code=0, only=OURS, **{question: "yes"})
    known.same("list", "REPO", code=0, only=OURS, **{question: "no"})  # that is its place now


def test_an_unencrypted_repository_that_nobody_knows_is_asked_about(servers: Servers, tmp_path: Path) -> None:
    (tmp_path / "cwd").mkdir()
    twins = Twins(servers, tmp_path, tmp_path / "cwd")
    twins.init("none")
    for name in ("theirs", "ours"):
        for record in [*twins.home(name).rglob("security/*/*")]:
            record.unlink()
    question = "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK"
    for answer in ("no", ""):
        twins.same("list", "REPO", code=2, only=OURS, **{question: answer})
    twins.same("list", "REPO", code=0, only=OURS, **{question: "yes"})
    twins.same("list", "REPO", code=0, only=OURS, **{question: "no"})
