"""The INI dialect of repository and cache configs: what Python's ConfigParser without interpolation reads and writes.

Keys are case-insensitive and kept in lower case, values may continue on indented lines, comments are lost on writing. The bytes
written equal those of the real programs, since both rewrite each other's files. (ConfigParser itself takes long to import.)
"""

from __future__ import annotations

_COMMENTS = ("#", ";")


class IniSyntaxError(ValueError):
    """The text is not an INI file; says in which line."""


class Ini:
    """Sections of keys and values, in the order in which they were added."""

    __slots__ = ("sections",)

    def __init__(self) -> None:
        self.sections: dict[str, dict[str, str]] = {}

    @classmethod
    def parse(cls, text: str) -> Ini:
        """Reads a whole file. IniSyntaxError for anything that ConfigParser refuses."""
        ini = cls()
        section: dict[str, str] | None = None
        lines: list[str] | None = None  # of the value that may still go on
        key = ""
        indent = 0
        for number, raw in enumerate(text.split("\n"), start=1):
            line = raw.strip()
            if line.startswith(_COMMENTS):
                continue
            if not line:
                if lines is not None:
                    lines.append("")  # an empty line may be followed by more of the value
                continue
            depth = len(raw) - len(raw.lstrip())
            if lines is not None and depth > indent:
                lines.append(line)
                continue
            if section is not None and lines is not None:
                section[key] = _join(lines)
            lines, indent = None, depth
            if line.startswith("[") and "]" in line[2:]:
                section = ini._add_section(line[1 : line.rindex("]")], number)
                continue
            if section is None:
                raise IniSyntaxError(f"line {number} comes before any section")
            key, value = _split(line, number)
            if key in section:
                raise IniSyntaxError(f"line {number} repeats the key {key}")
            section[key] = value
            lines = [value]
        if section is not None and lines is not None:
            section[key] = _join(lines)
        return ini

    def format(self) -> str:
        """The text of the file."""
        out: list[str] = []
        for name, section in self.sections.items():
            out.append(f"[{name}]\n")
            for key, value in section.items():
                out.append(f"{key} = {value.replace(chr(10), chr(10) + chr(9))}\n")
            out.append("\n")
        return "".join(out)

    def section(self, name: str) -> dict[str, str]:
        """The section of that name, added if it is missing. Its keys must be in lower case."""
        return self.sections.setdefault(name, {})

    def _add_section(self, name: str, number: int) -> dict[str, str]:
        if name in self.sections:
            raise IniSyntaxError(f"line {number} repeats the section {name}")
        section: dict[str, str] = {}
        self.sections[name] = section
        return section


def parse_bool(text: str) -> bool:
    """A truth value as configs spell it. ValueError if it is none."""
    word = text.strip().lower()
    if word in ("1", "yes", "true", "on"):
        return True
    if word in ("0", "no", "false", "off"):
        return False
    raise ValueError(f"{text!r} is not a boolean")


def _join(lines: list[str]) -> str:
    return "\n".join(lines).rstrip()


def _split(line: str, number: int) -> tuple[str, str]:
    cuts = [at for at in (line.find("="), line.find(":")) if at >= 0]
    if not cuts:
        raise IniSyntaxError(f"line {number} is neither a section nor a key with a value")
    at = min(cuts)
    key = line[:at].rstrip().lower()
    if not key:
        raise IniSyntaxError(f"line {number} has no key")
    return key, line[at + 1 :].strip()
