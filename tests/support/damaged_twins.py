"""Twins to be damaged: made once for each mode of encryption, and what they were is copied anew for each damage.

Usually a few of the damages that a test knows are done, in one mode; with VINCULUM_DAMAGES all of them, in all modes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from support.fork_servers import Servers
from support.twins import Twins

ALL = "VINCULUM_DAMAGES" in os.environ
CONFIRMED = {"BORG_CHECK_I_KNOW_WHAT_I_AM_DOING": "YES"}
"""What lets a repair begin."""


def modes(usual: str) -> tuple[str, ...]:
    """Those in which damages are done."""
    return ("none", "repokey", "keyfile-blake2", "authenticated") if ALL else (usual,)


class DamageBench:
    """Twins of each mode; `fill` makes the archives of the first one, with files of its working directory."""

    def __init__(self, servers: Servers, place: Path, fill: Callable[[Twins], None]) -> None:
        self._servers = servers
        self._place = place
        self._fill = fill
        self._made: dict[str, tuple[Twins, Path]] = {}

    def twins(self, mode: str) -> Twins:
        """Twins that nothing has happened to."""
        if mode not in self._made:
            tree = self._place / f"{mode}-tree"
            tree.mkdir()
            twins = Twins(self._servers, self._place / mode, tree)
            twins.init(mode)
            self._fill(twins)
            self._made[mode] = twins, twins.save()
        twins, saved = self._made[mode]
        twins.clone(saved)
        return twins
