"""The `key` commands: what one program does to a key, the other lives with; same output and exit codes where Borg has them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.golden import LEGACY, GoldenRepository
from support.key_places import key_files, lose_key
from support.programs import Completed, Program
from support.twins import Twins, complaint

pytestmark = pytest.mark.can_be_far

MODES = ["repokey", "keyfile-blake2", "authenticated"]
KEYED = [(writer, reader, mode) for mode in MODES for writer, reader in (("ours", "theirs"), ("theirs", "ours"))]


@pytest.fixture
def programs(vinculum: Program, borg145: Program) -> dict[str, Program]:
    return {"ours": vinculum, "theirs": borg145}


# -- export and import -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_exports_are_those_of_borg(mode: str, programs: dict[str, Program], workplace: Path) -> None:
    programs["ours"].run("init", "-e", mode, "repository")
    for options in ([], ["--paper"], ["--paper", "--qr-html"]):
        theirs, ours = (programs[name].run("key", "export", *options, "repository", name) for name in ("theirs", "ours"))
        assert ours[2:] == theirs[2:] == (b"", b"")
        assert (workplace / "ours").read_bytes() == (workplace / "theirs").read_bytes()
        assert (workplace / "ours").stat().st_mode & 0o777 == 0o600
        assert programs["ours"].run("key", "export", *options, "repository").stdout == (workplace / "ours").read_bytes()


@pytest.mark.parametrize(("writer", "reader", "mode"), KEYED)
def test_a_lost_key_comes_back(
    writer: str, reader: str, mode: str, programs: dict[str, Program], workplace: Path, client_home: Path
) -> None:
    programs[writer].run("init", "-e", mode, "repository")
    programs[writer].run("key", "export", "repository", "copy")
    lose_key(workplace / "repository", client_home)
    programs[reader].run("list", "repository", code=2)
    programs[reader].run("key", "import", "repository", "copy")
    programs[writer].run("list", "repository")
    programs[reader].run("create", "repository::archive", "copy")
    lose_key(workplace / "repository", client_home)
    programs[reader].run("key", "import", "repository", "-", stdin=(workplace / "copy").read_bytes())
    assert programs[writer].run("list", "--short", "repository").out == "archive\n"


@pytest.mark.parametrize(("writer", "reader", "mode"), KEYED)
def test_a_key_comes_back_from_paper(
    writer: str, reader: str, mode: str, programs: dict[str, Program], workplace: Path, client_home: Path
) -> None:
    programs[writer].run("init", "-e", mode, "repository")
    paper = programs[writer].run("key", "export", "--paper", "repository").out
    lines = [line.partition(":")[2] for line in paper.splitlines()[3:]]
    lose_key(workplace / "repository", client_home)
    # With a typing error, an empty line that is not meant as the end, and one line typed twice.
    text = "\n".join([lines[0], "12 - 34", "", "n", lines[1], lines[1], *lines[2:], ""])
    done = programs[reader].run("key", "import", "--paper", "repository", stdin=text.encode())
    assert done.out.startswith("id:  1: ")
    assert "Abort import? [yN]:" in done.err
    programs[writer].run("list", "repository")
    programs[reader].run("list", "repository")


@pytest.mark.parametrize("typed", ["", "\ny\n", "1/2/3 - 00\n"])
def test_typing_can_be_given_up(typed: str, twins: Twins) -> None:
    twins.run("ours", "init", "-e", "repokey", "HOME/r")
    twins.run("theirs", "init", "-e", "repokey", "HOME/r")
    for done in twins.both("key", "import", "--paper", "HOME/r", stdin=typed.encode()):
        assert done.code == 0
        assert done.out.endswith("\n - aborted\n")


@pytest.mark.parametrize("display", ["no", "maybe", None])
def test_questions_are_recorded_as_by_borg(display: str | None, programs: dict[str, Program]) -> None:
    asked: dict[str, list[object]] = {}
    for name, program in programs.items():
        # Without a terminal, so that answers come from stdin.
        alone = program.with_environment(BORG_PASSPHRASE=None, BORG_DISPLAY_PASSPHRASE=display).behind("setsid", "--wait")
        made = alone.run("init", "--log-json", "-e", "repokey", name, stdin=b"p\np\nperhaps\nyes\n")
        given_up = alone.run("key", "import", "--log-json", "--paper", name, stdin=b"\nwhat\nn\n\ny\n")
        asked[name] = [*questions(made), "import", *questions(given_up)]
    assert asked["ours"] == asked["theirs"]
    assert len(asked["ours"]) == {"no": 5, "maybe": 9, None: 6}[display]


def questions(done: Completed) -> list[dict[str, object]]:
    assert done.code == 0, done
    records = [json.loads(line[line.index("{") :]) for line in done.err.splitlines() if '"type": "question_' in line]
    return [record for record in records if record["msgid"] in (None, "BORG_DISPLAY_PASSPHRASE")]


def test_the_page_holds_the_key(programs: dict[str, Program], workplace: Path, client_home: Path) -> None:
    programs["ours"].run("init", "-e", "repokey", "repository")
    page = programs["ours"].run("key", "export", "--qr-html", "repository").out
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert found is not None
    lose_key(workplace / "repository", client_home)
    programs["theirs"].run("key", "import", "repository", "-", stdin=found[1].encode())
    programs["theirs"].run("list", "repository")
    assert programs["ours"].run("key", "export", "--paper", "repository").out in page


@pytest.mark.parametrize("mode", ["repokey", "keyfile-blake2"])
def test_the_page_can_be_scanned(mode: str, programs: dict[str, Program], workplace: Path, client_home: Path) -> None:
    programs["ours"].run("init", "-e", mode, "repository")
    key = programs["ours"].run("key", "export", "repository").stdout
    programs["ours"].run("key", "export", "--qr-html", "repository", "page.html")
    scanned = scan((workplace / "page.html").read_text(), workplace)
    assert scanned == key
    lose_key(workplace / "repository", client_home)
    for program in programs.values():
        program.run("key", "import", "repository", "-", stdin=scanned)
        program.run("list", "repository")


def scan(page: str, scratch: Path) -> bytes:
    """What other programs see in the page's only picture."""
    (picture,) = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    (scratch / "code.svg").write_text(picture.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))
    draw = ["rsvg-convert", "--zoom", "6", "--background-color", "white", "--output", "code.png", "code.svg"]
    subprocess.run(draw, cwd=scratch, check=True)
    read = ["zbarimg", "--quiet", "--nodbus", "--raw", "-S*.disable", "-Sqrcode.enable", "code.png"]
    return subprocess.run(read, cwd=scratch, check=True, capture_output=True).stdout.removesuffix(b"\n")


