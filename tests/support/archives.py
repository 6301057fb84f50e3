"""What real Borg sees in a repository, whoever wrote it: the independent reader of the compatibility tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.programs import PROJECT, Program, oracle_path

ID_MARK = "\x7f"  # Borg's JSON dumps show 32 raw bytes as this and hex digits

READ_CHUNK_INDEX = """
import json, sys
from borg.hashindex import ChunkIndex
index = ChunkIndex.read(sys.argv[1])
json.dump({key.hex(): list(entry) for key, entry in index.iteritems()}, sys.stdout)
"""


def list_archives(reader: Program, repository: Path | str) -> list[str]:
    """Names of the archives, oldest first."""
    return [archive["name"] for archive in json.loads(reader.run("list", "--json", repository).out)["archives"]]


def dump(borg: Program, repository: Path, archive: str) -> dict[str, Any]:
    """Everything that the archive object and its items say."""
    content: dict[str, Any] = json.loads(borg.run("debug", "dump-archive", f"{repository}::{archive}", "-").out)
    return content


def borg_stream(borg: Program, repository: Path, archive: str, place: Path) -> bytes:
    """The whole item stream of an archive; `place` is made for its pieces."""
    place.mkdir()
    borg.inside(place).run("debug", "dump-archive-items", f"{repository}::{archive}")
    return b"".join(piece.read_bytes() for piece in sorted(place.iterdir()))


def item_stream_ids(archive: dict[str, Any]) -> list[str]:
    """The ids of the item stream's chunks."""
    return [id.removeprefix(ID_MARK) for id in archive["_meta"]["items"]]


def content_ids(archive: dict[str, Any]) -> dict[str, list[tuple[str, int]]]:
    """Path -> (id, size) of each content chunk."""
    return {
        item["path"]: [(id.removeprefix(ID_MARK), size) for id, size, _ in item["chunks"]]
        for item in archive["_items"]
        if "chunks" in item
    }


def cache_directory(home: Path) -> Path:
    """The one cache that is below that home."""
    (found,) = [path for path in (home / ".cache" / "borg").iterdir() if path.is_dir()]
    return found


def chunk_references(borg: Program, home: Path) -> dict[str, tuple[int, int, int]]:
    """The client's chunk index: id -> references, size, stored size."""
    python = Program("borg's python", [str(oracle_path("1.4.5", "python3"))], borg.environment, PROJECT)
    content = json.loads(python.run("-c", READ_CHUNK_INDEX, cache_directory(home) / "chunks").out)
    return {id: (references, size, csize) for id, (references, size, csize) in content.items()}


def extract(program: Program, repository: Path, archive: str, to: Path, *options: str) -> Path:
    """Restores a whole archive into the new directory `to`."""
    to.mkdir(parents=True)
    program.inside(to).run("extract", *options, f"{repository}::{archive}")
    return to
