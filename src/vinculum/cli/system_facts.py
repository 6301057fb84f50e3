"""What a bug report should say about the system that the program runs on."""

from __future__ import annotations

import os
import sys

from vinculum import BORG_VERSION, __version__


def system_facts() -> str:
    """Some lines about platform, versions and this process; empty if BORG_SHOW_SYSINFO is `no`."""
    if os.environ.get("BORG_SHOW_SYSINFO", "yes").lower() == "no":
        return ""
    # Not before, they take their time.
    import platform

    import msgpack  # type: ignore[import-untyped]

    python = f"{platform.python_implementation()} {platform.python_version()}"
    packer = ".".join(map(str, msgpack.version))
    return (
        f"Platform: {' '.join(os.uname())}\n"
        f"Borg: {BORG_VERSION}  vinculum: {__version__}  Python: {python}  msgpack: {packer}\n"
        f"Processors: {len(os.sched_getaffinity(0))}\n"
        f"PID: {os.getpid()}  CWD: {_working_directory()}\n"
        f"sys.argv: {sys.argv!r}\n"
        f"SSH_ORIGINAL_COMMAND: {os.environ.get('SSH_ORIGINAL_COMMAND')!r}\n"
    )


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # somebody removed it, and facts are needed most when things are odd
        return "?"
