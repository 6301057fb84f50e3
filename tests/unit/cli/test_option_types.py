"""Each option type takes what Borg takes, makes of it what the core expects, and explains itself in one line."""

from __future__ import annotations

import json
import os
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from vinculum.cli import locations, option_types
from vinculum.cli.locations import ARCHIVE, REPOSITORY, REPOSITORY_OR_ARCHIVE

VECTORS = Path(__file__).resolve().parents[2] / "golden" / "vectors"


def complaint(parse: Callable[[str], object], text: str) -> str:
    with pytest.raises(ArgumentTypeError) as caught:
        parse(text)
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


def compression_vectors() -> list[tuple[str, bool]]:
    vectors: dict[str, Any] = json.loads((VECTORS / "compression.json").read_text())
    return [(case["spec"], case["result"] == "ok") for case in vectors["spec_strings"]]


@pytest.mark.parametrize(("spec", "is_good"), compression_vectors())
def test_compression_takes_the_specifications_that_borg_takes(spec: str, is_good: bool) -> None:
    if is_good:
        assert option_types.compression(spec) == spec
    else:
        complaint(option_types.compression, spec)


@pytest.mark.parametrize(
    "spec",
    ["zlib,a", "zstd,-1", "zlib,3,4", "auto,zlib,6,1", "obfuscate,1,zstd,3,4", "auto,obfuscate,1,lz4", "obfuscate,x,lz4"],
)
def test_compression_refuses_what_would_fail_later(spec: str) -> None:
    complaint(option_types.compression, spec)


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("default", ("buzhash", 19, 23, 21, 4095)),
        ("10,23,16,4095", ("buzhash", 10, 23, 16, 4095)),
        ("buzhash,6,12,11,1", ("buzhash", 6, 12, 11, 1)),
        ("fixed,4194304", ("fixed", 4194304, 0)),
        ("fixed,64,20971479", ("fixed", 64, 20971479)),
        ("BUZHASH, 19,23,21,4095", ("buzhash", 19, 23, 21, 4095)),
    ],
)
def test_chunker_params(text: str, params: tuple[object, ...]) -> None:
    assert option_types.chunker_params(text) == params


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,2,3,4", "chunk_min <= chunk_mask <= chunk_max"),
        ("5,6,5,4095", "less than 6"),
        ("10,24,16,4095", "more than 23"),
        ("19,23,21,4094", "uneven"),
        ("19,23,21,-1", "uneven"),
        ("fixed,63", "64"),
        ("fixed,64,20971480", "20971479"),
        ("fixed,64,-1", "negative"),
        ("fixed", "invalid"),
        ("fixed,4K", "invalid"),
        ("buzhash,19,23,21", "invalid"),
        ("19,23,21,4095,1", "invalid"),
        ("", "invalid"),
        ("fail,1,2", "invalid"),
    ],
)
def test_impossible_chunker_params_are_explained(text: str, says: str) -> None:
    assert says in complaint(option_types.chunker_params, text)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("ctime,size,inode", "cis"),
        ("inode,size,mtime", "ims"),
        ("size,ctime", "cs"),
        ("mtime,size", "ms"),
        ("rechunk,ctime", "cr"),
        ("mtime,rechunk", "mr"),
        ("disabled", "d"),
        ("size", "s"),
    ],
)
def test_files_cache_modes(text: str, mode: str) -> None:
    assert option_types.files_cache_mode(text) == mode


@pytest.mark.parametrize(
    "text", ["", "mtime", "ctime,mtime", "inode,size", "disabled,size", "rechunk,mtime,size", "c,i,s", "foo"]
)
def test_other_files_cache_modes_are_refused(text: str) -> None:
    complaint(option_types.files_cache_mode, text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-01-02T10:11:12", datetime(2020, 1, 2, 10, 11, 12, tzinfo=UTC)),
        ("2020-01-02T10:11:12Z", datetime(2020, 1, 2, 10, 11, 12, tzinfo=UTC)),
        ("2020-01-02T10:11:12+00:00", datetime(2020, 1, 2, 10, 11, 12, tzinfo=UTC)),
        ("2020-01-02 10:11", datetime(2020, 1, 2, 10, 11, tzinfo=UTC)),
        ("2020-01-02", datetime(2020, 1, 2, tzinfo=UTC)),
        ("2020-02", datetime(2020, 2, 1, tzinfo=UTC)),
        ("2020-123", datetime(2020, 5, 2, tzinfo=UTC)),
    ],
)
def test_timestamps_are_utc(text: str, moment: datetime) -> None:
    assert option_types.timestamp(text) == moment


def test_a_timestamp_may_be_that_of_a_file(tmp_path: Path) -> None:
    os.utime(tmp_path, ns=(0, 1_600_000_000_123_456_789))
    assert option_types.timestamp(str(tmp_path)) == datetime(2020, 9, 13, 12, 26, 40, 123456, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "no-such-file", "2020", "2020-01-02T10:11Z", "2020-01-02T10:11:12+02:00", "2020-13-01"])
def test_other_timestamps_are_refused(text: str) -> None:
    complaint(option_types.timestamp, text)


def test_sort_keys_have_two_names_for_the_name() -> None:
    assert option_types.sort_keys("timestamp") == ("timestamp",)
    assert option_types.sort_keys("archive,id") == ("name", "id")
    assert "foo" in complaint(option_types.sort_keys, "name,foo")
    complaint(option_types.sort_keys, "")


def test_quotas_are_sizes_of_ten_megabytes_and_more() -> None:
    assert option_types.storage_quota("10M") == 10_000_000
    assert option_types.storage_quota("1.5T") == 1_500_000_000_000
    assert "10M" in complaint(option_types.storage_quota, "9.9M")
    complaint(option_types.storage_quota, "much")


def test_numbers() -> None:
    assert option_types.octal("077") == 0o77
    complaint(option_types.octal, "8")
    assert option_types.positive_int("3") == 3
    for text in ("0", "-1", "x"):
        complaint(option_types.positive_int, text)


# -- locations ---------------------------------------------------------------------------------------------------------


def test_a_location_may_have_to_name_an_archive_or_must_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BORG_REPO", raising=False)
    assert locations.parse_location("repo::name", ARCHIVE).archive == "name"
    assert locations.parse_location("repo", REPOSITORY).archive is None
    assert locations.parse_location("repo::name", REPOSITORY_OR_ARCHIVE).archive == "name"
    assert locations.parse_location("repo", REPOSITORY_OR_ARCHIVE).archive is None
    assert "No archive specified" in complaint(lambda text: locations.parse_location(text, ARCHIVE), "repo")
    assert "No archive can be specified" in complaint(lambda text: locations.parse_location(text, REPOSITORY), "repo::name")


def test_the_repository_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BORG_REPO", "/repositories/{{one}}")
    assert locations.parse_location("", REPOSITORY).path == "/repositories/{one}"
    assert locations.parse_location("::", REPOSITORY).path == "/repositories/{one}"
    location = locations.parse_location("::name", ARCHIVE)
    assert (location.path, location.archive) == ("/repositories/{one}", "name")
    monkeypatch.delenv("BORG_REPO")
    complaint(lambda text: locations.parse_location(text, ARCHIVE), "::name")


def test_placeholders_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BORG_HOSTNAME", "machine")
    monkeypatch.setenv("BORG_USERNAME", "anna")
    location = locations.parse_location("repo::{hostname}-{user}-{utcnow:%Y}", ARCHIVE, datetime(1999, 1, 1, tzinfo=UTC))
    assert location.archive == "machine-anna-1999"