@pytest.mark.parametrize("variable", [True, False])
def test_a_key_file_is_put_where_it_was(
    variable: bool, programs: dict[str, Program], workplace: Path, client_home: Path
) -> None:
    programs["theirs"].run("init", "-e", "keyfile", "repository")
    copy = programs["theirs"].run("key", "export", "repository").stdout
    (file,) = key_files(client_home)
    moved = file.rename(workplace / "elsewhere") if variable else file.rename(file.with_name("some other name"))
    settings = {"BORG_KEY_FILE": str(moved)} if variable else {}
    programs["ours"].run("key", "import", "repository", "-", stdin=copy, **settings)
    assert moved.read_bytes() == copy
    assert len(key_files(client_home)) == (0 if variable else 1)


@pytest.mark.parametrize(
    "call",
    [
        "key import REPO",
        "key import --paper REPO file",
        "key import REPO missing",
        "key export REPO .",
        "--bypass-lock key export REPO",
        "--bypass-lock key change-passphrase REPO",
        "key",
        "key -v nonsense",
        "key nonsense",
    ],
)
def test_wrong_use_ends_alike(call: str, twins: Twins) -> None:
    for name in ("ours", "theirs"):
        twins.run(name, "init", "-e", "repokey", "HOME/r")
    theirs, ours = twins.both(*call.replace("REPO", "HOME/r").split())
    assert ours.code == theirs.code
    complaints = [complaint(done) for done in (ours, theirs)]
    assert complaints[0] == complaints[1]


@pytest.mark.parametrize("content", ["no key", "BORG_KEY " + "0" * 64 + "\nabcd\n", ""])
@pytest.mark.parametrize("mode", ["repokey", "none"])
def test_foreign_copies_are_refused_alike(content: str, mode: str, twins: Twins, workplace: Path) -> None:
    (workplace / "copy").write_text(content)
    for name in ("ours", "theirs"):
        twins.run(name, "init", "-e", mode, "HOME/r")
    twins.same("key", "import", "HOME/r", "copy", only="code", BORG_EXIT_CODES="modern")
    if mode == "none":
        twins.same("key", "export", "HOME/r", code=46, only="code", BORG_EXIT_CODES="modern")


def test_half_a_key_is_not_imported(vinculum: Program) -> None:
    vinculum.run("init", "-e", "repokey", "repository")
    copy = vinculum.run("key", "export", "repository").stdout
    for damaged in (copy[:100], copy[: 66 + 8 * 4], copy.replace(b"hqlh", b"h*lh")):
        vinculum.run("key", "import", "repository", "-", stdin=damaged, code=2)
    vinculum.run("list", "repository")


