"""Every encryption mode times every compression, in both directions, against both real Borgs.

One repository per mode holds an archive per compression. Each archive has content of its own, so that none is spared the
compression by deduplication, and a chunker that cuts it into many pieces.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support.archives import extract, list_archives
from support.compare import assert_restored
from support.programs import Program
from support.trees import build_every_kind

MODES = ["none", "authenticated", "authenticated-blake2", "repokey", "repokey-blake2", "keyfile", "keyfile-blake2"]
COMPRESSIONS = ["none", "lz4", "zstd", "zstd,19", "zlib", "zlib,0", "lzma,1", "auto,zstd", "obfuscate,110,lz4"]


def name_of(compression: str) -> str:
    return f"archive-{compression.replace(',', '-')}"


def write_and_read(writer: Program, reader: Program, mode: str, workplace: Path) -> None:
    repository = workplace / "repository"
    writer.run("init", "--encryption", mode, repository)
    for compression in COMPRESSIONS:
        tree = workplace / compression
        build_every_kind(tree, seed=compression, big_bytes=200_000)
        options = ["--compression", compression, "--chunker-params", "10,15,13,4095"]
        writer.run("create", *options, f"{repository}::{name_of(compression)}", tree.name)
    assert list_archives(reader, repository) == [name_of(compression) for compression in COMPRESSIONS]
    for compression in COMPRESSIONS:
        restored = extract(reader, repository, name_of(compression), workplace / f"restored-{compression}")
        assert_restored(workplace / compression, restored / compression)
    checker = writer if writer.name.startswith("borg-") else reader
    checker.run("check", "--verify-data", repository)


@pytest.mark.parametrize("mode", MODES)
def test_borg_reads_what_vinculum_writes(mode: str, vinculum: Program, real: Program, workplace: Path) -> None:
    write_and_read(vinculum, real, mode, workplace)


@pytest.mark.parametrize("mode", MODES)
def test_vinculum_reads_what_borg_writes(mode: str, vinculum: Program, real: Program, workplace: Path) -> None:
    write_and_read(real, vinculum, mode, workplace)
