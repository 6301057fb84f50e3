"""Commands that write, from which state they start, and what may be there afterwards."""

from __future__ import annotations

from typing import NamedTuple

Archives = dict[str, str]
"""Archive -> digest of what it holds."""

MODES = ("repokey", "keyfile-blake2", "repokey-blake2", "keyfile", "authenticated", "none")
PLACES = ("local", "client", "server")
"""Who can be struck: the program with a repository in a directory, or one of two that talk to each other."""
NEW_PASSPHRASE = "another"


class Scenario(NamedTuple):
    """REPO, TREE, PLACE and MODE in the words stand for what they name."""

    name: str
    words: list[str]
    state: str = "archives"
    """From what to begin: see `states`."""
    is_atomic: bool = True
    """Whether there is nothing between before and after."""
    places: tuple[str, ...] = PLACES
    environment: tuple[tuple[str, str], ...] = ()
    modes: tuple[str, ...] = MODES
    finds_nothing: tuple[int, ...] = (0, 1)
    """Exit codes of doing it once more."""

    def __str__(self) -> str:
        return self.name

    @property
    def new_passphrase(self) -> dict[str, str]:
        """What opens the repository afterwards, if that is another passphrase than before."""
        has_new = ("BORG_NEW_PASSPHRASE", NEW_PASSPHRASE) in self.environment
        return {"BORG_PASSPHRASE": NEW_PASSPHRASE} if has_new else {}


WITH_KEY = tuple(mode for mode in MODES if mode != "none")
YES = (("BORG_CHECK_I_KNOW_WHAT_I_AM_DOING", "YES"), ("BORG_DELETE_I_KNOW_WHAT_I_AM_DOING", "YES"))

SCENARIOS = [
    Scenario("init", ["init", "-e", "MODE", "REPO"], state="nothing", finds_nothing=(2,)),
    Scenario("create", ["create", "--compression=none", "REPO::new", "TREE"], finds_nothing=(2,)),
    Scenario("create without cache", ["create", "REPO::new", "TREE"], state="no client", finds_nothing=(2,)),
    Scenario("delete", ["delete", "REPO::two"], finds_nothing=(0, 1)),
    Scenario("delete several", ["delete", "--stats", "REPO", "one", "two"]),
    Scenario("prune", ["prune", "--keep-last=1", "REPO"]),
    Scenario("compact", ["compact", "--threshold=0", "REPO"], state="loose"),
    Scenario("compact and clean up", ["compact", "--cleanup-commits", "REPO"], state="loose"),
    Scenario("rename", ["rename", "REPO::two", "new"], finds_nothing=(2,)),
    Scenario("recreate", ["recreate", "--exclude=*a-1*", "REPO::one"]),
    Scenario("recompress", ["recreate", "--recompress=always", "--compression=zlib,1", "--comment=x", "REPO"], is_atomic=False),
    Scenario("config", ["config", "REPO", "additional_free_space", "10M"], places=("local",)),
    Scenario(
        "key change-passphrase",
        ["key", "change-passphrase", "REPO"],
        environment=(("BORG_NEW_PASSPHRASE", NEW_PASSPHRASE),),
        modes=WITH_KEY,
        finds_nothing=(0, 2),
    ),
    Scenario("key import", ["key", "import", "REPO", "PLACE/exported"], modes=WITH_KEY),
    Scenario("check --repair", ["check", "--repair", "REPO"], environment=YES, state="no index"),
    Scenario("check --repair of damage", ["check", "--repair", "REPO"], environment=YES, state="damaged", is_atomic=False),
    Scenario("break-lock", ["break-lock", "REPO"], state="locked"),
]
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
