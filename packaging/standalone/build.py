"""Builds the standalone executable: `build.py KERNELS OUTPUT`, run by the Python that is to be inside.

That Python has to bring its static library (Debian: libpython3.11-dev), and the modules that the program depends on. KERNELS is
the static library of the native module. Of the system's libraries the executable needs the C library, nothing else.
"""

from __future__ import annotations

import encodings
import marshal
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from modulefinder import ModuleFinder
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent / "src"
PLACE = "<bundle>/"  # as in start.py, and so are the kinds
PACKAGE, MODULE, EXTENSION = range(3)

# The locale's is imported while the interpreter initialises itself, so start.py comes too late for them.
ENCODINGS = re.compile(r"encodings(\.\w+)?")
# What those who import them do without, and which would make the executable larger by half.
LEFT_OUT = ["_ssl", "ssl", "asyncio", "bz2", "lzma", "multiprocessing", "unittest"]
LEFT_OUT += ["distutils", "pydoc", "setuptools", "test", "tkinter"]
OF_THE_C_LIBRARY = re.compile(r"(libc|libm|libdl|libpthread|librt|ld-linux[-\w]*)\.so\.\d+")


class Module(NamedTuple):
    """One module as it goes into the bundle."""

    name: str
    kind: int
    content: bytes


def find_modules() -> dict[str, Path]:
    """What the program may come to import, with where it is. Modules that are compiled in are not listed."""
    finder = ModuleFinder(path=[str(SOURCE), *sys.path], excludes=[*LEFT_OUT, "vinculum._native"])
    for path in (SOURCE / "vinculum").rglob("*.py"):
        finder.import_hook(".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"))
    for path in Path(encodings.__path__[0]).glob("*.py"):
        finder.import_hook(f"encodings.{path.stem}".removesuffix(".__init__"))
    found = {name: Path(module.__file__) for name, module in finder.modules.items() if module.__file__}
    return {name: found[name] for name in sorted(found) if name != "__main__"}


def needs_only_the_c_library(library: Path) -> bool:
    dynamic = subprocess.run(["readelf", "--dynamic", library], capture_output=True, text=True, check=True).stdout
    return all(OF_THE_C_LIBRARY.fullmatch(name) for name in re.findall(r"NEEDED.*\[(.*)\]", dynamic))


def stripped(library: Path) -> bytes:
    with tempfile.NamedTemporaryFile() as without_symbols:
        subprocess.run(["strip", "--strip-unneeded", "-o", without_symbols.name, library], check=True)
        return Path(without_symbols.name).read_bytes()


def compiled(name: str, path: Path) -> Module:
    is_package = path.name == "__init__.py"
    seen_as = PLACE + name.replace(".", "/") + ("/__init__.py" if is_package else ".py")
    code = compile(path.read_bytes(), seen_as, "exec", dont_inherit=True, optimize=0)
    return Module(name, PACKAGE if is_package else MODULE, marshal.dumps(code))


def modules() -> Iterator[Module]:
    for name, path in find_modules().items():
        if path.suffix == ".py":
            yield compiled(name, path)
        elif needs_only_the_c_library(path):
            yield Module(name, EXTENSION, stripped(path))
        else:
            print(f"left out, as it needs more than the C library: {name}")


def files() -> Iterator[tuple[str, bytes]]:
    for path in sorted((SOURCE / "vinculum").rglob("*.txt")):
        yield path.relative_to(SOURCE).as_posix(), path.read_bytes()


class Bundle:
    """The bundle, growing; see start.py for what it looks like."""

    def __init__(self) -> None:
        start = compile((HERE / "start.py").read_bytes(), PLACE + "start.py", "exec", dont_inherit=True, optimize=0)
        self._content = bytearray(marshal.dumps(start))
        self.modules: dict[str, tuple[int, int, int]] = {}
        self.files: dict[str, tuple[int, int]] = {}

    def add(self, content: bytes) -> tuple[int, int]:
        """Where it begins and ends."""
        begin = len(self._content)
        self._content += content
        return begin, len(self._content)

    def finish(self) -> bytes:
        begin, _ = self.add(marshal.dumps((self.modules, self.files)))
        return bytes(self._content) + begin.to_bytes(8, "little")


def first_modules(bundle: Bundle) -> str:
    """The C source of the table that the interpreter looks at."""
    rows = []
    for name in filter(ENCODINGS.fullmatch, bundle.modules):
        kind, begin, end = bundle.modules[name]
        rows.append(
            f'    {{.name = "{name}", .code = bundle + {begin}, .size = {end - begin}, .is_package = {int(kind == PACKAGE)}}},'
        )
    body = "\n".join(rows)
    return (
        "#include <Python.h>\nextern const unsigned char bundle[];\n"
        f"const struct _frozen first_modules[] = {{\n{body}\n    {{0}},\n}};\n"
    )


def static_library() -> Path:
    """Python's own, made to be moved in memory where there is such a one."""
    directory = Path(sysconfig.get_config_var("LIBPL"))
    name = Path(sysconfig.get_config_var("LIBRARY"))
    for path in (directory / f"{name.stem}-pic.a", directory / name.name, Path(sysconfig.get_config_var("LIBDIR")) / name.name):
        if path.exists():
            return path
    raise SystemExit(
        f"error: {directory / name} is missing; on Debian the package lib{Path(sys.executable).resolve().name}-dev has it"
    )


def link(kernels: Path, bundle: Bundle, work: Path, output: Path) -> None:
    (work / "bundle").write_bytes(bundle.finish())
    (work / "first_modules.c").write_text(first_modules(bundle))
    (work / "bundle.s").write_text(
        ".section .rodata\n.balign 16\n.global bundle, bundle_end\n"
        f'bundle: .incbin "{work / "bundle"}"\nbundle_end:\n.section .note.GNU-stack,"",%progbits\n'
    )
    includes = sysconfig.get_path("include")
    sources = [HERE / "launcher.c", work / "first_modules.c", work / "bundle.s"]
    # What extension modules from the bundle want of the interpreter has to be there and to be found.
    libraries = ["-Wl,--whole-archive", static_library(), "-Wl,--no-whole-archive", kernels]
    beside_it = ["-Wl,-Bstatic", "-lexpat", "-lz", "-Wl,-Bdynamic", "-ldl", "-lpthread", "-lm"]
    options = ["-O2", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-fPIE", "-pie", "-s"]
    linking = ["-Wl,--export-dynamic", "-Wl,-z,relro,-z,now"]
    subprocess.run(["cc", *options, f"-I{includes}", *sources, *libraries, *beside_it, *linking, "-o", output], check=True)


def main() -> None:
    kernels, output = map(Path, sys.argv[1:])
    bundle = Bundle()
    for module in modules():
        bundle.modules[module.name] = (module.kind, *bundle.add(module.content))
    for name, content in files():
        bundle.files[name] = bundle.add(content)
    with tempfile.TemporaryDirectory() as work:
        link(kernels, bundle, Path(work), output)
    print(f"{output}: {len(bundle.modules)} modules, {output.stat().st_size >> 20} MiB")


if __name__ == "__main__":
    main()
