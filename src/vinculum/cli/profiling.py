"""Execution profiles of a command (`--debug-profile`), in Python's form or in Borg's, which can be converted.

.pyprof   marshal, as `pstats` loads it
others    the same map as msgpack: unlike marshal it is safe to read what somebody else wrote
"""

from __future__ import annotations

import marshal
from contextlib import contextmanager
from cProfile import Profile

import msgpack  # type: ignore[import-untyped]

from vinculum.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vinculum.events import Sink


@contextmanager
def profiled(path: str, sink: Sink) -> Iterator[None]:
    """Writes a profile of the block to the file at `path`, however the block ends."""
    sink.debug(f"Writing execution profile to {path}")
    # Opened first: who mistyped the path should not learn that after hours.
    with open(path, "wb") as file:
        profiler = Profile()
        profiler.enable()
        try:
            yield
        finally:
            profiler.disable()
            profiler.snapshot_stats()
            statistics = profiler.stats
            if path.endswith(".pyprof"):
                marshal.dump(statistics, file)
            else:
                msgpack.pack(statistics, file, use_bin_type=True)


def convert_profile(source: str, target: str) -> None:
    """Makes a file for `pstats` of a profile in Borg's form. Error if it is none."""
    with open(source, "rb") as file:
        packed = file.read()
    try:
        # Functions are tuples and keys of the map, hence not lists.
        statistics = msgpack.unpackb(packed, use_list=False, raw=False, strict_map_key=False)
        content = marshal.dumps(statistics)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise Error(f"{source} is not a profile in Borg's form: {error}") from None
    if not isinstance(statistics, dict):
        raise Error(f"{source} is not a profile in Borg's form.")
    with open(target, "wb") as file:
        file.write(content)
