"""The fixture of modules that have repositories struck."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.fault_bench import FaultBench


@pytest.fixture
def bench(prepared: Path, tmp_path: Path) -> FaultBench:
    """For work on copies of the repository that the module has `prepared`."""
    return FaultBench(prepared, tmp_path)
