"""What somebody at a terminal reads who made a mistake: what happened, in the line that programs know, and what to do."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from support.at_terminal import at_terminal
from support.direct_server import DirectServer, url
from support.programs import Program, vinculum_program
from support.trees import build_plain, random_content
from vinculum.keys.modes import MODES


class Mistake(NamedTuple):
    """A call that fails. REPO stands for a repository with the archives `first` and `Monday`, PLACE for what it is in."""

    command: list[str]
    happened: str
    advice: list[str]
    environment: dict[str, str] = {}  # noqa: RUF012  never changed


MISTAKES = {
    "wrong passphrase": Mistake(
        ["list", "REPO"],
        "The passphrase given by BORG_PASSPHRASE, BORG_PASSCOMMAND or BORG_PASSPHRASE_FD is incorrect.",
        ["It came from BORG_PASSPHRASE: correct that, or unset it to be asked."],
        {"BORG_PASSPHRASE": "wrong"},
    ),
    "wrong path": Mistake(
        ["list", "PLACE/Repositry"],
        "Repository PLACE/Repositry does not exist.",
        ["Did you mean REPO?", "To make a new one: borg init --encryption=repokey PLACE/Repositry"],
    ),
    "one colon": Mistake(
        ["list", "PLACE/repository:second"],
        "Repository PLACE/repository:second does not exist.",
        ["Did you mean REPO::second, with two colons?"],
    ),
    "existing archive": Mistake(
        ["create", "REPO::first", "tree"],
        "Archive first already exists",
        ["Every archive has a name of its own; one with the time in it is always new: REPO::'first-{now}'"],
    ),
    "mistyped archive": Mistake(
        ["extract", "REPO::monady"],
        "Archive monady does not exist",
        ["Did you mean Monday?", "All names: borg list --short REPO"],
    ),
    "beginning of an archive's name": Mistake(
        ["info", "REPO::mon"], "Archive mon does not exist", ["Did you mean Monday?", "All names: borg list --short REPO"]
    ),
    "a directory of the repository": Mistake(
        ["list", "REPO/data"],
        "REPO/data is not a valid repository. Check its config file.",
        ["Did you mean REPO?", "A repository is what `borg init` makes: a directory with a file `config` in it."],
    ),
    "the directory around the repository": Mistake(
        ["list", "PLACE"],
        "PLACE is not a valid repository. Check its config file.",
        ["Did you mean REPO?", "A repository is what `borg init` makes: a directory with a file `config` in it."],
    ),
    "no directory for a new repository": Mistake(
        ["init", "-e", "none", "PLACE/no/where"],
        "The parent directory of the repository [PLACE/no/where] does not exist.",
        ["--make-parent-dirs makes it."],
    ),
    "mistyped setting": Mistake(
        ["config", "REPO", "aditional_free_space", "2G"],
        "Command Error: Invalid name: aditional_free_space",
        ["Did you mean additional_free_space?", "All names and values: borg config --list REPO"],
    ),
    "no size": Mistake(
        ["config", "REPO", "additional_free_space", "2X"],
        "Command Error: Invalid value for additional_free_space: '2X' is not a size",
        ["Sizes are written as 500M, 2G or 1.5T."],
    ),
    "no rule": Mistake(
        ["prune", "--list", "REPO"],
        'Command Error: At least one of the "keep-within", "keep-last", "keep-secondly", "keep-minutely", "keep-hourly", '
        '"keep-daily", "keep-weekly", "keep-monthly", "keep-13weekly", "keep-3monthly", or "keep-yearly" settings must be '
        "specified.",
        ["What a rule would delete: borg prune --dry-run --list --keep-daily 7 --keep-weekly 4 REPO"],
    ),
    "mistyped placeholder": Mistake(
        ["create", "REPO::{hostnme}-{now}", "tree"],
        "Invalid placeholder 'hostnme' in 'REPO::{hostnme}-{now}'",
        ["Did you mean '{hostname}'?", "All of them: borg help placeholders"],
    ),
    "unknown host": Mistake(
        ["list", "nobody@nowhere.invalid:backup"],
        "Connection closed by remote host. Is borg working on the server?",
        ["What stands in the way shows this, which has to print a version: false nobody@nowhere.invalid borg --version"],
        {"BORG_RSH": "false"},
    ),
    "there already": Mistake(
        ["init", "-e", "none", "REPO"],
        "A repository already exists at REPO.",
        ["It can be used as it is: borg create REPO::NAME PATH"],
    ),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree, and a repository beside it."""
    place = tmp_path_factory.mktemp("model")
    program = vinculum_program(tmp_path_factory.mktemp("home"), place)
    build_plain(place / "tree", files=5)
    program.run("init", "--encryption", "repokey", "repository")
    for name in ("first", "Monday"):
        program.run("create", f"repository::{name}", "tree")
    return place


