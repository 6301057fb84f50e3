"""Where this user's configuration, keys, caches and security records are, by Borg's rules for the environment.

The only module beside the command line and the passphrases that looks at environment variables. Functions named `..._dir` just
compute; `make_private` and `make_cache_dir` create. Directories made here are for the user alone.
"""

from __future__ import annotations

import os

from vinculum.platform.files import sync_directory

_CACHE_TAG = b"""Signature: 8a477f597d28d172789f06886806bc55
# This file is a cache directory tag created by Borg.
# For information about cache directory tags, see:
#       http://www.bford.info/cachedir/spec.html
"""


def base_dir() -> str:
    """What the other directories hang off unless they are given themselves."""
    return _variable("BORG_BASE_DIR") or _own_home() or os.path.expanduser("~" + os.environ.get("USER", ""))


def config_dir() -> str:
    return _variable("BORG_CONFIG_DIR") or _below_base("XDG_CONFIG_HOME", ".config")


def cache_dir() -> str:
    return _variable("BORG_CACHE_DIR") or _below_base("XDG_CACHE_HOME", ".cache")


def keys_dir() -> str:
    return _variable("BORG_KEYS_DIR") or os.path.join(config_dir(), "keys")


def security_dir(repository_id: bytes) -> str:
    """The security records of one repository."""
    root = _variable("BORG_SECURITY_DIR") or os.path.join(config_dir(), "security")
    return os.path.join(root, repository_id.hex())


def key_file() -> str | None:
    """The one key file to use, if the user names it."""
    return _variable("BORG_KEY_FILE")


def make_private(path: str) -> str:
    """Creates the directory with mode 0700 where it is missing, parents included, for good; returns `path`."""
    if not os.path.isdir(path):
        parent = os.path.dirname(path)
        if parent and parent != path:
            make_private(parent)
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if not os.path.isdir(path):
                raise
        else:
            # Keys and counters are in there, and a file is no safer than the name of its directory.
            sync_directory(parent or ".")
    return path


def make_cache_dir() -> str:
    """Creates the cache directory where it is missing, tagged so that backup programs can leave it out; returns its path."""
    path = make_private(cache_dir())
    tag = os.path.join(path, "CACHEDIR.TAG")
    try:
        descriptor = os.open(tag, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return path
    with os.fdopen(descriptor, "wb") as file:
        file.write(_CACHE_TAG)
    return path


def _variable(name: str) -> str | None:
    """The value of a variable; one that is empty counts as not set."""
    return os.environ.get(name) or None


def _below_base(xdg_variable: str, default: str) -> str:
    xdg = _variable(xdg_variable)
    # A base directory stands for "keep everything there", so it also outweighs XDG.
    if xdg is None or _variable("BORG_BASE_DIR") is not None:
        xdg = os.path.join(base_dir(), default)
    return os.path.join(xdg, "borg")


def _own_home() -> str | None:
    """HOME, unless it is root's and we are not root: sudo keeps it, and then root would later find files of another owner."""
    home = _variable("HOME")
    if home is None or os.geteuid() == 0:
        return home
    import pwd

    try:
        roots, own = pwd.getpwuid(0).pw_dir, pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return home
    return own if home == roots else home
