"""Keys on paper: the same text as real Borg's, every typing error found at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vinculum.errors import RepoIdMismatch
from vinculum.keys.paper import PaperReader, format_paper

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "golden" / "vectors" / "keyblobs.json").read_text())
ID = bytes.fromhex(VECTORS["repository_id"])
BLOBS = [pytest.param(blob, id=f"{at}-{blob['mode']}") for at, blob in enumerate(VECTORS["blobs"])]


def typed(paper: str) -> list[str]:
    """What a user types of a paper: everything after the colons."""
    return [line.partition(":")[2] for line in paper.splitlines()[3:]]


@pytest.mark.parametrize("blob", BLOBS)
def test_paper_is_that_of_borg(blob: dict[str, str]) -> None:
    assert format_paper(ID, bytes.fromhex(blob["outer_msgpack"])) == blob["paper"]


@pytest.mark.parametrize("blob", BLOBS)
def test_what_borg_printed_can_be_typed_in(blob: dict[str, str]) -> None:
    reader = PaperReader(ID)
    for number, line in enumerate(typed(blob["paper"])):
        assert not reader.is_complete
        assert reader.next_line == number
        reader.take(line.replace(" ", "") if number % 2 else f" {line} ")
    assert reader.is_complete
    assert reader.finish() == bytes.fromhex(blob["outer_msgpack"])


@pytest.mark.parametrize("length", [20, 36, 18 * 100 + 5])
def test_any_length_comes_back(length: int) -> None:
    key = bytes(range(256)) * 8
    reader = PaperReader(ID)
    for line in typed(format_paper(ID, key[:length])):
        reader.take(line)
    assert reader.finish() == key[:length]


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("", "exactly one '-'"),
        ("86a961 6c676f", "exactly one '-'"),
        ("86a961 - 14 - 14", "exactly one '-'"),
        ("86a96 - 14", "pairs"),
        ("86a96g - 14", "pairs"),
        ("86a961 6c676f - 14", "try line 1 again"),
    ],
)
def test_a_wrong_line_is_found_and_forgotten(line: str, advice: str) -> None:
    lines = typed(VECTORS["blobs"][0]["paper"])
    reader = PaperReader(ID)
    reader.take(lines[0])
    with pytest.raises(ValueError, match=advice):
        reader.take(line)
    for good in lines[1:]:
        reader.take(good)
    assert reader.finish() is not None


@pytest.mark.parametrize("line", ["", "20/ab - 00", "20/ab/cd/ef - 00", "20/ab/cd - 00", "x/ab/cd - 00"])
def test_a_wrong_id_line_is_found(line: str) -> None:
    reader = PaperReader(ID)
    with pytest.raises(ValueError, match="try"):
        reader.take(line)
    assert reader.next_line == 0


def test_papers_of_other_repositories_are_refused() -> None:
    with pytest.raises(RepoIdMismatch):
        PaperReader(bytes(32)).take(typed(VECTORS["blobs"][0]["paper"])[0])


def test_lines_of_two_papers_do_not_make_a_key() -> None:
    one, other = (typed(VECTORS["blobs"][at]["paper"]) for at in (0, 1))
    reader = PaperReader(ID)
    for line in [*one[:5], *other[5:]]:
        reader.take(line)
    assert reader.is_complete
    assert reader.finish() is None
    assert reader.next_line == 0
    for line in one:
        reader.take(line)
    assert reader.finish() is not None