@pytest.fixture
def repository(model: Path, workplace: Path) -> Path:
    shutil.copytree(model, workplace, dirs_exist_ok=True)
    return workplace / "repository"


def placed(text: str, repository: Path) -> str:
    return text.replace("REPO", str(repository)).replace("PLACE", str(repository.parent))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake: str, vinculum: Program, repository: Path) -> None:
    command, happened, advice, environment = MISTAKES[mistake]
    command = [placed(word, repository) for word in command]
    expected = [placed(happened, repository), *(f"  {placed(line, repository)}" for line in advice)]
    assert at_terminal(vinculum, *command, code=2, **environment).splitlines() == expected
    assert vinculum.run(*command, code=2, **environment).err.splitlines() == expected[:1], "programs get the line they know"


def test_a_mistyped_passphrase_may_be_typed_again(vinculum: Program, repository: Path) -> None:
    asked = vinculum.with_environment(BORG_PASSPHRASE=None)
    prompt, again = f"Enter passphrase for key {repository}:", "That is not the passphrase, try again."
    shown = at_terminal(asked, "list", repository, typed=("wrong", "test"))
    assert shown.splitlines() == [prompt, again, prompt]
    shown = at_terminal(asked, "list", repository, typed=("wrong", "wrong", "Test"), code=2)
    assert shown.splitlines()[-2:] == [
        "Too many wrong passphrases.",
        "  Is Caps Lock on, or another keyboard layout in use? Nothing else opens the repository.",
    ]
    assert shown.count(again) == 2


@pytest.mark.parametrize(
    ("location", "advice"),
    [
        ("REPO", "The name of an archive belongs behind the repository: REPO::NAME"),
        ("REPO:second", "Did you mean REPO::second, with two colons?"),
    ],
)
def test_where_the_archive_belongs(location: str, advice: str, vinculum: Program, repository: Path) -> None:
    command = ["create", placed(location, repository), "tree"]
    wrong = f'borg create: error: argument ARCHIVE: "{command[1]}": No archive specified'
    assert at_terminal(vinculum, *command, code=2).splitlines()[1:] == [wrong, f"  {placed(advice, repository)}"]
    assert vinculum.run(*command, code=2).err.splitlines()[1:] == [wrong]


def test_which_encryption_to_take(vinculum: Program, workplace: Path) -> None:
    lines = at_terminal(vinculum, "init", workplace / "new", code=2).splitlines()
    assert lines[1].startswith("borg init: error: the following arguments are required: -e")
    assert lines[2].startswith("  Most want --encryption=repokey")
    assert lines[2].endswith(f"All of them: {', '.join(MODES)} (borg help init)")


def test_which_compression_to_take(vinculum: Program, workplace: Path) -> None:
    lines = at_terminal(vinculum, "create", "-C", "zst,3", f"{workplace}/repo::a", ".", code=2).splitlines()
    assert lines[1] == "borg create: error: argument -C/--compression: unsupported compression type"
    assert lines[2].endswith("borg help compression")


def test_there_is_no_archive_at_all(vinculum: Program, workplace: Path) -> None:
    vinculum.run("init", "-e", "none", workplace / "empty")
    shown = at_terminal(vinculum, "extract", f"{workplace}/empty::first", code=2)
    assert shown.splitlines() == ["Archive first does not exist", "  There is no archive in this repository yet."]


def test_an_archive_that_cannot_be_deleted(vinculum: Program, repository: Path) -> None:
    told = ["Archive monady not found (1/1).", "  Did you mean Monday?"]
    assert at_terminal(vinculum, "delete", f"{repository}::monady", code=1).splitlines() == told
    assert vinculum.run("delete", f"{repository}::monady", code=1).err.splitlines() == told[:1]


def test_who_holds_the_lock(vinculum: Program, repository: Path) -> None:
    holder = vinculum.start("with-lock", repository, "sh", "-c", "echo held; sleep 60")
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        first, second, *_, last = at_terminal(vinculum, "list", "--lock-wait", "0", repository, code=2).splitlines()
        assert first == f"Failed to create/acquire the lock {repository}/lock.exclusive (timeout)."
        assert second.startswith(f"  It is held by process {holder.pid} (")
        assert last == f"  borg break-lock {repository}"
    finally:
        os.killpg(holder.pid, 9)
        holder.communicate()


