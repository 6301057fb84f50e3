from __future__ import annotations

import os
import shlex
import sys

import pytest

from support.keys import ScriptedUser
from vinculum import BORG_VERSION
from vinculum.errors import NoPassphrase, PasscommandFailed, PassphraseWrong, PasswordRetriesExceeded
from vinculum.keys.passphrase import DISPLAY_QUESTION, PassphraseSource, child_environment

NEW, AGAIN = "Enter new passphrase: ", "Enter same passphrase again: "
OPEN = "Enter passphrase for key /repo: "


class Lock:
    """Opens with one passphrase; remembers what was tried."""

    def __init__(self, right: str) -> None:
        self.right = right
        self.tried: list[str] = []

    def __call__(self, passphrase: str) -> str | None:
        self.tried.append(passphrase)
        return "opened" if passphrase == self.right else None


def python_command(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def descriptor_with(content: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


# -- opening -----------------------------------------------------------------------------------------------------------


def test_variable_comes_first() -> None:
    environment = {"BORG_PASSPHRASE": "secret", "BORG_PASSCOMMAND": "false", "BORG_PASSPHRASE_FD": "none"}
    assert PassphraseSource(None, environment).unlock("/repo", Lock("secret")) == ("opened", "secret")


def test_empty_variable_is_the_empty_passphrase() -> None:
    user, lock = ScriptedUser(), Lock("secret")
    with pytest.raises(PassphraseWrong):
        PassphraseSource(user, {"BORG_PASSPHRASE": ""}).unlock("/repo", lock)
    assert (lock.tried, user.asked) == ([""], [])


def test_wrong_given_passphrase_is_fatal_and_not_shown() -> None:
    user, lock = ScriptedUser("secret"), Lock("secret")
    with pytest.raises(PassphraseWrong) as caught:
        PassphraseSource(user, {"BORG_PASSPHRASE": "wrong-one"}).unlock("/repo", lock)
    assert "wrong-one" not in str(caught.value)
    assert user.asked == []


@pytest.mark.parametrize("output", ["secret", "secret\\n", "secret\\n\\n\\n", "secret\\r\\n"])
def test_command_gives_its_output_without_the_last_newlines(output: str) -> None:
    command = python_command(f"import sys; sys.stdout.write('{output}')")
    assert PassphraseSource(None, {"BORG_PASSCOMMAND": command, "BORG_PASSPHRASE_FD": "0"}).given() == "secret"


def test_command_keeps_inner_newlines_spaces_and_any_bytes() -> None:
    command = python_command(r"import sys; sys.stdout.buffer.write(b' a\nb\xff \n')")
    assert PassphraseSource(None, {"BORG_PASSCOMMAND": command}).given() == " a\nb\udcff "


def test_command_runs_without_a_shell_and_only_once() -> None:
    source = PassphraseSource(None, {"BORG_PASSCOMMAND": python_command("import os; print('$HOME', os.getpid())")})
    first = source.given()
    assert first is not None
    assert first.startswith("$HOME ")
    assert source.choose() == source.given() == first


def test_child_processes_see_the_environment_but_not_the_passphrase() -> None:
    environment = {"BORG_PASSPHRASE": "secret", "BORG_NEW_PASSPHRASE": "other", "PATH": "/bin"}
    assert child_environment(environment) == {"BORG_NEW_PASSPHRASE": "other", "PATH": "/bin", "BORG_VERSION": BORG_VERSION}


def test_command_gets_that_environment() -> None:
    command = python_command("import os; print(os.environ['BORG_VERSION'], os.environ['MINE'])")
    assert PassphraseSource(None, {"BORG_PASSCOMMAND": command, "MINE": "x"}).given() == f"{BORG_VERSION} x"


@pytest.mark.parametrize("command", ["", "sh -c 'echo top-secret; exit 3'", "/does/not/exist/top-secret", "echo 'top-secret"])
def test_failing_command_is_an_error_that_does_not_quote_it(command: str) -> None:
    user = ScriptedUser("secret")
    with pytest.raises(PasscommandFailed) as caught:
        PassphraseSource(user, {"BORG_PASSCOMMAND": command}).unlock("/repo", Lock("secret"))
    assert "top-secret" not in str(caught.value)
    assert user.asked == []


def test_descriptor_is_read_to_its_end_and_closed() -> None:
    descriptor = descriptor_with(b"sec\nret\n\n")
    source = PassphraseSource(None, {"BORG_PASSPHRASE_FD": str(descriptor)})
    assert source.unlock("/repo", Lock("sec\nret"))[1] == "sec\nret"
    assert source.given() == "sec\nret"  # although it can be read once only
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.parametrize("descriptor", ["", "three", "987654"])
def test_unusable_descriptor_is_an_error(descriptor: str) -> None:
    with pytest.raises(NoPassphrase, match="BORG_PASSPHRASE_FD"):
        PassphraseSource(None, {"BORG_PASSPHRASE_FD": descriptor}).given()


def test_empty_passphrase_is_tried_before_anybody_is_asked() -> None:
    user, lock = ScriptedUser(), Lock("")
    assert PassphraseSource(user, {}).unlock("/repo", lock) == ("opened", "")
    assert user.asked == []


def test_user_has_three_tries() -> None:
    user, lock = ScriptedUser("a", "b", "secret"), Lock("secret")
    assert PassphraseSource(user, {}).unlock("/repo", lock) == ("opened", "secret")
    assert user.asked == [OPEN] * 3
    assert lock.tried == ["", "a", "b", "secret"]

    user = ScriptedUser("a", "b", "c", "secret")
    with pytest.raises(PasswordRetriesExceeded):
        PassphraseSource(user, {}).unlock("/repo", lock)
    assert user.asked == [OPEN] * 3


@pytest.mark.parametrize("user", [None, ScriptedUser()], ids=["nobody", "silent"])
def test_without_an_answer_there_is_no_passphrase(user: ScriptedUser | None) -> None:
    with pytest.raises(NoPassphrase, match="BORG_PASSPHRASE is not set"):
        PassphraseSource(user, {}).unlock("/repo", Lock("secret"))
    with pytest.raises(NoPassphrase):
        PassphraseSource(user, {}).choose()


# -- choosing ----------------------------------------------------------------------------------------------------------


def test_variable_for_new_passphrases_outweighs_the_others() -> None:
    environment = {"BORG_NEW_PASSPHRASE": "new", "BORG_PASSPHRASE": "old"}
    source = PassphraseSource(None, environment)
    assert (source.choose(), source.given()) == ("new", "old")
    assert PassphraseSource(None, {"BORG_NEW_PASSPHRASE": ""}).choose() == ""


def test_given_passphrase_serves_for_a_new_key_as_well() -> None:
    user = ScriptedUser()
    assert PassphraseSource(user, {"BORG_PASSPHRASE": "x"}).choose() == "x"
    assert user.asked == []


def test_user_types_twice_and_may_see_it() -> None:
    user = ScriptedUser("secrét", "secrét", "y")
    assert PassphraseSource(user, {}).choose() == "secrét"
    assert user.asked == [NEW, AGAIN, DISPLAY_QUESTION]
    assert 'Your passphrase (between double-quotes): "secrét"' in user.shown
    assert any("secrét".encode().hex() in line for line in user.shown)


@pytest.mark.parametrize("answers", [("n",), ()])
def test_passphrase_is_not_shown_without_a_yes(answers: tuple[str, ...]) -> None:
    user = ScriptedUser("secret", "secret", *answers)
    assert PassphraseSource(user, {}).choose() == "secret"
    assert user.asked == [NEW, AGAIN, DISPLAY_QUESTION]
    assert not any("secret" in line for line in user.shown)


def test_ascii_passphrase_is_shown_without_hex() -> None:
    user = ScriptedUser("secret", "secret", "y")
    PassphraseSource(user, {}).choose()
    assert not any("hex" in line for line in user.shown)


def test_mistyping_is_forgiven_nine_times() -> None:
    wrong = ["a", "b"] * 9
    user = ScriptedUser(*wrong, "c", "c", "n")
    assert PassphraseSource(user, {}).choose() == "c"
    assert user.shown.count("Passphrases do not match") == 9
    with pytest.raises(PasswordRetriesExceeded):
        PassphraseSource(ScriptedUser(*wrong, "a", "b", "c", "c"), {}).choose()


def test_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BORG_PASSPHRASE", "from the process")
    assert PassphraseSource().given() == "from the process"
