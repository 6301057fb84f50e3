"""`BORG_EXIT_CODES=modern`: every code that Borg 1.4.5 has, and the msgid that comes with it, as its own classes tell them."""

from __future__ import annotations

import inspect
import json
import subprocess
from pathlib import Path

import pytest

from vinculum import errors, warning_codes

ASK = """
import json
import borg.archiver, borg.cache, borg.crypto.key, borg.remote, borg.repository
from borg.helpers.errors import BackupError, BorgWarning, Error

def below(kind):
    return {kind}.union(*map(below, kind.__subclasses__()))

codes = lambda *roots: {kind.__qualname__: kind.exit_mcode for root in roots for kind in below(root)}
print(json.dumps([codes(Error), codes(BorgWarning, BackupError)]))
"""

# msgid: why nothing that we say has it
UNUSED = {
    "ErrorWithTraceback": "only stands above others",
    "LockErrorT": "only stands above others",
    "BorgWarning": "only stands above others",
    "BackupWarning": "the msgid is that of what went wrong",
    "Buffer.MemoryLimitExceeded": "about a buffer that we do not have",
    "EfficientCollectionQueue.SizeUnderflow": "about a queue that we do not have",
    "Archive.IncompatibleFilesystemEncodingError": "names are bytes to us, whatever the locale says",
    "ConnectionBrokenWithHint": "a server whose client is gone has nobody to tell",
    "DecompressionError": "what cannot be decompressed is damaged, which is an IntegrityError",
    "UnknownKeyType": "a repository has one of the types of keys that we know, or UnsupportedPayloadError",
}


@pytest.fixture(scope="module")
def theirs(borg145_python: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, int]]:
    """msgid -> code of all errors, and of all warnings."""
    environment = {"HOME": str(tmp_path_factory.mktemp("home")), "LC_ALL": "C.UTF-8"}
    said = subprocess.run([borg145_python, "-c", ASK], check=True, capture_output=True, env=environment)
    found: list[dict[str, int]] = json.loads(said.stdout)
    return [{msgid: each[msgid] for msgid in each if msgid not in UNUSED} for each in found]


def test_errors(theirs: list[dict[str, int]]) -> None:
    ours = {kind.msgid: kind.modern_code for _, kind in inspect.getmembers(errors, inspect.isclass)}
    assert len(theirs[0]) > 50
    assert ours | theirs[0] == ours


def test_warnings(theirs: list[dict[str, int]]) -> None:
    assert {name: code for code, name in warning_codes.MSGIDS.items()} == theirs[1]
