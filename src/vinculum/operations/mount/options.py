"""What stands behind `-o`: some of it is ours, the rest the system's or nobody's."""

from __future__ import annotations

from vinculum.errors import RuntimeTrouble

_SWITCHES = ("versions", "allow_damaged_files", "ignore_permissions")
_NUMBERS = {"uid": 10, "gid": 10, "umask": 8}
_PASSED_ON = frozenset(
    ("allow_other", "noexec", "nosuid", "nodev", "sync", "dirsync", "noatime", "nodiratime", "default_permissions")
)
_PASSED_ON_WITH_VALUE = ("max_read=", "context=", "fscontext=", "defcontext=", "rootcontext=")
# What mount(8) and fstab say to themselves, what goes without saying, and what older versions of FUSE needed.
_MEANINGLESS = frozenset(
    (
        *("ro", "rw", "exec", "async", "atime", "diratime", "relatime", "norelatime"),
        *("defaults", "auto", "noauto", "user", "nouser", "users", "owner", "group", "nofail", "_netdev", "nonempty"),
    )
)
_MEANINGLESS_WITH_VALUE = ("x-", "comment=", "fsname=", "subtype=")
# Only root can use these, and the system sees to it.
_LIFTED = {"suid": "nosuid", "dev": "nodev"}


class MountOptions:
    """The options taken apart. RuntimeTrouble for what nobody knows."""

    def __init__(self, text: str | None) -> None:
        self.versions = self.allow_damaged_files = self.ignore_permissions = False
        self.allow_root = False
        self.uid: int | None = None
        self.gid: int | None = None
        self.umask = 0
        self._passed_on: list[str] = []
        self._lifted: set[str] = set()
        for word in (text or "").split(","):
            if word:
                self._take(word)

    def _take(self, word: str) -> None:
        name, equals, value = word.partition("=")
        if word in _SWITCHES:
            setattr(self, word, True)
        elif equals and name in _NUMBERS:
            try:
                setattr(self, name, int(value, _NUMBERS[name]))
            except ValueError:
                raise RuntimeTrouble(f"Mount option {name} takes a number: {word}") from None
        elif word == "allow_root":
            self.allow_root = True
        elif word in _LIFTED:
            self._lifted.add(_LIFTED[word])
        elif word in _PASSED_ON or word.startswith(_PASSED_ON_WITH_VALUE):
            self._passed_on.append(word)
        elif word not in _MEANINGLESS and not word.startswith(_MEANINGLESS_WITH_VALUE):
            raise RuntimeTrouble(f"Unknown mount option: {word}")

    def for_the_system(self) -> list[str]:
        """The options to mount with."""
        words = ["ro", "nosuid", "nodev", *self._passed_on]
        if self.allow_root:
            words.append("allow_other")  # who that lets in, the server tells apart
        if not self.ignore_permissions:
            words.append("default_permissions")
        return [word for word in dict.fromkeys(words) if word not in self._lifted]
