"""Questions and who answers them: the terminal, stdin, or a variable."""

from __future__ import annotations

import io
from typing import Any

import pytest

from vinculum.ui.prompts import Prompter

QUESTION = "Really? [yN] "
VARIABLE = "BORG_REALLY"


def ask(stdin: str, environment: dict[str, str] | None = None) -> tuple[bool, str]:
    stderr = io.StringIO()
    prompter = Prompter(environment or {}, stdin=io.StringIO(stdin), stderr=stderr)
    return prompter.confirm(QUESTION, VARIABLE), stderr.getvalue()


@pytest.mark.parametrize(
    ("typed", "agreed", "said"),
    [
        ("y\n", True, ""),
        ("YES\n", True, ""),
        ("1\n", True, ""),
        ("n\n", False, "Aborting.\n"),
        ("No\n", False, "Aborting.\n"),
        ("\n", False, ""),
        ("", False, "Aborting.\n"),
        ("maybe\n", False, "Invalid answer, aborting.\n"),
        ("yes please\n", False, "Invalid answer, aborting.\n"),
    ],
)
def test_only_a_clear_yes_is_one(typed: str, agreed: bool, said: str) -> None:
    assert ask(typed) == (agreed, QUESTION + said)


@pytest.mark.parametrize(
    ("value", "agreed", "said"),
    [
        ("yes", True, ""),
        ("no", False, "Aborting.\n"),
        ("maybe", False, "Invalid answer, aborting.\n"),
        ("", False, ""),
    ],
)
def test_a_variable_answers_before_anybody_is_asked(value: str, agreed: bool, said: str) -> None:
    assert ask("y\n", {VARIABLE: value}) == (agreed, f"{QUESTION}{value} (from {VARIABLE})\n{said}")


def test_questions_as_json() -> None:
    written: list[dict[str, Any]] = []
    stderr = io.StringIO()
    prompter = Prompter({VARIABLE: "what"}, write_record=written.append, stdin=io.StringIO(), stderr=stderr)
    assert not prompter.confirm(QUESTION, VARIABLE)
    assert stderr.getvalue() == ""
    assert written == [
        {"type": "question_prompt", "msgid": VARIABLE, "message": QUESTION},
        {"type": "question_env_answer", "msgid": VARIABLE, "message": f"what (from {VARIABLE})", "env_var": VARIABLE},
        {"type": "question_invalid_answer", "msgid": VARIABLE, "message": "Invalid answer, aborting."},
    ]


@pytest.mark.parametrize(
    ("typed", "environment", "agreed", "said"),
    [
        ("y\n", {}, True, ""),
        ("n\n", {}, False, ""),
        ("\n", {}, False, ""),
        ("d\n", {}, False, ""),
        ("", {}, False, ""),
        ("maybe\nYes\n", {}, True, f"Try again.\n{QUESTION}"),
        ("maybe\n", {}, False, f"Try again.\n{QUESTION}"),
        ("", {VARIABLE: "1"}, True, f"1 (from {VARIABLE})\n"),
        ("y\n", {VARIABLE: ""}, False, f" (from {VARIABLE})\n"),
        ("y\n", {VARIABLE: "maybe"}, True, f"maybe (from {VARIABLE})\nTry again.\n{QUESTION}"),
    ],
)
def test_insisting_takes_clear_answers_only(typed: str, environment: dict[str, str], agreed: bool, said: str) -> None:
    stderr = io.StringIO()
    prompter = Prompter(environment, stdin=io.StringIO(typed), stderr=stderr)
    assert prompter.insist(QUESTION, VARIABLE, advice="Try again.") == agreed
    assert stderr.getvalue() == QUESTION + said


def test_secrets_and_lines_come_from_stdin_without_a_terminal() -> None:
    stderr = io.StringIO()
    prompter = Prompter({}, stdin=io.StringIO("secret\nline\n"), stderr=stderr)
    assert prompter.ask_secret("Secret: ") == "secret"
    assert prompter.ask("Line: ") == "line"
    with pytest.raises(EOFError):
        prompter.ask("More: ")
    prompter.show("done")
    assert stderr.getvalue() == "Secret: Line: More: done\n"
