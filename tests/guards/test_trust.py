"""What must never regress has tests: docs/trust.md names them, and they exist."""

from __future__ import annotations

import ast
import re

from support.programs import PROJECT

PAGE = PROJECT / "docs" / "trust.md"


def test_what_must_never_regress_has_tests() -> None:
    table = PAGE.read_text().split("## What must never regress")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) >= 9
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", row)
        assert named, f"nothing is said to test that {row}"
        for path, test in named:
            source = PROJECT / path
            assert source.exists(), path
            functions = {node.name for node in ast.parse(source.read_text()).body if isinstance(node, ast.FunctionDef)}
            assert test in functions or (not test and any(name.startswith("test_") for name in functions)), f"{path}::{test}"


def test_every_test_that_is_named_on_the_page_exists() -> None:
    for path in re.findall(r"`(tests/[\w/.]+)", PAGE.read_text()):
        assert (PROJECT / path).exists(), path
