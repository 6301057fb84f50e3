"""Questions to the user: secrets, yes or no. Answers may come from the terminal, from stdin, or from a variable.

Questions go to stderr, since stdout may carry data. Scripts wait for what ends in "[yN] " and for the prompts for passphrases.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

YES_WORDS = frozenset(("y", "yes", "Y", "Yes", "YES", "1"))
NO_WORDS = frozenset(("n", "no", "N", "No", "NO", "0"))
DEFAULT_WORDS = frozenset(("", "d", "default", "D", "Default", "DEFAULT"))


class Prompter:
    """Asks on behalf of the core. With `write_record`, all about yes-or-no questions is written as JSON instead of text."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        write_record: Callable[[dict[str, object]], None] | None = None,
        stdin: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self._environment = environment
        self._write_record = write_record
        self._stdin = stdin
        self._stderr = stderr

    def ask_secret(self, prompt: str) -> str:
        """A line typed without echo on the terminal; without a terminal one from stdin. EOFError if there is nobody to ask."""
        if self._stdin is None and _has_terminal():
            import getpass  # rarely needed

            return getpass.getpass(prompt)
        return self.ask(prompt)

    def ask(self, prompt: str) -> str:
        """A line from stdin; EOFError at its end."""
        self.show_inline(prompt)
        return _read_line(self._stdin or sys.stdin)

    def show(self, text: str) -> None:
        """A line for the user's eyes, at any log level."""
        self.show_inline(text + "\n")

    def remark(self, text: str) -> None:
        """A line for somebody who sits there; programs that answer questions would not expect it."""
        if (self._stderr or sys.stderr).isatty():
            self.show(text)

    def confirm(self, question: str, variable: str, *, accept: frozenset[str] = YES_WORDS) -> bool:
        """Whether the user agrees; the variable `variable` answers if it is set. What is not understood is a no."""
        self._say("question_prompt", variable, question, end="")
        answer = self._find_answer(variable)
        if answer in accept:
            return True
        if answer in NO_WORDS:
            self._say("question_accepted_false", variable, "Aborting.")
        elif answer not in DEFAULT_WORDS:
            self._say("question_invalid_answer", variable, "Invalid answer, aborting.")
        return False

    def insist(self, question: str, variable: str | None = None, *, advice: str = "") -> bool:
        """The same, asked until the answer is understood; `advice` is given before asking again."""
        self._say("question_prompt", variable, question, end="")
        answer = self._find_answer(variable)
        while answer not in YES_WORDS and answer not in NO_WORDS and answer not in DEFAULT_WORDS:
            if advice:
                self._say("question_invalid_answer", variable, advice)
                self._say("question_prompt_retry", variable, question, end="")
            answer = self._find_answer(None)
        return answer in YES_WORDS

    def _find_answer(self, variable: str | None) -> str:
        answer = None if variable is None else self._environment.get(variable)
        if answer is not None:
            self._say("question_env_answer", variable, f"{answer} (from {variable})", env_var=variable)
            return answer
        try:
            return _read_line(self._stdin or sys.stdin)
        except EOFError:
            return "n"

    def show_inline(self, text: str) -> None:
        stream = self._stderr or sys.stderr
        try:
            stream.write(text)
            stream.flush()
        except (OSError, ValueError):
            pass  # nobody listens

    def _say(self, kind: str, variable: str | None, text: str, *, end: str = "\n", **extra: object) -> None:
        if self._write_record is not None:
            self._write_record({**extra, "type": kind, "msgid": variable, "message": text})
        else:
            self.show_inline(text + end)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _read_line(stream: TextIO) -> str:
    line = stream.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")
