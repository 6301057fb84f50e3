"""Keys with known secrets (those of the vectors), and a user who answers from a list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vinculum.keys.blob import KeyMaterial
from vinculum.keys.key import Key
from vinculum.keys.modes import MODES
from vinculum.keys.passphrase import PassphraseSource

VECTORS = Path(__file__).resolve().parents[1] / "golden" / "vectors"
REPOSITORY_ID = bytes(range(32))


def vectors(name: str) -> Any:
    """The content of one file of test vectors."""
    return json.loads((VECTORS / f"{name}.json").read_text())


def material_of(mode: str, *, repository_id: bytes = REPOSITORY_ID, tam_required: bool | None = True) -> KeyMaterial:
    """The secrets that the vectors use for a mode."""
    secrets = vectors("envelopes")["key_material"]["blake2" if MODES[mode].blake2 else "hmac"]
    return KeyMaterial(
        repository_id=repository_id,
        enc_key=bytes.fromhex(secrets["enc_key"]),
        enc_hmac_key=bytes.fromhex(secrets["enc_hmac_key"]),
        id_key=bytes.fromhex(secrets["id_key"]),
        chunk_seed=secrets["chunk_seed"],
        tam_required=tam_required,
    )


def key_of(mode: str, *, repository_id: bytes = REPOSITORY_ID) -> Key:
    """An opened key of that mode with the secrets of the vectors."""
    if mode == "none":
        return Key(MODES[mode], repository_id, None, logically_encrypted=False, tam_required=False)
    material = material_of(mode, repository_id=repository_id)
    return Key(MODES[mode], repository_id, material, logically_encrypted=MODES[mode].encrypts, tam_required=True)


def given(passphrase: str) -> PassphraseSource:
    """A source that never asks."""
    return PassphraseSource(None, {"BORG_PASSPHRASE": passphrase})


class ScriptedUser:
    """A `Prompter` that answers from a list and then falls silent; remembers what was said."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []
        self.shown: list[str] = []

    def ask_secret(self, prompt: str) -> str:
        return self.ask(prompt)

    def ask(self, prompt: str) -> str:
        self.asked.append(prompt)
        if not self._answers:
            raise EOFError
        return self._answers.pop(0)

    def insist(self, question: str, variable: str | None = None, *, advice: str = "") -> bool:  # noqa: ARG002
        try:
            return self.ask(question) == "y"
        except EOFError:
            return False

    def show(self, text: str) -> None:
        self.shown.append(text)

    def remark(self, text: str) -> None:
        self.shown.append(text)
