"""Archives of programs before 1.2 do not record their sizes: these are counted once and kept where Borg keeps them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.trees import write_files
from support.twins import Twins
from vinculum._native import Compressor
from vinculum.archive.archive import load_archive, pack_archive
from vinculum.archive.manifest import ArchiveEntry, Manifest, fetch_manifest_object
from vinculum.keys.key import open_key
from vinculum.keys.passphrase import PassphraseSource
from vinculum.objects.codec import ObjectCodec
from vinculum.repository.repository import Repository

pytestmark = pytest.mark.can_be_far


@pytest.fixture(autouse=True)
def old_archive(twins: Twins, workplace: Path) -> None:
    """Both repositories hold `old`, which has no sizes, and `new`."""
    write_files(workplace / "tree", {"same": os.urandom(50_000), "other": b"before"})
    twins.run("theirs", "create", "-C", "none", "REPO::old", "tree")
    write_files(workplace / "tree", {"other": b"after"})
    twins.run("theirs", "create", "-C", "none", "REPO::new", "tree")
    forget_totals(str(twins.repository("theirs")), "old")
    twins.clone()


def forget_totals(path: str, name: str) -> None:
    with Repository(path, exclusive=True) as store:
        stored = fetch_manifest_object(store)
        key = open_key(store, stored, PassphraseSource())
        manifest = Manifest.load(store, key, stored=stored)
        codec = ObjectCodec(key, None, Compressor("lz4"))
        archive = load_archive(store, key, manifest.archives[name])
        archive.size = archive.csize = archive.nfiles = None
        archive.size_parts = archive.csize_parts = archive.nfiles_parts = None
        archive.cmdline = ["borg"]  # it holds the twin's path
        id, sealed = codec.seal_object(pack_archive(key, archive), name)
        store.put_many(sealed)
        manifest.archives[name] = ArchiveEntry(name, id, archive.time)
        manifest.write(store, codec)
        store.commit()


def kept(twins: Twins, name: str) -> Path:
    (file,) = (twins.home(name) / ".cache" / "borg").glob("*/pre12-meta")
    return file


def test_sizes_are_those_of_borg_and_are_kept(twins: Twins) -> None:
    for _ in range(2):
        for words in (
            ["REPO"],
            ["REPO::old"],
            ["--json", "REPO::old"],
            ["--consider-part-files", "REPO::old"],
            ["--first", "1", "REPO"],
        ):
            twins.same("info", *words, code=0)
        assert kept(twins, "ours").read_text() == kept(twins, "theirs").read_text()
        assert len(json.loads(kept(twins, "ours").read_text())) == 1
    twins.same("create", "-C", "none", "--stats", "REPO::newer", "tree", code=0)
    twins.same("delete", "--stats", "REPO::new", code=0)


def test_what_was_kept_is_not_counted_again(twins: Twins) -> None:
    twins.same("info", "REPO", code=0)
    for name in ("theirs", "ours"):
        totals = json.loads(kept(twins, name).read_text())
        for sizes in totals.values():
            sizes["size"] += 10_000_000
        kept(twins, name).write_text(json.dumps(totals))
    assert "10.10 MB" in twins.same("info", "REPO", code=0).out
