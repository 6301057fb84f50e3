"""From argument strings to a command and its options.

Options before the command word belong to every command, so they are parsed first; then the parser of the one command that was
called is built, with their values as its defaults.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import os
import sys

from vinculum.cli import common_options, locations, registry
from vinculum.cli.program import COMMANDS_OF_PROGRAMS, version_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any, NoReturn, Protocol

    from vinculum.cli.session import Session

    class Command(Protocol):
        """What a module in `cli.commands` has to offer."""

        SUMMARY: str
        OPERANDS: str

        def add_arguments(self, parser: CommandParser) -> None: ...
        def run(self, args: argparse.Namespace, session: Session) -> int | None:
            """Does the work; an exit code of its own, or None if warnings decide.

            A module may also have `before_work(args)`, called before there are threads or anything is open: an exit code if
            this process has nothing more to do.
            """


_VERSION = "--version"
HELP_DIRECTORY = os.path.join(os.path.dirname(__file__), "help")


def read_help(name: str) -> str:
    """The long text about a command or topic."""
    # From whoever loaded this module: in the standalone executable there is no such directory.
    text: bytes = __spec__.loader.get_data(os.path.join(HELP_DIRECTORY, f"{name.replace(' ', '-')}.txt"))  # type: ignore[union-attr]
    return text.decode()


def shown_help(name: str) -> str:
    """The long text in lines as long as the terminal's."""
    from vinculum.cli import help_layout  # only now

    return help_layout.fit(read_help(name), _terminal_columns() - 2)


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Argparse makes one of these for every option that is added: it must not load `shutil` to find the terminal's width."""

    def __init__(self, prog: str, **settings: int) -> None:
        super().__init__(prog, width=_terminal_columns() - 2, **settings)


@functools.cache
def _terminal_columns() -> int:
    text = os.environ.get("COLUMNS", "")
    try:
        return int(text) if text.isdecimal() else os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


class _ClearParser(argparse.ArgumentParser):
    """An argparse parser that says what was wrong, in one line where the usage would not help.

    `_name` is that of the command or group whose options it takes; empty for what stands in front of any command.
    """

    _name = ""

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        # What abbreviates an option of Borg's must go on doing so, hence options of ours have to be written out.
        candidates: list[Any] = super()._get_option_tuples(option_string)
        own = common_options.own_options(self._name)
        return [candidate for candidate in candidates if candidate[1] not in own]

    def parse_all(self, arguments: list[str]) -> argparse.Namespace:
        """What `parse_args` returns; who gave an option that does not exist is told which one may have been meant."""
        args, unknown = self.parse_known_args(arguments)
        if unknown:
            self._refuse_all(unknown)
        return args

    def _refuse_all(self, unknown: list[str]) -> NoReturn:
        if not unknown[0].startswith("-"):
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        from vinculum.cli import suggestions  # only now

        question = suggestions.option(unknown[0], self._option_string_actions) or f" {self.prog} --help lists all."
        self.exit(2, f"{self.prog}: error: unknown option {unknown[0]}.{question}\n")

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.format_usage()}{self.prog}: error: {message}\n")


class CommandParser(_ClearParser):
    """An argparse parser with Borg's habits: abbreviated options, errors in two lines, help from a text file."""

    def __init__(self, program: str, name: str, operands: str, summary: str) -> None:
        super().__init__(
            prog=(prog := program if program in COMMANDS_OF_PROGRAMS else f"{program} {name}"),
            usage=f"{prog} [options] {operands}".rstrip(),
            description=summary,
            formatter_class=_HelpFormatter,
            add_help=False,
        )
        self._name = name
        self._locations: list[tuple[str, str, locations.LocationRule]] = []

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        candidates = super()._get_option_tuples(option_string)
        # Borg looks at all words before it looks for the command, and does not let `--ver` mean --verbose anywhere.
        word = option_string.partition("=")[0]
        if candidates and word.startswith("--") and _VERSION.startswith(word):
            self.error(f"ambiguous option: {word} could match {_VERSION}, {', '.join(found[1] for found in candidates)}")
        return candidates

    def add_location(self, rule: locations.LocationRule, help_text: str) -> None:
        """The operand that says which repository (and archive); it becomes `args.location`, a `Location`."""
        action = self.add_argument(
            "location", metavar=rule.metavar, nargs=None if rule.required else "?", default="", help=help_text
        )
        self._locations.append((action.dest, rule.metavar, rule))

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """The options with locations parsed; ends the program on wrong use, as argparse does."""
        args = self.parse_all(arguments)
        for dest, metavar, rule in self._locations:
            try:
                location = locations.parse_location(getattr(args, dest), rule, getattr(args, "timestamp", None))
            except argparse.ArgumentTypeError as error:
                self.error(f"argument {metavar}: {error}{self._advice(getattr(args, dest), rule)}")
            setattr(args, dest, location)
        args.complain = self.error  # for what only the command can find wrong
        return args

    def error(self, message: str) -> NoReturn:
        if sys.stderr.isatty():
            from vinculum.cli import mistyped  # only now

            message = "\n".join(filter(None, (message, mistyped.usage(message))))
        super().error(message)

    @staticmethod
    def _advice(location: str, rule: locations.LocationRule) -> str:
        """Below the message, for somebody at a terminal."""
        if not sys.stderr.isatty():
            return ""
        from vinculum.cli import mistyped  # only now

        return "".join(f"\n{line}" for line in mistyped.location(location, rule).splitlines())

    def format_options(self) -> str:
        """The help without the long text."""
        return super().format_help()

    def format_help(self) -> str:
        return f"{self.format_options()}\n{shown_help(self._name)}"


