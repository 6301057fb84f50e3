"""`borg help`: long texts about commands and topics."""

from __future__ import annotations

import sys

from vinculum.cli import registry
from vinculum.cli.parser import build_parser, load_command, print_program_help, shown_help

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Explain a command or a topic."
OPERANDS = "[TOPIC]"


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--epilog-only", action="store_true", help="only the long text")
    parser.add_argument("--usage-only", action="store_true", help="only the usage line and the options")
    parser.add_argument("topic", metavar="TOPIC", nargs="*", help="a command or topic; without it, all of them are listed")
    parser.set_defaults(fail=parser.error)


def run(args: argparse.Namespace, session: Session) -> None:  # noqa: ARG001 (every command gets one)
    topic = " ".join(args.topic)
    if not topic:
        print_program_help(args.program, sys.stdout)
    elif topic in registry.TOPICS:
        sys.stdout.write(shown_help(topic))
    elif topic in registry.GROUPS:
        print_program_help(args.program, sys.stdout, group=topic)
    elif topic in registry.COMMANDS:
        if args.epilog_only:
            sys.stdout.write(shown_help(topic))
            return
        parser = build_parser(args.program, topic, load_command(topic))
        sys.stdout.write(parser.format_options() if args.usage_only else parser.format_help())
    else:
        commands, topics = ", ".join(sorted(registry.COMMANDS)), ", ".join(sorted(registry.TOPICS))
        args.fail(f"No help available on {topic}.\nCommands: {commands}\nTopics: {topics}")
