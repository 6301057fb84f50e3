"""What a command line accepts, found by asking its parser: commands, options, values, defaults, exclusions, abbreviations.

Runs in Borg's own interpreter as well as in ours, hence nothing but the standard library is imported above `main`. A type is
described by what it does and not by its name: which of `PROBES` it takes, and which numbers it makes of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

PROBES: list[str] = [
    "", "0", "1", "-1", "7", "1.5", "077", "0888", "x", "all", "name", "timestamp", "archive,name", "name,name", "timestamp,id",
    "1H", "2d", "3w", "4m", "5y", "0d", "6", "1h", "100M", "1.5G", "10K", "1T", "G",
    "none", "lz4", "zstd", "zstd,3", "zstd,22", "zstd,23", "zstd,0", "zlib,9", "zlib,10", "lzma,6", "lzma,10",
    "auto,lzma,1", "auto,auto",
    "obfuscate,1,lz4", "obfuscate,110,none", "obfuscate,0,lz4", "brotli",
    "default", "buzhash,19,23,21,4095", "19,23,21,4095", "fixed,4096", "fixed,4096,100", "fixed,63",
    "buzhash,23,19,21,4095", "rabin,1",
    "ctime,size,inode", "mtime,size", "disabled", "rechunk,ctime", "ctime,mtime", "size", "inode", "mtime", "ctime", "auto",
    "repokey", "keyfile-blake2", "authenticated", "plain", "2020-01-02T03:04:05", "2020-01-02", "yesterday", "content",
    "{hostname}", "{nothing}", "{", "{{x}}",
]  # fmt: skip


def describe(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Options by their flags, operands in their order, and which options exclude each other."""
    options = {}
    operands = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) or (action.nargs == argparse.REMAINDER and action.dest == "command"):
            continue
        if action.option_strings:
            options[" ".join(sorted(action.option_strings))] = _describe_option(action)
        else:
            operands.append(action.nargs)
    exclusive = [
        sorted(" ".join(sorted(a.option_strings)) for a in g._group_actions) for g in parser._mutually_exclusive_groups
    ]
    return {"options": options, "operands": operands, "exclusive": sorted(group for group in exclusive if len(group) > 1)}


def _describe_option(action: argparse.Action) -> dict[str, Any]:
    described: dict[str, Any] = {"values": 0 if action.nargs == 0 else (action.nargs or 1), "required": action.required}
    default = None if action.default in ([], (), "") else action.default  # nothing given
    if isinstance(default, tuple) and all(isinstance(part, str) for part in default):
        default = ",".join(default)
    if default is None or (isinstance(default, (str, int)) and default != argparse.SUPPRESS):
        described["default"] = default
    if action.choices is not None:
        described["choices"] = sorted(map(str, action.choices))
    if action.nargs == 0:
        described["stores"] = action.const
    else:
        described["takes"] = _taken(action)
        if _is_refused_twice(action):
            described["once"] = True
    return described


def _is_refused_twice(action: argparse.Action) -> bool:
    """Whether the option must not be repeated."""
    if action.default == argparse.SUPPRESS:  # what shows something and exits
        return False
    parser, namespace = argparse.ArgumentParser(), argparse.Namespace(**{action.dest: None})
    try:
        for _ in range(2):
            action(parser, namespace, "x", action.option_strings[0])
    except argparse.ArgumentError as error:
        return "only one" in str(error)
    except Exception:  # one that wants values of its own
        return False
    return False


def _taken(action: argparse.Action) -> dict[str, Any] | str:
    if action.choices is not None:
        return "choices"
    if action.type is None or action.type is str:
        return "anything"
    convert: Any = action.type
    taken = {}
    for probe in PROBES:
        try:
            value = convert(probe)
        except Exception:  # argparse shows some kinds as wrong use, and Borg ends with others: either way it is not taken
            continue
        taken[probe] = value if isinstance(value, int) else None
    return "anything" if len(taken) == len(PROBES) else taken


def describe_borg() -> dict[str, Any]:
    """All commands of the Borg that this interpreter can import, under "" what every command takes."""
    from borg.archiver import Archiver  # type: ignore[import-not-found]

    described: dict[str, Any] = {}

    def walk(parser: argparse.ArgumentParser, name: str) -> None:
        children = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if not name or not children:
            described[name] = describe(parser)
        for action in children:
            for word, child in action.choices.items():
                walk(child, f"{name} {word}".lstrip())

    walk(Archiver(prog="borg").build_parser(), "")
    for name, command in described.items():
        if name:  # these stand for "as in front of the command" there
            common = described[""]["options"]
            command["options"] = {flags: option for flags, option in command["options"].items() if flags not in common}
    return described


if __name__ == "__main__":
    json.dump(describe_borg(), sys.stdout, indent=1, sort_keys=True)
    print()
