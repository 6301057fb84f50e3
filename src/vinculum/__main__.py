"""`python -m vinculum` is the program too."""

from __future__ import annotations

from vinculum.cli.main import run

run()
