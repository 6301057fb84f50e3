"""However many threads work on it, an archive comes out the same, byte for byte, and a tree comes back the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.archives import dump, item_stream_ids
from support.compare import assert_restored
from support.programs import Program
from support.trees import build_every_kind, build_plain, random_content

LARGE_BYTES = 9 << 20
AT_THE_END_BYTES = 4096
"""Archive object, manifest and commit, which hold times."""


def build(tree: Path) -> None:
    """Every kind of file, several bundles of small ones, several large ones that share content, links and holes."""
    build_every_kind(tree, big_bytes=2 << 20)
    build_plain(tree / "small", files=2500, size_bytes=300, per_directory=25)
    large = tree / "large"
    large.mkdir()
    common = random_content("common", LARGE_BYTES)
    for number in range(3):
        (large / f"large-{number}").write_bytes(random_content(number, number << 20) + common)
    for number in range(3):
        (tree / f"link-{number}").hardlink_to(large / "large-2")
    with open(large / "sparse", "wb") as file:
        file.truncate(2 * LARGE_BYTES)
        file.seek(LARGE_BYTES)
        file.write(common[:1000])


def stored(repository: Path) -> bytes:
    """All segments, end to end."""
    segments = sorted((path for path in (repository / "data").rglob("*") if path.is_file()), key=lambda path: int(path.name))
    return b"".join(path.read_bytes() for path in segments)


@pytest.mark.parametrize("mode", ["repokey", "repokey-blake2"])
def test_archives_are_the_same_with_any_number_of_threads(
    mode: str, vinculum: Program, borg145: Program, client_home: Path, workplace: Path
) -> None:
    build(workplace / "tree")
    repository, saved = workplace / "repository", workplace / "saved"
    vinculum.run("init", "--encryption", mode, repository)
    shutil.copytree(repository, saved / "repository")
    shutil.copytree(client_home, saved / "home")
    streams, contents = [], []
    for option in [("--threads", "1"), ("--threads", "8"), ()]:
        shutil.rmtree(repository)
        shutil.copytree(saved / "repository", repository)
        shutil.rmtree(client_home)
        shutil.copytree(saved / "home", client_home)
        environment = {} if option else {"VINCULUM_THREADS": "2"}
        vinculum.run("create", *option, "--timestamp", "2024-01-01T00:00:00", f"{repository}::a", "tree", **environment)
        streams.append(item_stream_ids(dump(borg145, repository, "a")))
        contents.append(stored(repository))
    assert all(stream == streams[0] for stream in streams)
    # Sealing is deterministic as well, and so is the order of writing.
    assert len(contents[0]) > LARGE_BYTES
    for content in contents:
        assert abs(len(content) - len(contents[0])) < AT_THE_END_BYTES
        assert content.startswith(contents[0][:-AT_THE_END_BYTES])
    borg145.run("check", "--verify-data", repository)


def test_restores_are_the_same_with_any_number_of_threads(vinculum: Program, workplace: Path) -> None:
    """With a file that is larger than what is restored at a time, and many more files."""
    tree = workplace / "tree"
    build(tree)
    (tree / "large" / "largest").write_bytes(random_content("largest", 40 << 20))
    repository = workplace / "repository"
    vinculum.run("init", "--encryption", "repokey-blake2", repository)
    vinculum.run("create", f"{repository}::a", "tree")
    for threads in ("1", "2", "8"):
        (workplace / threads).mkdir()
        vinculum.inside(workplace / threads).run("extract", "--threads", threads, f"{repository}::a")
        assert_restored(tree, workplace / threads / "tree")
        done = vinculum.run("extract", "--threads", threads, "--stdout", f"{repository}::a", "tree/large", "tree/small")
        assert len(done.stdout) > (40 << 20)
        vinculum.run("extract", "--threads", threads, "--dry-run", f"{repository}::a")
