"""What the standalone executable runs first: makes what is in `bundle` importable, and starts the program.

Compiled by `build.py`, run by `launcher.c`. The bundle is this code, then all modules and files one after the other, then a map
of what is where, then eight bytes that say where the map begins. Imports only what is compiled into the interpreter.
"""

import _imp
import marshal
import posix
import sys

# Of `sys.modules`, not of the bundle: the interpreter began with them.
from _frozen_importlib import BuiltinImporter, ModuleSpec
from _frozen_importlib_external import ExtensionFileLoader

PACKAGE, MODULE, EXTENSION = range(3)
PLACE = "<bundle>/"  # where files seem to be


class Bundle:
    """Finds and loads modules, and gives the files that belong to them."""

    def __init__(self, content):
        self._content = content
        self._modules, self._files = marshal.loads(content[int.from_bytes(content[-8:], "little") :])
        self._extensions = 0

    def find_spec(self, name, path=None, target=None):
        found = self._modules.get(name)
        if found is None:
            # The kernels: who finds what is compiled in does not look for it in packages.
            return ModuleSpec(name, BuiltinImporter) if path and name in sys.builtin_module_names else None
        kind, start, stop = found
        if kind == EXTENSION:
            return self._find_extension(name, start, stop)
        spec = ModuleSpec(name, self)
        if kind == PACKAGE:
            spec.submodule_search_locations = [PLACE + name.replace(".", "/")]
        return spec

    def _find_extension(self, name, start, stop):
        """The system loads libraries from files only; this one lies in memory and goes when it is loaded."""
        try:
            fd = posix.memfd_create(name)
        except OSError:
            return None  # as if it were not there; what is in the bundle can do without
        posix.write(fd, self._content[start:stop])
        # Never the same name twice: the system would take it for the library that it loaded under that name before.
        self._extensions += 1
        place = f"/proc/self/{'./' * self._extensions}fd/{fd}"
        return ModuleSpec(name, FromMemory(name, place, fd), origin=place)

    def create_module(self, spec):
        return None  # the usual one

    def exec_module(self, module):
        code = self.get_code(module.__name__)
        module.__file__ = code.co_filename
        exec(code, module.__dict__)

    def get_code(self, name):
        _, start, stop = self._modules[name]
        return marshal.loads(self._content[start:stop])

    def is_package(self, name):
        return self._modules[name][0] == PACKAGE

    def get_source(self, name):
        return None

    def get_data(self, path):
        """The content of a file that came with a package."""
        try:
            start, stop = self._files[path.removeprefix(PLACE)]
        except KeyError:
            raise FileNotFoundError(2, "no such file in the bundle", path) from None
        return bytes(self._content[start:stop])


class FromMemory(ExtensionFileLoader):
    def __init__(self, name, path, fd):
        super().__init__(name, path)
        self._fd = fd

    def create_module(self, spec):
        try:
            return _imp.create_dynamic(spec)
        finally:
            posix.close(self._fd)


# Instead of what looks through directories; behind it, what is compiled in is found as ever.
sys.meta_path[-1] = Bundle(bundle)  # noqa: F821 (launcher.c puts it there)

from vinculum.cli.main import run  # noqa: E402 (comes out of the bundle)

run()
