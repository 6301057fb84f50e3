"""Who we are to other processes that share a repository or a cache: host id, host name, process id.

The host id must equal the one of the real programs, or the two could not judge each other's locks. The environment is not
read here: the command line hands an id chosen by the user to `set_host_id` before anything is locked.
"""

from __future__ import annotations

import errno
import os
from _socket import AI_CANONNAME, SOCK_DGRAM, gaierror, getaddrinfo

# The C module behind `socket`: the Python part costs five milliseconds of start-up for names that are not needed.

_host_id = ""


def set_host_id(text: str) -> None:
    """Takes `text` as the id of this host from now on; an empty text returns to the computed one."""
    global _host_id  # noqa: PLW0603 - who we are is a property of the process
    _host_id = text


def host_id() -> str:
    """`<fqdn>@<node>`, or what was set. Constant within a process unless set."""
    global _host_id  # noqa: PLW0603 - who we are is a property of the process
    if not _host_id:
        _host_id = f"{fqdn()}@{_node()}"
    return _host_id


def _node() -> int:
    """What `uuid.getnode` says: 48 bits that stand for this machine, as a rule the address of a network card.

    Asked is the C library behind it, as `uuid` itself does first: importing that compiles a dozen regular expressions.
    """
    try:
        from _uuid import generate_time_safe  # type: ignore[import-not-found]
    except ImportError:
        generate_time_safe = None
    if generate_time_safe is None:
        import uuid  # only where that library is missing

        return uuid.getnode()
    time_based, _ = generate_time_safe()
    return int.from_bytes(time_based[10:], "big")


def hostname() -> str:
    """The host name without its domain."""
    return os.uname().nodename.partition(".")[0]


def fqdn() -> str:
    """The canonical name that the host name resolves to, or the plain host name."""
    name = os.uname().nodename
    try:
        addresses = getaddrinfo(os.fsencode(name), None, 0, SOCK_DGRAM, 0, AI_CANONNAME)
    except (gaierror, OSError):
        return name
    for *_, canonical, _address in addresses:
        if canonical:
            return canonical
    return name


def process_is_alive(pid: int) -> bool:
    """False only if there certainly is no process of that id on this host."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno != errno.ESRCH
    except OverflowError:
        return True
    return True
