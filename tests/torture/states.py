"""The states from which commands begin: made once, by our program, and put back before every strike."""

from __future__ import annotations

import random
import re
import shutil

from torture.programs import Programs
from torture.scenarios import Archives, Scenario

SMALL_SEGMENTS = "30000"


class States:
    """Of one repository with its client, and what archives are there before and after a command."""

    def __init__(self, programs: Programs, seed: int) -> None:
        self._programs = programs
        self._case = programs.case
        self._tree = programs.place / "tree"
        self._saved = programs.place / "states"
        self._random = random.Random(seed)
        self._archives: dict[str, Archives] = {}
        self._afters: dict[str, Archives] = {}
        self._build_tree()
        self._prepare()

    def restore(self, state: str) -> None:
        """Everything as it was in that state."""
        for entry in self._case.iterdir():
            shutil.rmtree(entry)
        shutil.copytree(self._saved / state, self._case, dirs_exist_ok=True)
        # A repository of long ago knows nothing of what came since.
        shutil.copy(self._saved / f"{state}.counters", self._programs.counters)

    def before(self, scenario: Scenario) -> Archives:
        """What is there to begin with."""
        return self._archives[scenario.state]

    def after(self, scenario: Scenario) -> Archives:
        """What is there when nothing went wrong."""
        if scenario.name not in self._afters:
            self.restore(scenario.state)
            self._programs.ok(*scenario.words, codes=(0, 1), **dict(scenario.environment))
            self._afters[scenario.name] = self._programs.survey(**scenario.new_passphrase)
        return self._afters[scenario.name]

    def _build_tree(self) -> None:
        self._tree.mkdir()
        for number in range(6):
            directory = self._tree / f"d{number % 2}"
            directory.mkdir(exist_ok=True)
            (directory / f"a-{number}").write_bytes(self._random.randbytes(1000 + 9000 * (number % 3)))
        (self._tree / "link").symlink_to("d0/a-0")

    def _grow_tree(self, number: int) -> None:
        (self._tree / f"b-{number}").write_bytes(self._random.randbytes(20_000))

    def _prepare(self) -> None:
        programs = self._programs
        self._save("nothing")
        programs.ok("init", "-e", programs.mode, "REPO")
        config = programs.repository / "config"
        config.write_text(re.sub(r"(max_segment_size = )\d+", rf"\g<1>{SMALL_SEGMENTS}", config.read_text()))
        for number, name in enumerate(("one", "two", "three")):
            self._grow_tree(number)
            when = f"--timestamp=2024-01-0{number + 1}T00:00:00"
            programs.ok("create", "--compression=none", when, f"REPO::{name}", "TREE")
        if programs.mode != "none":
            programs.ok("key", "export", "REPO", "PLACE/exported")
        self._grow_tree(9)
        self._save("archives")
        self._save("locked")
        lock = self._saved / "locked" / "repo" / "lock.exclusive"
        lock.mkdir()
        (lock / "elsewhere@1.1-0").touch()
        self._save("no client")
        shutil.rmtree(self._saved / "no client" / "home" / ".cache")
        self._damage()
        programs.ok("delete", "REPO::two")
        self._save("loose")

    def _damage(self) -> None:
        """Without an index; and with a file's chunk damaged in addition."""
        for kind in ("index", "hints", "integrity"):
            for file in self._programs.repository.glob(f"{kind}.*"):
                file.unlink()
        self._copy("no index")
        self._archives["no index"] = self._archives["archives"]
        content = (self._tree / "b-1").read_bytes()
        for segment in sorted((self._programs.repository / "data").glob("*/*")):
            data = bytearray(segment.read_bytes())
            # Encrypted or not: the first large entry is content, which comes before all that describes it.
            if len(data) > len(content):
                data[2000] ^= 1
                segment.write_bytes(data)
                break
        self._copy("damaged")
        self._archives["damaged"] = {}
        self.restore("archives")

    def _save(self, state: str) -> None:
        (self._case / "home").mkdir(parents=True, exist_ok=True)
        self._copy(state)
        self._archives[state] = self._programs.survey() if state != "nothing" else {}

    def _copy(self, state: str) -> None:
        shutil.copytree(self._case, self._saved / state)
        self._programs.counters.touch()
        shutil.copy(self._programs.counters, self._saved / f"{state}.counters")
