"""What is in a twin, to be compared with what is in the other, and what real Borgs say of ours."""

from __future__ import annotations

from support.archives import cache_directory
from support.programs import Program, oracle_program
from support.twins import Twins
from vinculum.repository.repository import Repository


def state(name: str, twins: Twins) -> tuple[str, list[bytes], bytes]:
    """The archives, the objects, and what the cache counts."""
    with Repository(str(twins.repository(name)), lock=False) as store:
        objects = sorted(store.list())
    cache = cache_directory(twins.home(name))
    assert not any((cache / "chunks.archive.d").iterdir()), "somebody synchronised"
    return twins.ask_borg(name, "list", "--consider-checkpoints", "REPO").out, objects, (cache / "chunks").read_bytes()


def borg_of_ours(twins: Twins, version: str) -> Program:
    """A real Borg with the home of our twin, by itself and with the repository at hand."""
    return oracle_program(version, twins.home("ours"), twins.cwd).with_environment(BORG_HOST_ID="twins")


def check_ours(twins: Twins, *options: str) -> None:
    """Both real Borgs are content with our repository."""
    for version in ("1.4.5", "1.2.4"):
        borg_of_ours(twins, version).run("check", *options, twins.repository("ours"))
