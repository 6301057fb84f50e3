"""A tree that changes while it is backed up, and that knows what a backup may have seen of it.

Most of it stays as it is, and has to be in the archive as it is. The rest is replaced, grows, vanishes and moves as long as a
`Commotion` lasts; each version that was ever there is remembered.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
from pathlib import Path

from support.trees import random_content, text_content

SKIPPED_SUFFIX = ".skip"
LARGE_BYTES = 400_000
"""Files of that size are large enough to be read piece by piece if the program is told that this is large."""


class RestlessTree:
    """`tree` below a directory, and what its files may hold. Paths are relative to that directory, as archives have them."""

    def __init__(self, place: Path, seed: int) -> None:
        self.place = place
        self.top = place / "tree"
        self._chance = random.Random(f"restless tree {seed}")
        self._versions = 0
        self._staging = place / "staging"
        self.still: dict[str, bytes] = {}
        """Files that nothing happens to during a backup."""
        self.restless: dict[str, list[bytes]] = {}
        """The others, with everything that they held or were to hold; which holds up to any length from the first one's on."""
        self.directories: set[str] = set()
        self.symlinks: dict[str, str] = {}
        self.fifos: dict[str, bytes] = {}
        """What each is fed, as often as somebody reads it."""
        self._staging.mkdir()
        self._build()

    # -- building ----------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        for name in ("", "large", "links", "links/further", "empty", "left out.skip"):
            self._directory(name)
        for number in range(60):
            self._still(f"many/small-{number:03}", self._some_bytes(3000))
        for number in range(0, 60, 9):
            self._still(f"many/excluded-{number:03}{SKIPPED_SUFFIX}", self._some_bytes(300))
        self._still("left out.skip/inside", b"never seen")
        for number in range(14):
            self._still(f"nest/{'/'.join(f'level-{number}-{level}' for level in range(number % 4 + 1))}/leaf-{number}", b"leaf")
        common = random_content("common", LARGE_BYTES)
        for number in range(3):
            self._still(f"large/large-{number}", common[: number * 90_000] + self._some_bytes(LARGE_BYTES))
        self._still("large/copy", common)
        for kind, size_bytes in (("small", 2000), ("large", LARGE_BYTES)):
            first = f"links/{kind}-link-0"
            self._still(first, self._some_bytes(size_bytes))
            for name in (f"links/{kind}-link-1", f"links/further/{kind}-link-2", f"last/{kind}-link-3"):
                self._parents(name)
                (self.top / name).hardlink_to(self.top / first)
                self.still[f"tree/{name}"] = self.still[f"tree/{first}"]
        with open(self.top / "large" / "sparse", "wb") as file:
            file.truncate(LARGE_BYTES)
            file.seek(LARGE_BYTES // 2)
            file.write(b"in the middle")
        self.still["tree/large/sparse"] = (self.top / "large" / "sparse").read_bytes()
        for name in ("many/symlink", "large/dangling"):
            (self.top / name).symlink_to("small-000")
            self.symlinks[f"tree/{name}"] = "small-000"
        self.settle()

    def add_fifos(self) -> None:
        """One with two names and one with another."""
        for number in range(2):
            name = f"fifos/fifo-{number}"
            self._parents(name)
            os.mkfifo(self.top / name)
            self.fifos[f"tree/{name}"] = b"from a fifo" * 10 + random_content(name, 70_000 * number)
        (self.top / "fifos" / "fifo-link").hardlink_to(self.top / "fifos" / "fifo-0")
        self.fifos["tree/fifos/fifo-link"] = self.fifos["tree/fifos/fifo-0"]

    def remove_fifos(self) -> None:
        shutil.rmtree(self.top / "fifos", ignore_errors=True)
        self.fifos.clear()
        self.directories.discard("tree/fifos")

    def _some_bytes(self, at_most: int) -> bytes:
        """At least half as much, never the same twice."""
        self._versions += 1
        size_bytes = self._chance.randint(at_most // 2, at_most)
        compressible = text_content(self._versions, size_bytes // 4)
        return compressible + random_content((self._chance.random(), self._versions), size_bytes - len(compressible))

    def _directory(self, name: str) -> None:
        (self.top / name).mkdir()
        self.directories.add(f"tree/{name}".rstrip("/"))

    def _parents(self, name: str) -> None:
        missing = [parent for parent in (self.top / name).parents if not parent.exists()]
        for parent in reversed(missing):
            self._directory(str(parent.relative_to(self.top)))

    def _still(self, name: str, content: bytes) -> None:
        self._parents(name)
        (self.top / name).write_bytes(content)
        self.still[f"tree/{name}"] = content

    # -- between two backups -----------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Brings the restless part into its first state again, with other content, and changes some of what is still."""
        shutil.rmtree(self.top / "restless", ignore_errors=True)
        self.restless = {}
        for directory in ("", "/moving"):
            (self.top / f"restless{directory}").mkdir()
            for number in range(12):
                size_bytes = LARGE_BYTES if number == 11 else 3000
                self._restless(f"restless{directory}/restless{directory[1:]}-{number}", self._some_bytes(size_bytes))
        for path in self._chance.sample([path for path in self.still if "-link-" not in path], 12):
            self.still[path] = self._some_bytes(max(len(self.still[path]) * 4 // 3, 10))
            (self.place / path).write_bytes(self.still[path])

    def _restless(self, name: str, content: bytes) -> None:
        self.restless[f"tree/{name}"] = [content]
        (self.top / name).write_bytes(content)

    def may_hold(self, path: str, content: bytes) -> bool:
        """Whether a backup may have found this in a file."""
        if path in self.still:
            return content == self.still[path]
        if path in self.fifos:
            fed = self.fifos[path]
            return len(content) >= len(fed) and (fed * (len(content) // len(fed) + 1)).startswith(content)
        versions = self.restless.get(path.replace("/moved/", "/moving/"), [])
        return any(version.startswith(content) and len(content) >= len(versions[0]) // 2 for version in versions)

    # -- while a backup runs -----------------------------------------------------------------------------------------------

    def stir(self) -> None:
        """One change of the restless part."""
        path = self._chance.choice(list(self.restless))
        file = self.place / path
        change = self._chance.choice(["replace", "replace", "grow", "grow", "vanish", "become", "move"])
        if change == "move":
            moving, moved = self.top / "restless" / "moving", self.top / "restless" / "moved"
            (moving if moving.exists() else moved).rename(moved if moving.exists() else moving)
        elif not file.parent.exists():
            pass
        elif change == "replace":
            self._versions += 1
            content = self._some_bytes(LARGE_BYTES if file.name.endswith("11") else 3000)
            staged = self._staging / "new"
            staged.write_bytes(content)
            self.restless[path].append(content)
            staged.replace(file) if not file.is_dir() else staged.unlink()
        elif change == "grow" and file.is_file():
            grown = file.read_bytes() + self._some_bytes(3000)
            self.restless[path].append(grown)
            with open(file, "ab") as growing:
                growing.write(grown[growing.tell() :])
        elif change in ("vanish", "become"):
            if file.is_dir():
                file.rmdir()
            else:
                file.unlink(missing_ok=True)
            if change == "vanish":
                return
            self._chance.choice([lambda: file.symlink_to("elsewhere"), file.mkdir])()


class Commotion:
    """Keeps stirring the tree and feeding its fifos inside the block, in threads of its own."""

    def __init__(self, tree: RestlessTree, *, stirs: bool, pause_s: float) -> None:
        self._tree = tree
        self._over = threading.Event()
        self._pause_s = pause_s
        self._threads = [threading.Thread(target=self._stir)] if stirs else []
        for path in {(tree.place / path).stat().st_ino: path for path in tree.fifos}.values():
            self._threads.append(threading.Thread(target=self._feed, args=(tree.place / path, tree.fifos[path])))
        self.failures: list[BaseException] = []

    def __enter__(self) -> Commotion:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        assert not self.failures, self.failures

    def _stir(self) -> None:
        try:
            while not self._over.wait(self._pause_s):
                self._tree.stir()
        except BaseException as error:
            self.failures.append(error)

    def _feed(self, fifo: Path, content: bytes) -> None:
        while not self._over.wait(0.02):
            try:
                fd = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads
                continue
            rest = content
            while rest and not self._over.is_set():
                try:
                    rest = rest[os.write(fd, rest[:20_000]) :]
                except BlockingIOError:
                    self._over.wait(0.01)
                except BrokenPipeError:
                    break
            os.close(fd)
            self._over.wait(0.1)  # the reader is to see the end before the next one begins
