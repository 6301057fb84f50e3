"""What the machine itself needs for the same files: reading them, walking them, and the kernels on their content.

No backup program can be faster than the slowest of those it cannot do without: a first backup reads everything and runs the
kernels (which may overlap), an unchanged one walks.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from paired import Measured, run

LIMITS = {
    "cat": ("reading all content: `cat` to /dev/null", 'find "$1" -type f -print0 | xargs -0 cat > /dev/null'),
    "find": ("walking: `find` with all that stat says", "find \"$1\" -printf '%p %s %i %C@\\n' > /dev/null"),
}
KERNELS = "kernels"
TITLES = {name: title for name, (title, _) in LIMITS.items()} | {
    KERNELS: "kernels only: cut, id, lz4, encrypt on all cores (repokey-blake2)"
}


def measure(tree: Path, here: Path) -> dict[str, Measured]:
    """Each of them once."""
    results = {name: run(Path("/bin/sh"), ["-c", script, "sh", str(tree)], here, here) for name, (_, script) in LIMITS.items()}
    results[KERNELS] = measure_kernels(tree)
    return results


def measure_kernels(tree: Path) -> Measured:
    """In a process of its own, as their threads are started once."""
    script = Path(__file__).with_name("kernels.py")
    done = subprocess.run([sys.executable, script, tree], capture_output=True, text=True, check=True)
    wall_s, cpu_s = map(float, done.stdout.split())
    return Measured(wall_s, cpu_s, 0)
