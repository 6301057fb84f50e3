"""Who takes part: which program in which settings, how it is told to make a repository and to back up.

All encrypt and compress. Each that has lz4 uses it; the others use the fastest compression they have, which `settings` names.
Anything else is left as it is by default. How the programs are obtained is said in rivals.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paired import PASSPHRASE, Measured, run

if TYPE_CHECKING:
    from pathlib import Path

# What those are compared with that have no counterpart of their own.
BASELINE = "Borg 1.4.5, repokey-blake2"


class Contender(NamedTuple):
    """Command lines with `{repository}`, `{name}` (of the backup) and `{tree}` to be filled in."""

    label: str
    program: str
    settings: str
    preparations: tuple[tuple[str, ...], ...]
    backup: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    baseline: str = BASELINE

    def prepare(self, executable: Path, here: Path) -> None:
        """Makes an empty repository `here`."""
        for command in self.preparations:
            self._run(executable, command, here, here, "")

    def back_up(self, executable: Path, here: Path, tree: Path, name: str) -> Measured:
        """Archives `tree` into the repository `here`."""
        return self._run(executable, self.backup, here, tree, name)

    def _run(self, executable: Path, command: tuple[str, ...], here: Path, tree: Path, name: str) -> Measured:
        repository = str(here / "repository")
        arguments = [word.format(repository=repository, name=name, tree=tree.name) for word in command]
        settings = {key: value.format(repository=repository) for key, value in self.environment}
        return run(executable, arguments, tree.parent, here, settings)


def _borg1(label: str, program: str, mode: str) -> Contender:
    return Contender(
        label=f"{label}, {mode}",
        program=program,
        settings="lz4",
        preparations=(("init", "--encryption", mode, "{repository}"),),
        backup=("create", "--compression", "lz4", "{repository}::{name}", "{tree}"),
        baseline=f"Borg 1.4.5, {mode}",
    )


CONTENDERS = (
    _borg1("vinculum", "vinculum", "repokey-blake2"),
    _borg1("Borg 1.4.5", "borg", "repokey-blake2"),
    _borg1("vinculum", "vinculum", "repokey"),
    _borg1("Borg 1.4.5", "borg", "repokey"),
    Contender(
        label="Borg 2",
        program="borg2",
        settings="aes256-ocb, lz4",
        preparations=(("repo-create", "--encryption", "aes256-ocb"),),
        # It knows what is unchanged only within a series, which is archives of the same name.
        backup=("create", "--compression", "lz4", "series", "{tree}"),
        environment=(("BORG_REPO", "{repository}"),),
    ),
    Contender(
        label="restic",
        program="restic",
        settings="its only encryption, compression auto (zstd, fastest level)",
        preparations=(("init",),),
        backup=("backup", "--quiet", "--compression", "auto", "{tree}"),
        environment=(("RESTIC_REPOSITORY", "{repository}"), ("RESTIC_PASSWORD", PASSPHRASE)),
    ),
    Contender(
        label="rustic",
        program="rustic",
        settings="its only encryption, zstd level 1",
        preparations=(("init", "--set-compression", "1"),),
        backup=("backup", "{tree}"),
        environment=(("RUSTIC_REPOSITORY", "{repository}"), ("RUSTIC_PASSWORD", PASSPHRASE)),
    ),
    Contender(
        label="kopia",
        program="kopia",
        settings="its default encryption, s2-default",
        preparations=(
            ("repository", "create", "filesystem", "--path", "{repository}"),
            ("policy", "set", "--global", "--compression", "s2-default"),
        ),
        backup=("snapshot", "create", "{tree}"),
        environment=(("KOPIA_PASSWORD", PASSPHRASE), ("KOPIA_CHECK_FOR_UPDATES", "false")),
    ),
)
