"""`python -m vinculum` is the program too."""

from __future__ import annotations

import sys

from vinculum.cli.main import main

sys.exit(main())