def test_whose_repository_it_is(vinculum: Program, repository: Path) -> None:
    powerless = vinculum.behind("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
    os.chown(repository, 1, 1)
    repository.chmod(0o700)
    shown = at_terminal(powerless, "list", repository, code=2).splitlines()
    assert "Permission denied" in shown[0]
    assert shown[1:] == [
        f"  {repository} belongs to daemon, and you are root.",
        "  Use a repository always as the same user. Here: sudo -u daemon borg ...",
    ]


@pytest.mark.parametrize("place", ["here", "far"])
def test_no_space(place: str, vinculum: Program, small_place: Callable[[str], Path], workplace: Path) -> None:
    (workplace / "tree").mkdir()
    (workplace / "tree" / "file").write_bytes(random_content(1, 8 << 20))
    repository: Path | str = small_place("6M") / "repository"
    where = ""
    if place == "far":
        server = DirectServer(vinculum, workplace / "server")
        vinculum, repository, where = server.used_by(vinculum), url(Path(repository)), " on the server"
    vinculum.run("init", "--encryption", "repokey", repository)
    first, *rest = at_terminal(vinculum, "create", "-C", "none", f"{repository}::full", "tree", code=2).splitlines()
    assert "No space left on device" in first
    assert rest == [
        f"  The repository is what it was before. Make room{where}: borg delete or borg prune take archives away,",
        f"  and this, which needs little space itself, gives back theirs: borg compact {repository}",
    ]
    assert vinculum.run("list", "--short", repository).out == ""


# -- the end of a backup or a restore ------------------------------------------------------------------------------------


def test_a_backup_with_warnings_is_summed_up(vinculum: Program, repository: Path, workplace: Path) -> None:
    for name in ("a", "b"):
        (workplace / "tree" / name).write_text("secret")
        (workplace / "tree" / name).chmod(0)
    command = ["create", "--list", f"{repository}::second", "tree", "not-there"]
    powerless = vinculum.behind("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
    shown = at_terminal(powerless, *command, code=1).splitlines()
    assert shown[-4:] == [
        "2 files could not be read, for lack of permission: tree/a, tree/b",
        "  Run the backup as a user who may read that (root may), or leave it out with --exclude.",
        "1 file was not found: not-there",
        "  Paths that do not exist may be mistyped; files that vanish during a backup do no harm.",
    ]
    dry = at_terminal(powerless, "create", "--dry-run", f"{repository}::third", "not-there", code=1).splitlines()
    assert dry[-2] == "1 file was not found: not-there"


def test_programs_get_no_summary(vinculum: Program, repository: Path) -> None:
    command = [f"{repository}::second", "tree", "not-there"]
    quiet = vinculum.run("create", "--list", *command, code=1)
    assert "not-there: stat: [Errno 2]" in quiet.err
    assert "not found" not in quiet.err
    vinculum.run("delete", command[0])
    spoken = vinculum.run("create", "--info", "--json", *command, code=1)
    assert "not found" not in spoken.err
    assert json.loads(spoken.out)["archive"]["name"] == "second"
    vinculum.run("delete", command[0])
    shown = at_terminal(vinculum, "create", "--log-json", "--list", "--progress", *command, code=1)
    assert all(isinstance(json.loads(line), dict) for line in shown.splitlines())
    assert "not found" not in shown
    shown = at_terminal(vinculum, "list", "--log-json", f"{repository}::nothing", code=2)
    assert json.loads(shown)["msgid"] == "Archive.DoesNotExist"


def test_a_restore_with_warnings_is_summed_up(vinculum: Program, repository: Path, workplace: Path) -> None:
    out = workplace / "out"
    (out / "tree" / "directory-0000" / "file-000000" / "in the way").mkdir(parents=True)
    command = ["extract", f"{repository}::first", "tree", "no/such/path"]
    shown = at_terminal(vinculum.inside(out), *command, code=1).splitlines()
    assert shown[-4:] == [
        "1 file could not be restored: tree/directory-0000/file-000000",
        "  When the reason is gone, the same command with --continue restores only what is missing.",
        "1 pattern matched nothing in the archive: no/such/path",
        "  borg list shows how paths are written in an archive: from the root, without the first slash.",
    ]
    shutil.rmtree(out / "tree" / "directory-0000" / "file-000000")
    vinculum.inside(out).run(*command[:3], "--continue")
    assert (out / "tree/directory-0000/file-000000").is_file()
