"""Looks for input that a parser does not cope with, guided by what of the code it reaches.

    run.py TARGET SECONDS            ends with an error and leaves the input under build/fuzz if there is a finding
    run.py TARGET FILE               shows what an input does

Needs atheris (`make fuzz` installs it in an environment of its own). VINCULUM_FUZZ_NATIVE names a build of the kernels that
tells libFuzzer what was reached, too; then libFuzzer has to be preloaded, since it has to be there before them.

Afterwards the corpus of the target is the smallest part of everything that was seen that still reaches everything.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import atheris  # type: ignore[import-not-found]

PROJECT = Path(__file__).resolve().parents[2]
WORKSHOP = PROJECT / "build" / "fuzz"
MEMORY = "/dev/shm"
LONGEST_INPUT = 4096
MOST_MEMORY_MB = 1500
LONGEST_RUN_S = 60


def use_instrumented_kernels(path: str) -> None:
    """Makes that file `vinculum._native`."""
    loader = importlib.machinery.ExtensionFileLoader("vinculum._native", path)
    spec = importlib.util.spec_from_loader("vinculum._native", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    sys.modules["vinculum._native"] = module


def write_all(directory: Path, inputs: Iterable[bytes]) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs):
        (directory / f"given-{number}").write_bytes(data)
    return directory


def main() -> None:
    name, effort, *more = sys.argv[1:]
    if effort.isdecimal():
        search(name, effort)
    else:
        fuzz(name, [effort, *more])


def search(name: str, seconds: str) -> None:
    """libFuzzer never returns, so it runs in children of this program: once to look, once to sort out what was seen."""
    from fuzz import corpora

    place = WORKSHOP / name
    target = corpora.load(name)
    seen = write_all(place / "seen", [*corpora.read(name), *target.seeds()])
    dictionary = place / "words"
    dictionary.write_text("".join(f'"{escaped(word)}"\n' for word in corpora.words(target)))
    options = [f"-max_len={LONGEST_INPUT}", f"-rss_limit_mb={MOST_MEMORY_MB}", f"-timeout={LONGEST_RUN_S}"]
    words = [f"-dict={dictionary}"] if dictionary.stat().st_size else []
    look = [*words, f"-artifact_prefix={place}/finding-", f"-max_total_time={seconds}", "-print_final_stats=1"]
    if child(name, *options, *look, str(seen)):
        sys.exit(f"There is a finding in {place}")
    with tempfile.TemporaryDirectory() as kept:
        if child(name, *options, "-merge=1", kept, str(seen)):
            sys.exit(f"What was seen is left in {place}")
        corpora.write(name, (path.read_bytes() for path in Path(kept).iterdir()))
    shutil.rmtree(place)


def escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def child(name: str, *arguments: str) -> int:
    with tempfile.TemporaryDirectory(dir=MEMORY) as scratch:  # who is killed leaves things behind
        environment = {**os.environ, "TMPDIR": scratch}
        return subprocess.run([sys.executable, __file__, name, *arguments], env=environment, check=False).returncode


def fuzz(name: str, arguments: list[str]) -> None:
    """Does what libFuzzer's arguments say; ends the program."""
    with atheris.instrument_imports(include=["vinculum"]):
        native = os.environ.get("VINCULUM_FUZZ_NATIVE")
        if native:
            use_instrumented_kernels(native)
        from fuzz import corpora

        target = corpora.load(name)
    itself = shlex.join([sys.executable, __file__, name])  # by which libFuzzer starts children of its own
    atheris.Setup([itself, *arguments], target.fuzz)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.path[:1] = [str(PROJECT / "src"), str(PROJECT / "tests")]
    main()
