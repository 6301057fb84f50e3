"""Builds the Debian packages: `build.py WHEEL OUTPUT_DIRECTORY`, run by a Python that has the program installed.

`vinculum` is the program, to be had beside a real Borg. `vinculum-borg` makes it the `borg` of the machine, in place of
`borgbackup`. Both hold what the wheel holds, in Debian's places: any Python of the system's from 3.11 on runs it.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
MANUAL = PROJECT / "build" / "man"
# Of wheels, and what Debian says instead.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

SCRIPT = """\
#!/usr/bin/python3 -I
from vinculum.cli.main import run

run()
"""
# Compiled modules are made where the package is installed, by whatever Python is there, and go with it.
AFTER_INSTALLING = '#!/bin/sh\nset -e\nif [ "$1" = configure ]; then py3compile -p vinculum; fi\n'
BEFORE_REMOVING = "#!/bin/sh\nset -e\npy3clean -p vinculum\n"


class Package(NamedTuple):
    """One package: what control files say of it, and a tree to be filled."""

    name: str
    architecture: str
    relations: dict[str, str]
    summary: str
    description: list[str]
    root: Path

    def path(self, place: str) -> Path:
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, place: str, text: str, mode: int = 0o644) -> None:
        self.path(place).write_text(text)
        self.path(place).chmod(mode)

    def compress(self, place: str, content: bytes) -> None:
        self.path(f"{place}.gz").write_bytes(gzip.compress(content, 9, mtime=0))

    def link(self, place: str, target: str) -> None:
        self.path(place).symlink_to(target)


def project_version() -> str:
    found = re.search(r'^version = "(.*)"$', (PROJECT / "Cargo.toml").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def maintainer() -> str:
    """Who answers for the package. Where nobody does, it can be tried, but packaging/ready.py keeps it from being published."""
    named = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"].get("maintainers", ())
    return ", ".join(f"{one['name']} <{one['email']}>" for one in named) or "nobody yet <nobody@invalid>"


def needed_c_library(library: Path) -> str:
    symbols = subprocess.run(["objdump", "--dynamic-syms", library], capture_output=True, text=True, check=True).stdout
    versions = re.findall(r"GLIBC_(\d+)\.(\d+)", symbols)
    major, minor = max((int(major), int(minor)) for major, minor in versions)
    return f"{major}.{minor}"


def unpack_wheel(wheel: Path, target: Path) -> None:
    """The modules only: what pip notes beside them is Debian's own business."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if member.filename.startswith("vinculum/"):
                archive.extract(member, target)
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def program_output(*arguments: str) -> str:
    borg = Path(sys.executable).parent / arguments[0]
    return subprocess.run([borg, *arguments[1:]], capture_output=True, text=True, check=True).stdout


def add_completions(package: Package, name: str) -> None:
    package.write(f"usr/share/bash-completion/completions/{name}", program_output(name, "--completion", "bash"))
    package.write(f"usr/share/zsh/vendor-completions/_{name}", program_output(name, "--completion", "zsh"))
    package.write(f"usr/share/fish/vendor_completions.d/{name}.fish", program_output(name, "--completion", "fish"))


def add_documents(package: Package) -> None:
    place = f"usr/share/doc/{package.name}"
    package.compress(f"{place}/changelog", (PROJECT / "CHANGELOG.md").read_bytes())
    package.write(f"{place}/copyright", (PROJECT / "LICENSE").read_text())


def fill_program(package: Package, wheel: Path) -> None:
    unpack_wheel(wheel, package.root / "usr/lib/python3/dist-packages")
    package.write("usr/bin/vinculum", SCRIPT, 0o755)
    package.write("DEBIAN/postinst", AFTER_INSTALLING, 0o755)
    package.write("DEBIAN/prerm", BEFORE_REMOVING, 0o755)
    for page in sorted(MANUAL.rglob("*.[0-9]")):
        # borg-create.1 is vinculum-create.1 here, as the other may be a real Borg's.
        name = "vinculum" + page.name.removeprefix("borg") if page.name.startswith("borg-") else page.name
        if name.startswith("vinculum"):
            package.compress(f"usr/share/man/{page.parent.name}/{name}", page.read_bytes())
    add_completions(package, "vinculum")
    add_documents(package)


def fill_borg(package: Package) -> None:
    for name in ("borg", "borgfs"):
        package.link(f"usr/bin/{name}", "vinculum")
        package.compress(f"usr/share/man/man1/{name}.1", (MANUAL / "man1" / f"{name}.1").read_bytes())
    for page in sorted(MANUAL.rglob("borg-*.[0-9]")):
        package.link(f"usr/share/man/{page.parent.name}/{page.name}.gz", f"vinculum{page.name.removeprefix('borg')}.gz")
    add_completions(package, "borg")
    add_documents(package)


def build(package: Package, version: str, output: Path) -> Path:
    size = sum(path.stat().st_size for path in package.root.rglob("*") if path.is_file() and not path.is_symlink())
    fields = {
        "Package": package.name,
        "Version": version,
        "Architecture": package.architecture,
        "Maintainer": maintainer(),
        "Section": "utils",
        "Priority": "optional",
        "Installed-Size": str(-(-size // 1024)),
        **package.relations,
        "Description": "\n ".join([package.summary, *package.description]),
    }
    package.write("DEBIAN/control", "".join(f"{name}: {text}\n" for name, text in fields.items()))
    path = output / f"{package.name}_{version}_{package.architecture}.deb"
    for directory in [package.root, *(found for found in package.root.rglob("*") if found.is_dir())]:
        directory.chmod(0o755)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", package.root, path], check=True, stdout=subprocess.DEVNULL
    )
    return path


def main() -> None:
    wheel, output = map(Path, sys.argv[1:])
    version = project_version()
    machine = next(name for name in ARCHITECTURES if wheel.stem.endswith(name))
    with tempfile.TemporaryDirectory() as work:
        program = Package(
            "vinculum",
            ARCHITECTURES[machine],
            {},
            "deduplicating, encrypted backups on all cores",
            [
                "Repositories of BorgBackup 1.x, with the same commands, written anew. This is",
                "the program under its own name; it can be installed beside borgbackup, and",
                "both can take turns on one repository.",
            ],
            Path(work) / "vinculum",
        )
        fill_program(program, wheel)
        libc = needed_c_library(program.root / "usr/lib/python3/dist-packages/vinculum/_native.abi3.so")
        needs = f"python3 (>= 3.11), python3-msgpack, python3-segno, libc6 (>= {libc}), libgcc-s1"
        program.relations.update({"Depends": needs, "Recommends": "openssh-client, fuse3"})
        borg = Package(
            "vinculum-borg",
            "all",
            {
                "Depends": f"vinculum (= {version})",
                "Provides": "borgbackup",
                "Conflicts": "borgbackup",
                "Replaces": "borgbackup",
            },
            "makes vinculum the borg of this machine",
            [
                "The commands borg and borgfs, their pages for man and their completions, all of",
                "them vinculum's, in place of the package borgbackup. Repositories, keys, caches",
                "and scripts stay as they are.",
            ],
            Path(work) / "vinculum-borg",
        )
        fill_borg(borg)
        for package in (program, borg):
            print(build(package, version, output))


if __name__ == "__main__":
    assert shutil.which("dpkg-deb"), "dpkg-deb is missing: install the package dpkg"
    main()
