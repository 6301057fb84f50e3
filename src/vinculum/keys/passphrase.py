"""Where passphrases come from: environment, a command, an open descriptor, or the user.

All that Borg's scripts rely on is here: the order of sources, the prompts, the number of tries, the display question. The only
module beside `cli` and `platform.paths` that looks at environment variables. No message ever contains a passphrase, except the
one that displays it because the user said so.
"""

from __future__ import annotations

import os

from vinculum import BORG_VERSION
from vinculum.errors import NoPassphrase, PasscommandFailed, PassphraseWrong, PasswordRetriesExceeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol, TypeVar

    Opened = TypeVar("Opened")

    class Prompter(Protocol):
        """The user. Asking raises EOFError if nobody answers."""

        def ask_secret(self, prompt: str) -> str:
            """One line, not shown while it is typed."""

        def insist(self, question: str, variable: str | None = None, *, advice: str = "") -> bool:
            """Yes or no, answered by an environment variable or else by the user; a no if there is nobody."""

        def show(self, text: str) -> None:
            """A line that the user should see, whatever the verbosity."""

        def remark(self, text: str) -> None:
            """A line for somebody at a terminal, and for nobody else."""


PASSPHRASE = "BORG_PASSPHRASE"
PASSCOMMAND = "BORG_PASSCOMMAND"
PASSPHRASE_FD = "BORG_PASSPHRASE_FD"
NEW_PASSPHRASE = "BORG_NEW_PASSPHRASE"
DISPLAY_PASSPHRASE = "BORG_DISPLAY_PASSPHRASE"

TRIES_OPENING = 3
TRIES_CHOOSING = 10
DISPLAY_QUESTION = "Do you want your passphrase to be displayed for verification? [yN]: "


class PassphraseSource:
    """Finds passphrases for existing and for new keys; asks the environment only once. Confined to one thread."""

    def __init__(self, prompter: Prompter | None = None, environment: Mapping[str, str] | None = None) -> None:
        self._prompter = prompter
        self._environment = os.environ if environment is None else environment
        self._given: str | None = None
        self._given_is_known = False

    def unlock(
        self, key_name: str, attempt: Callable[[str], Opened | None], *, prompt: str | None = None
    ) -> tuple[Opened, str]:
        """What `attempt` makes of the right passphrase, and that passphrase; `attempt` returns None for a wrong one.

        `key_name` tells the user which key this is about. PassphraseWrong, PasswordRetriesExceeded, NoPassphrase.
        """
        given = self.given()
        if given is not None:
            opened = attempt(given)
            if opened is None:
                raise PassphraseWrong
            return opened, given
        # An empty passphrase is how people say that they want none, so they are not bothered.
        opened = attempt("")
        if opened is not None:
            return opened, ""
        for left in reversed(range(TRIES_OPENING)):
            typed = self._ask_secret(prompt or f"Enter passphrase for key {key_name}: ")
            opened = attempt(typed)
            if opened is not None:
                return opened, typed
            if left and self._prompter is not None:
                self._prompter.remark("That is not the passphrase, try again.")
        raise PasswordRetriesExceeded

    def choose(self) -> str:
        """The passphrase for a new key, or a new one for an old key. PasswordRetriesExceeded, NoPassphrase."""
        new = self._environment.get(NEW_PASSPHRASE)
        if new is not None:
            return new
        given = self.given()
        if given is not None:
            return given
        for _ in range(TRIES_CHOOSING):
            typed = self._ask_secret("Enter new passphrase: ")
            if typed == self._ask_secret("Enter same passphrase again: "):
                self._offer_display(typed)
                return typed
            self._show("Passphrases do not match")
        raise PasswordRetriesExceeded

    def given(self) -> str | None:
        """What variable, command or descriptor say (the first that is set); None if the user has to be asked."""
        if not self._given_is_known:
            self._given = self._find_given()
            self._given_is_known = True
        return self._given

    def at_hand(self) -> str | None:
        """The passphrase that `given` will say, if it takes no command and no reading to know that."""
        return self._environment.get(PASSPHRASE)

    def _find_given(self) -> str | None:
        passphrase = self.at_hand()
        if passphrase is not None:
            return passphrase
        command = self._environment.get(PASSCOMMAND)
        if command is not None:
            return _run_passcommand(command, self._environment)
        descriptor = self._environment.get(PASSPHRASE_FD)
        if descriptor is not None:
            return _read_descriptor(descriptor)
        return None

    # -- the user ------------------------------------------------------------------------------------------------------

    def _ask_secret(self, prompt: str) -> str:
        if self._prompter is not None:
            try:
                return self._prompter.ask_secret(prompt)
            except EOFError:
                pass
        unset = [f"{name} is not set." for name in (PASSPHRASE, PASSCOMMAND) if name not in self._environment]
        raise NoPassphrase(" ".join([*unset, "Nobody answered when asked for it."]))

    def _offer_display(self, passphrase: str) -> None:
        prompter = self._prompter
        if prompter is None or not prompter.insist(DISPLAY_QUESTION, DISPLAY_PASSPHRASE, advice="Invalid answer, try again."):
            return
        self._show(f'Your passphrase (between double-quotes): "{passphrase}"')
        self._show("Check that this is exactly what you meant to type.")
        if not passphrase.isascii():
            encoded = passphrase.encode("utf-8", "surrogateescape")
            self._show(f"Your passphrase (UTF-8 encoding in hex): {encoded.hex()}")
            self._show(
                "It has characters outside ASCII, which not every keyboard or locale produces alike: keep the hex form too."
            )

    def _show(self, text: str) -> None:
        if self._prompter is not None:
            self._prompter.show(text)


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """What child processes get to see of the environment (of this process's, by default): everything but the passphrase."""
    if environment is None:
        environment = os.environ
    return {**{name: environment[name] for name in environment if name != PASSPHRASE}, "BORG_VERSION": BORG_VERSION}


def _run_passcommand(command: str, environment: Mapping[str, str]) -> str:
    # Both are slow to import, and most calls get by without a command.
    import shlex
    import subprocess

    # Neither the command nor its output may end up in the message: people write `echo secret`.
    try:
        words = shlex.split(command)
    except ValueError:
        raise PasscommandFailed("its quoting is not balanced") from None
    if not words:
        raise PasscommandFailed("it is empty")
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, env=child_environment(environment), check=False)
    except OSError as error:
        raise PasscommandFailed(error.strerror) from None
    if done.returncode != 0:
        raise PasscommandFailed(f"exit status {done.returncode}")
    return _last_newlines_removed(done.stdout)


def _read_descriptor(number: str) -> str:
    try:
        descriptor = int(number)
        with os.fdopen(descriptor, "rb") as file:
            return _last_newlines_removed(file.read())
    except ValueError:
        raise NoPassphrase(f"{PASSPHRASE_FD} is not a number.") from None
    except OSError as error:
        raise NoPassphrase(f"{PASSPHRASE_FD} is not a readable descriptor: {error.strerror}.") from None


def _last_newlines_removed(output: bytes) -> str:
    text = output.decode("utf-8", "surrogateescape")
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
