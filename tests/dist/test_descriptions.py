"""What lies beside the products: checksums of all of them, and what they are made of."""

from __future__ import annotations

import hashlib
import json
import tomllib

from support.products import DIST, product
from support.programs import PROJECT
from vinculum import __version__


def test_checksums_are_those_of_all_products() -> None:
    listed = dict(reversed(line.split("  ")) for line in (DIST / "SHA256SUMS").read_text().splitlines())
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in DIST.iterdir() if path.name != "SHA256SUMS"}
    assert listed == found
    assert len(found) >= 6


def test_ingredients_are_those_that_are_locked() -> None:
    described = json.loads(product("*.cdx.json").read_text())
    assert described["metadata"]["component"]["version"] == __version__
    named = {one["purl"] for one in described["components"]}
    locked = {
        f"pkg:cargo/{one['name']}@{one['version']}" for one in tomllib.loads((PROJECT / "Cargo.lock").read_text())["package"]
    }
    crates = {purl for purl in named if purl.startswith("pkg:cargo/")}
    assert crates < locked
    assert {purl.split("/")[1].split("@")[0] for purl in crates} >= {"pyo3", "rayon", "zstd", "aes", "fuser", "liblzma-sys"}
    assert not any("proptest" in purl or "vinculum" in purl for purl in crates)
    others = {purl.split("@")[0] for purl in named - crates}
    assert others == {"pkg:pypi/msgpack", "pkg:pypi/segno", "pkg:generic/cpython"}
    assert all(one["licenses"] for one in described["components"] if one["purl"] in crates)