class _ShowCompletion(argparse.Action):
    """Prints what a shell needs to complete command lines."""

    def __call__(self, parser: argparse.ArgumentParser, _namespace: object, shell: object, _option: object = None) -> None:
        from vinculum.cli import completions  # only now

        sys.stdout.write(completions.script(str(shell), parser.prog, _actions_of))
        parser.exit()


class _ChoiceParser(_ClearParser):
    """The parser for what stands before a command word: the program's own, or that of a group of commands."""

    def __init__(self, program: str, group: str = "") -> None:
        prog = f"{program} {group}".rstrip()
        description = "Deduplicating backups: Borg's repositories and commands, on all cores."
        if group:
            description = f"{registry.GROUPS[group].capitalize()}."
        super().__init__(
            prog=prog,
            usage=f"{prog} [common options] <command> ...",
            description=description,
            formatter_class=_HelpFormatter,
            add_help=False,
        )
        self._prefix = f"{group} ".lstrip()
        if not group:
            self.add_argument("-V", _VERSION, action="version", version=version_line(program), help="show the version and exit")
            self.add_argument(
                "--completion",
                action=_ShowCompletion,
                choices=("bash", "fish", "zsh"),
                default=argparse.SUPPRESS,
                help="show what makes that shell complete command lines, and exit",
            )
        common_options.add_to(self)
        self.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)

    def format_help(self) -> str:
        listed = {name: summary for name, (_, summary) in registry.COMMANDS.items() if name.startswith(self._prefix)}
        if not self._prefix:
            listed = {name: summary for name, summary in listed.items() if name.split()[0] not in registry.GROUPS}
            listed = dict(sorted({**listed, **registry.GROUPS}.items()))
        text = f"{super().format_help()}\nCommands:\n{_rows(listed)}"
        if self._prefix:
            return text
        more = f"{self.prog} <command> --help and {self.prog} help <topic> say more about one of them."
        return f"{text}\nTopics:\n{_rows(registry.TOPICS)}\n{more}\n"

    def refuse(self, word: str) -> NoReturn:
        """Ends the program because `word` is no command."""
        names = [name.removeprefix(self._prefix) for name in registry.COMMANDS if name.startswith(self._prefix)]
        known = {name.split()[0] for name in names}
        from vinculum.cli import suggestions  # only now

        question = suggestions.command(word, known) or f" There are {', '.join(sorted(known))}."
        self.exit(2, f"{self.prog}: error: there is no command {word!r}.{question}\n")


def _rows(listed: dict[str, str]) -> str:
    width = max(13, *map(len, listed))
    return "".join(f"  {name:<{width}} {summary}\n" for name, summary in listed.items())


def load_command(name: str) -> Command:
    """The module of a command that exists."""
    module: Command = importlib.import_module(registry.COMMANDS[name][0])
    return module


def build_parser(program: str, name: str, command: Command) -> CommandParser:
    """The parser of one command."""
    parser = CommandParser(program, name, command.OPERANDS, command.SUMMARY)
    command.add_arguments(parser)
    common_options.add_to(parser)  # last, and so in the help: they are the same everywhere
    return parser


def _actions_of(name: str) -> list[argparse.Action]:
    """The options that a command takes, or that a group takes before its commands; all before any command if it is empty."""
    if name in registry.COMMANDS:
        return build_parser("borg", name, load_command(name))._actions
    return _ChoiceParser("borg", name)._actions


def print_program_help(program: str, file: IO[str] | None = None, *, group: str = "") -> None:
    """Which commands there are, or only those of a group."""
    _ChoiceParser(program, group).print_help(file)


def parse_command_line(program: str, arguments: list[str]) -> tuple[Command, argparse.Namespace]:
    """The command that is called for, and its options.

    SystemExit if the arguments are wrong (2) or ask for help (0), after the text has been printed.
    """
    return parse_options(program, *find_command(program, arguments))


def find_command(program: str, arguments: list[str]) -> tuple[str, list[str], dict[str, object]]:
    """The name of the command that is called for, the arguments behind it, and the options in front of it."""
    before: dict[str, object] = {}
    if program in COMMANDS_OF_PROGRAMS:
        return COMMANDS_OF_PROGRAMS[program], arguments or ["--help"], before
    group = ""
    while True:
        word, arguments = _take_word(program, group, arguments, before)
        name = f"{group} {word}".lstrip()
        if name not in registry.GROUPS:
            break
        group = name
    if name not in registry.COMMANDS:
        _ChoiceParser(program, group).refuse(word)
    return name, arguments, before


def parse_options(
    program: str, name: str, arguments: list[str], before: dict[str, object]
) -> tuple[Command, argparse.Namespace]:
    """A command and its options, `before` being those that stood in front of its name."""
    command = load_command(name)
    parser = build_parser(program, name, command)
    parser.set_defaults(**before)
    args = parser.parse(arguments)
    args.program = program
    return command, args


def _take_word(program: str, group: str, arguments: list[str], before: dict[str, object]) -> tuple[str, list[str]]:
    """The next command word and what follows it; values of options in front of it are added to `before`."""
    if not arguments or arguments[0].startswith("-"):
        parser = _ChoiceParser(program, group)
        parser.set_defaults(**before)
        before.update(vars(parser.parse_all(arguments)))
        rest = before.pop("command")
        assert isinstance(rest, list)
        if not rest:
            parser.print_help()
            parser.exit(0)
        arguments = rest
    return arguments[0], arguments[1:]
