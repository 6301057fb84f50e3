"""What is in the archives of repositories, as Borg's own modules read it; run by Borg's Python, see `stage`.

Prints one JSON object: repository -> archive -> the fields of the archive itself, then those of its items, by path. Times that
the clock decided are left out; the sizes of chunks and the digest of what they hold stand for them, so all of them are read.
"""

import hashlib
import json
import os
import sys
import time

from borg.archive import Archive
from borg.helpers import Manifest
from borg.logger import setup_logging
from borg.repository import Repository

CLOCK = {"time", "time_end", "tam", "ctime", "atime", "birthtime"}


def shown(value):
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {shown(key): shown(value[key]) for key in value}
    if isinstance(value, (list, tuple)):
        return [shown(part) for part in value]
    return value


def described(item, pipeline, began_ns):
    fields = {key: shown(value) for key, value in item.as_dict().items() if key not in CLOCK and key != "chunks"}
    if fields.get("mtime", 0) > began_ns:
        fields["mtime"] = "now"
    if "chunks" in item:
        digest = hashlib.sha256()
        for data in pipeline.fetch_many([chunk.id for chunk in item.chunks]):
            digest.update(data)
        fields["chunks"] = [chunk.size for chunk in item.chunks]
        fields["content"] = digest.hexdigest()
    return fields


def contents(path, began_ns):
    with Repository(path, lock_wait=1, exclusive=False) as repository:
        manifest, key = Manifest.load(repository, Manifest.NO_OPERATION_CHECK)
        found = {}
        for name in sorted(manifest.archives):
            archive = Archive(repository, key, manifest, name)
            meta = {key: shown(value) for key, value in archive.metadata.as_dict().items() if key not in CLOCK | {"items"}}
            items = [described(item, archive.pipeline, began_ns) for item in archive.iter_items()]
            found[name] = [meta, *sorted(items, key=lambda fields: fields["path"])]
        return found


def main():
    setup_logging(level="error")
    day_ns = 10**9 * (int(time.time()) - 86400)
    found = {}
    for path in sys.argv[1:]:
        try:
            found[path] = contents(path, day_ns) if os.path.exists(os.path.join(path, "config")) else None
        except Exception as error:  # a repository that a story damaged is one for both programs
            found[path] = type(error).__name__
    json.dump(found, sys.stdout, sort_keys=True)
    return 0
