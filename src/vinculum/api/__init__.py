"""Repositories for Python programs: open one, list its archives, look at what is in them, read files, make archives.

A thin front of `operations`, beside the command line and unknown to it: it prints nothing, asks nobody and reads none of the
environment but what finds passphrases and this client's directories. What goes wrong is an exception of `vinculum.errors`.
"""

from __future__ import annotations

from vinculum.api.archive import Archive
from vinculum.api.item import Item
from vinculum.api.repository import Repository, open_repository

__all__ = ["Archive", "Item", "Repository", "open_repository"]