# -- passphrases -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES[:2])
def test_passphrases_are_changed_in_turns(mode: str, programs: dict[str, Program], workplace: Path) -> None:
    programs["ours"].run("init", "-e", mode, "repository")
    secret = "test"
    for number, name in enumerate(("ours", "theirs", "ours")):
        new = f"geänderte {number}"
        changed = programs[name].run(
            "key", "change-passphrase", "--info", "repository", BORG_PASSPHRASE=secret, BORG_NEW_PASSPHRASE=new
        )
        _, told, place = changed.err.partition("Key updated\nKey location: ")
        assert told
        assert place.rstrip().endswith(str(workplace / "repository")) == (mode == "repokey")
        for program in programs.values():
            program.run("list", "repository", BORG_PASSPHRASE=new)
            program.run("list", "repository", BORG_PASSPHRASE=secret, code=2)
        secret = new


@pytest.mark.also_far
def test_changing_passphrases_says_the_same(twins: Twins) -> None:
    twins.same("key", "change-passphrase", "--info", "REPO", code=2, only="code")
    for name in ("ours", "theirs"):
        twins.run(name, "init", "-e", "repokey", "HOME/r")
    twins.same("key", "change-passphrase", "HOME/r", code=0)
    twins.same("key", "change-passphrase", "--info", "HOME/r", code=0, BORG_NEW_PASSPHRASE="new")
    twins.same("key", "change-passphrase", "--info", "HOME/r", code=52, only="code", BORG_EXIT_CODES="modern")


# -- related secrets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_related_secrets_are_those_of_borg(mode: str, programs: dict[str, Program], workplace: Path) -> None:
    programs["theirs"].run("init", "-e", mode, "repository")
    for name in ("ours", "theirs"):
        programs[name].run("key", "export-related-secrets", "repository", name)
    assert (workplace / "ours").read_bytes() == (workplace / "theirs").read_bytes()
    assert programs["ours"].run("key", "export-related-secrets", "repository").stdout == (workplace / "ours").read_bytes()
    programs["theirs"].run("init", "-e", mode, "--import-related-secrets", "ours", "other")
    assert programs["ours"].run("key", "export-related-secrets", "other", "-").stdout == (workplace / "ours").read_bytes()


def test_without_a_key_there_are_no_related_secrets(twins: Twins) -> None:
    twins.same("key", "export-related-secrets", "REPO", "-", code=2, only="code stdout")


# -- passphrase mode -------------------------------------------------------------------------------------------------------


def test_passphrase_mode_is_left(vinculum: Program, borg145: Program, golden: Callable[[str], GoldenRepository]) -> None:
    repository = golden(LEGACY)
    vinculum, borg145 = (program.with_environment(**repository.environment) for program in (vinculum, borg145))
    vinculum.run("key", "migrate-to-repokey", repository.path, BORG_PASSPHRASE="wrong", code=2)
    done = vinculum.run("key", "migrate-to-repokey", "--info", repository.path, BORG_NEW_PASSPHRASE="new")
    assert done.err == "Key updated\n"
    for program in (vinculum, borg145):
        program.run("list", repository.path, code=2)
        program.run("create", f"{repository.path}::{program.name}", __file__, BORG_PASSPHRASE="new")
    assert borg145.run("list", "--short", repository.path, BORG_PASSPHRASE="new").out == "vinculum\nborg-1.4.5\n"
    vinculum.run("extract", f"{repository.path}::borg-1.4.5", BORG_PASSPHRASE="new")
    borg145.run("check", "--verify-data", repository.path, BORG_PASSPHRASE="new")


def test_migration_stores_what_borg_stores(
    programs: dict[str, Program], golden: Callable[[str], GoldenRepository], tmp_path: Path
) -> None:
    secrets = []
    for program in programs.values():
        repository = golden(LEGACY)
        program.run("key", "migrate-to-repokey", repository.path)
        copy = programs["theirs"].run("key", "export-related-secrets", repository.path, "-", **repository.environment).stdout
        secrets.append(copy)
        repository.path.rename(tmp_path / program.name)
    assert secrets[0] == secrets[1]


def test_other_modes_are_not_migrated(twins: Twins) -> None:
    twins.same("key", "migrate-to-repokey", "REPO", code=2, only="code")
    assert "Command Error" in twins.run("ours", "key", "migrate-to-repokey", "REPO").err
