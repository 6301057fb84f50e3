"""The config of a cache: bytes as Borg's, facts kept, digests trusted only while they belong to the same manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.client_state import golden_state
from vinculum.cache.config import CacheConfig
from vinculum.errors import Error

ID = bytes(range(32))
NEW = b"\xaa" * 32


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def mirror(config: CacheConfig, digests: dict[str, str], features: frozenset[str] = frozenset()) -> None:
    config.mirror(NEW, "2024-01-01T00:00:00.000000", location="/x", key_type=3, ignored_features=features, digests=digests)


def test_config_that_borg_wrote_survives_unchanged(tmp_path: Path) -> None:
    path = golden_state(tmp_path).cache_path / "config"
    before = path.read_bytes()
    CacheConfig.load(str(path)).save()
    assert path.read_bytes() == before


def test_fresh_config_has_borgs_bytes(tmp_path: Path) -> None:
    path = tmp_path / "config"
    CacheConfig.fresh(str(path), ID).save()
    assert path.read_text() == f"[cache]\nversion = 1\nrepository = {ID.hex()}\nmanifest = \n\n[integrity]\nmanifest = \n\n"


def test_committed_config_has_borgs_bytes(tmp_path: Path) -> None:
    path = tmp_path / "config"
    config = CacheConfig.fresh(str(path), ID)
    mirror(config, {"chunks": "{1}", "files": "{2}"})
    config.save()
    assert path.read_text() == (
        f"[cache]\nversion = 1\nrepository = {ID.hex()}\nmanifest = {NEW.hex()}\nprevious_location = /x\n"
        "timestamp = 2024-01-01T00:00:00.000000\nignored_features = \nmandatory_features = \nkey_type = 3\n\n"
        f"[integrity]\nmanifest = {NEW.hex()}\nchunks = {{1}}\nfiles = {{2}}\n\n"
    )


def test_digests_of_another_manifest_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "config"
    config = CacheConfig.fresh(str(path), ID)
    mirror(config, {"chunks": "{1}", "files": "{2}"})
    config.save()
    path.write_text(path.read_text().replace(NEW.hex(), "bb" * 32, 1))
    changed = CacheConfig.load(str(path))
    assert changed.digest("chunks") is None
    mirror(changed, {"chunks": "{3}"})
    assert changed.digest("files") is None, "a digest that did not count must not come to count"
    assert changed.digest("chunks") == "{3}"


def test_digests_of_files_not_written_stay(tmp_path: Path) -> None:
    config = CacheConfig.fresh(str(tmp_path / "config"), ID)
    mirror(config, {"chunks": "{1}", "files": "{2}"})
    mirror(config, {"chunks": "{3}", "files.Suffix": "{4}"})
    assert [config.digest(name) for name in ("chunks", "files", "files.Suffix")] == ["{3}", "{2}", "{4}"]


def test_missing_integrity_section_means_no_digests(tmp_path: Path) -> None:
    config = CacheConfig.load(write(tmp_path / "config", f"[cache]\nversion = 1\nrepository = {ID.hex()}\nmanifest =\n"))
    assert config.digest("chunks") is None
    assert config.manifest_id == b""
    assert (config.timestamp, config.key_type, config.previous_location) == (None, None, None)


def test_features_accumulate(tmp_path: Path) -> None:
    config = CacheConfig.fresh(str(tmp_path / "config"), ID)
    mirror(config, {}, frozenset({"b"}))
    mirror(config, {}, frozenset({"a"}))
    config.save()
    assert CacheConfig.load(config.path).ignored_features == {"a", "b"}
    assert CacheConfig.load(config.path).mandatory_features == frozenset()


def test_unknown_keys_are_kept(tmp_path: Path) -> None:
    text = f"[cache]\nversion = 1\nrepository = {ID.hex()}\nmanifest = \nflavour = mint\n\n[other]\nx = y\n"
    config = CacheConfig.load(write(tmp_path / "config", text))
    mirror(config, {})
    config.save()
    assert "flavour = mint\n" in Path(config.path).read_text()
    assert "[other]\nx = y\n" in Path(config.path).read_text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rubbish",
        "[repository]\nversion = 1\n",
        "[cache]\nrepository = 00\n",
        "[cache]\nversion = one\n",
        "[cache]\nversion = 1\nmanifest = xyz\n",
        "[cache]\nversion = 1\nrepository = 0\n",
        "[cache]\nversion = 1\nkey_type = repokey\n",
    ],
)
def test_unusable_config_is_a_value_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        CacheConfig.load(write(tmp_path / "config", text))


def test_other_version_is_refused_not_wiped(tmp_path: Path) -> None:
    with pytest.raises(Error, match="version 2"):
        CacheConfig.load(write(tmp_path / "config", "[cache]\nversion = 2\n"))
