"""Locations against the recorded ones of the real programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vinculum.repository.location import Location

CASES = json.loads((Path(__file__).parents[2] / "golden/vectors/locations.json").read_text())["cases"]
PLAIN_CASES = [case for case in CASES if "{" not in case["text"]]


@pytest.mark.parametrize("case", PLAIN_CASES, ids=lambda case: f"{case['text']}-{case['env_BORG_REPO']}")
def test_location_is_parsed_as_recorded(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(ValueError, match=r"not a valid|names no repository"):
            Location.parse(case["text"], case["env_BORG_REPO"])
        return
    location = Location.parse(case["text"], case["env_BORG_REPO"])
    parsed = {name: getattr(location, name) for name in ("proto", "user", "host", "port", "path", "archive")}
    assert parsed == {name: case[name] for name in parsed}
    assert location.canonical() == case["canonical"]
    assert location.is_local == (case["proto"] == "file")


# "b@c" is a host that the canonical form cannot express.
REMOTE_CASES = [case for case in PLAIN_CASES if case.get("proto") == "ssh" and case["host"] != "b@c"]


@pytest.mark.parametrize("case", REMOTE_CASES, ids=lambda case: f"{case['text']}-{case['env_BORG_REPO']}")
def test_canonical_form_of_a_remote_location_is_a_location_with_the_same_canonical_form(case: dict[str, Any]) -> None:
    assert Location.parse(case["canonical"]).canonical() == case["canonical"]


def test_locations_compare_by_value() -> None:
    assert Location.parse("host:x::a") == Location.parse("host:x::a")
    assert Location.parse("host:x::a") != Location.parse("host:x::b")
    assert len({Location.parse("/p"), Location.parse("/p/")}) == 1
