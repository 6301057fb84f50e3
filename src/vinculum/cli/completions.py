"""What shells need to complete command lines: scripts for bash, zsh and fish, made from the parsers that will read them."""

from __future__ import annotations

import shlex

from vinculum.cli import registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    Actions = Callable[[str], list[argparse.Action]]
    """The options that may follow a command or group; with an empty name, those before any command."""

_BASH = """\
# Completion of {programs} in bash: `source <({program} --completion bash)`
_vinculum_borg() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command=
    local part options= values= wants_word= IFS=$' \\n'
    [ "$word" = = ] && word=
    [ "$before" = = ] && before=${{COMP_WORDS[COMP_CWORD-2]}}
    for part in "${{COMP_WORDS[@]:1:$((COMP_CWORD - 1))}}"; do
        case "$command $part" in
{finding}
        esac
    done
    case "$command" in
{options}
    esac
    case "$command:$before" in
{values}
    esac
    if [ -n "$values" ]; then
        COMPREPLY=($(compgen -W "$values" -- "$word"))
    elif [ -n "$wants_word" ] || [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    else
        IFS=$'\\n'
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}}
complete -o filenames -F _vinculum_borg {programs}
"""
_ZSH = """\
#compdef {programs}
# Completion of {programs} in zsh, by way of bash's: `source <({program} --completion zsh)`,
# or as the file _{program} in a directory of $fpath.
autoload -U +X compinit bashcompinit
(( $+functions[compdef] )) || compinit
bashcompinit
{bash}
[ "$funcstack[1]" != _{program} ] || _bash_complete -o filenames -F _vinculum_borg "$@"
"""


def script(shell: str, program: str, actions: Actions) -> str:
    """The completion script for one of `SHELLS`: for both names of the program, or for its own alone if it was called by that.

    So it leaves `borg` to a real Borg where it stands beside one.
    """
    programs = [program] if program == "vinculum" else ["borg", "vinculum"]
    return SHELLS[shell](programs, actions)


def _names() -> list[str]:
    return sorted({*registry.COMMANDS, *registry.GROUPS})


def _following(name: str) -> list[str]:
    """The words that may follow a group, or begin a command line."""
    prefix = f"{name} ".lstrip()
    return sorted(
        {other.removeprefix(prefix).split(" ")[0] for other in _names() if other.startswith(prefix) and other != name}
    )


def _bash(programs: list[str], actions: Actions) -> str:
    finding = [
        f"            {shlex.quote(name if ' ' in name else f' {name}')}) command={shlex.quote(name)} ;;" for name in _names()
    ]
    options, values = [], []
    for name in ["", *_names()]:
        flags = [flag for action in actions(name) for flag in action.option_strings]
        words = flags if name in registry.COMMANDS else [*_following(name), *flags]
        wants_word = "" if name in registry.COMMANDS else "wants_word=yes "
        options.append(f"        {shlex.quote(name)}) {wants_word}options={shlex.quote(' '.join(words))} ;;")
        values += [
            f"        {'|'.join(shlex.quote(f'{name}:{flag}') for flag in action.option_strings)}) "
            f"values={shlex.quote(' '.join(map(str, action.choices or ())))} ;;"
            for action in actions(name)
            if action.option_strings and action.choices
        ]
    texts = {"finding": finding, "options": options, "values": values}
    return _BASH.format(
        program=programs[0], programs=" ".join(programs), **{key: "\n".join(lines) for key, lines in texts.items()}
    )


def _zsh(programs: list[str], actions: Actions) -> str:
    return _ZSH.format(program=programs[0], programs=" ".join(programs), bash=_bash(programs, actions))


def _fish(programs: list[str], actions: Actions) -> str:
    return "".join(f"{line}\n" for program in programs for line in _fish_lines(program, actions))


def _fish_lines(program: str, actions: Actions) -> Iterator[str]:
    yield f"# Completion of {program} in fish: `{program} --completion fish | source`"
    for name in _names():
        group, _, last = name.rpartition(" ")
        summary = registry.GROUPS.get(name) or registry.COMMANDS[name][1]
        yield f"{_fish_start(program, group)} -a {last} -d {shlex.quote(summary)}"
    for name in ["", *_names()]:
        for action in actions(name):
            yield from _fish_option(_fish_start(program, name), action)


def _fish_start(program: str, name: str) -> str:
    """The beginning of a line about what may follow a command or group; with an empty name, of one about what comes first."""
    if not name:
        conditions = ["__fish_use_subcommand"]
    elif name in registry.COMMANDS:
        conditions = [f"__fish_seen_subcommand_from {word}" for word in name.split()]
        others = [group for group in registry.GROUPS if name in _following(group)]
        conditions += [f"not __fish_seen_subcommand_from {group}" for group in others]
    else:
        members = " ".join(_following(name))
        conditions = [f"__fish_seen_subcommand_from {name}", f"not __fish_seen_subcommand_from {members}"]
    return f"complete -c {program} -n {shlex.quote('; and '.join(conditions))}"


def _fish_option(start: str, action: argparse.Action) -> Iterator[str]:
    if not action.option_strings:
        return
    flags = [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in action.option_strings]
    taken = (
        "" if action.nargs == 0 else f" -x -a {shlex.quote(' '.join(map(str, action.choices)))}" if action.choices else " -r"
    )
    text = (action.help or "").split("(default")[0].strip()
    yield f"{start} {' '.join(flags)}{taken} -d {shlex.quote(text)}"


SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
