"""How commands end: legacy and modern codes, and the lines of --show-rc."""

from __future__ import annotations

import pytest

from vinculum.cli import exit_codes
from vinculum.errors import LockTimeout


def test_errors_have_one_legacy_code_and_many_modern_ones() -> None:
    error = LockTimeout("/lock")
    assert exit_codes.of_error(error, modern=False) == 2
    assert exit_codes.of_error(error, modern=True) == 73


@pytest.mark.parametrize(
    ("codes", "legacy", "modern"), [([], 0, 0), ([107], 1, 107), ([107, 107], 1, 107), ([107, 100], 1, 1), ([1], 1, 1)]
)
def test_warnings_keep_their_modern_code_if_they_agree(codes: list[int], legacy: int, modern: int) -> None:
    assert exit_codes.of_warnings(codes, modern=False) == legacy
    assert exit_codes.of_warnings(codes, modern=True) == modern


def test_only_the_word_modern_chooses_modern_codes() -> None:
    assert exit_codes.is_modern({"BORG_EXIT_CODES": "modern"})
    assert not exit_codes.is_modern({"BORG_EXIT_CODES": "legacy"})
    assert not exit_codes.is_modern({})


@pytest.mark.parametrize(
    ("code", "level", "status"),
    [
        (0, "info", "success"),
        (1, "warning", "warning"),
        (107, "warning", "warning"),
        (2, "error", "error"),
        (73, "error", "error"),
        (130, "error", "signal"),
        (143, "error", "signal"),
        (128, "error", "abnormal"),
    ],
)
def test_show_rc_lines(code: int, level: str, status: str) -> None:
    assert exit_codes.describe(code) == (level, f"terminating with {status} status, rc {code}")
