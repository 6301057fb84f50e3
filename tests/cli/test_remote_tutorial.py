"""The second half of the tutorial, as written: three machines, here three accounts, of which one stores what another backs up.

All reach the storage through a real ssh by an alias in `~/.ssh/config`, each with a key of its own. Nothing is set that the
tutorial does not set; where it shows a question, the answer is typed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support.accounts import Account, Accounts
from support.archives import list_archives
from support.programs import Program

SCRIPT = Path(__file__).with_name("tutorial.sh").read_text()
ALIAS = "asus"
NAME = re.compile(r"gaia_data-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


class Machines(NamedTuple):
    client: Account
    backed_up: Account
    storage: Account

    @property
    def repository(self) -> Path:
        return self.storage.home / "Documents/borgrepo"


@pytest.fixture
def machines() -> Iterator[Machines]:
    accounts = Accounts()
    try:
        machines = Machines(*(accounts.add(role) for role in ("client", "gaia", "asus")))
        for user in machines[:2]:
            accounts.introduce(user, machines.storage, ALIAS)
        machines.storage.write("Documents/notes.txt", "somebody's documents")
        machines.backed_up.write("mydata/one.txt", "1")
        machines.backed_up.write("mydata/below/two.txt", "22")
        yield machines
    finally:
        accounts.close()


def test_the_remote_half_runs_as_written(machines: Machines, borg145: Program) -> None:
    client, backed_up, storage = machines
    client.run("borg init -e none asus:~/Documents/borgrepo")
    assert {path.owner() for path in machines.repository.rglob("*")} == {storage.name}

    done = backed_up.run("borg create --stats 'asus:~/Documents/borgrepo::gaia_data-{now}' ~/mydata", stdin="y\n")
    assert "not encrypted, and this client has not accessed it before" in done.err
    (name,) = NAME.findall(done.err)

    listed = client.run("borg list asus:~/Documents/borgrepo").out
    assert listed.split()[0] == name
    paths = [line.split()[-1] for line in client.run(f"borg list asus:~/Documents/borgrepo::{name}").out.splitlines()]
    assert [path.removeprefix(str(backed_up.home)[1:]) for path in paths if not path.endswith("data")] == [
        *("/mydata/one.txt", "/mydata/below", "/mydata/below/two.txt")
    ]
    # The account that restores is not the one that was backed up, so owners and root's directories on the way stay its own.
    client.run(f"borg extract asus:~/Documents/borgrepo::{name}")
    restored = Path(f"{client.home}{backed_up.home}/mydata")
    assert (restored / "below/two.txt").read_text() == "22"
    assert {path.owner() for path in restored.rglob("*")} == {client.name}

    # The storage is the other account's: nobody gets at it but through the server.
    assert "Permission denied" in client.run(f"ls {machines.repository}", code=2).err
    borg145.run("check", "--verify-data", machines.repository)


def test_homes_of_others_are_found_by_their_names(machines: Machines) -> None:
    client, _, storage = machines
    client.run("BORG_PASSPHRASE=secret borg init -e repokey asus:~/Documents/borgrepo")
    for written in (f"asus:~{storage.name}/Documents/borgrepo", f"ssh://asus/~{storage.name}/Documents/borgrepo"):
        done = client.run(f"BORG_PASSPHRASE=secret BORG_RELOCATED_REPO_ACCESS_IS_OK=yes borg list --json '{written}'")
        location = json.loads(done.out)["repository"]["location"]
        assert location == f"ssh://asus/~{storage.name}/Documents/borgrepo"


def test_the_script_backs_up_to_the_other_machine(machines: Machines, borg145: Program) -> None:
    client, backed_up, storage = machines
    client.run("borg init -e none asus:~/Documents/borgrepo")
    backed_up.write("borg.sh", SCRIPT.replace("/home/ubuntu/mydata", f"{backed_up.home}/mydata"))
    # Shells that know what comes behind a colon make that ~ the home directory on this side; it is only meant over there.
    backed_up.run(f"sed -i s,asus:~,asus:{storage.home}, borg.sh")
    done = backed_up.run("sh borg.sh", stdin="y\ny\n")
    assert "Backup and Prune finished successfully" in done.err
    assert done.err.count("terminating with success status, rc 0") == 2
    assert len(list_archives(borg145, machines.repository)) == 1
