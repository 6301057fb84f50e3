"""The two real Borgs as one fixture: every test that uses `real` runs with each of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.programs import Program


@pytest.fixture(params=["1.4.5", "1.2.4"])
def real(request: pytest.FixtureRequest, oracle: Callable[[str], Program]) -> Program:
    """Borg 1.4.5, then Borg 1.2.4."""
    return oracle(request.param)
