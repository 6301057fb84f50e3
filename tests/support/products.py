"""What `make dist` built, and what every way to install it has to end with."""

from __future__ import annotations

from pathlib import Path

from support.programs import PROJECT
from vinculum import BORG_VERSION, __version__

DIST = PROJECT / "dist"
VERSION_LINE = f"borg {BORG_VERSION} (vinculum {__version__})\n"

# A shell's lines: a backup of what every system has, and a restore that is compared. $BORG is the program, $PLACE is empty.
BACKUP_AND_RESTORE = r"""
mkdir -p "$PLACE/out"
cd "$PLACE"
cp -a /usr/share/zoneinfo/Etc /etc/passwd /bin/ls . 2>/dev/null || cp -a /etc/passwd /bin/ls .
mkdir -p files && mv passwd ls files && if [ -e Etc ]; then mv Etc files; fi
ln files/passwd files/link
export BORG_BASE_DIR="$PLACE/home"
$BORG init --encryption=repokey repository 2>/dev/null
$BORG create repository::first files
$BORG create repository::second files
test "$($BORG list --short repository)" = "$(printf 'first\nsecond')"
cd out
$BORG extract ../repository::second
cd ..
diff -r files out/files
test "$(stat -c '%a %Y %h' files/passwd)" = "$(stat -c '%a %Y %h' out/files/passwd)"
$BORG check --verify-data repository
echo restored
"""


def product(pattern: str) -> Path:
    """The one file in dist/ with such a name."""
    found = sorted(DIST.glob(pattern))
    assert len(found) == 1, f"{pattern} in {DIST}: {[path.name for path in found]}; run `make dist` first"
    return found[0]
