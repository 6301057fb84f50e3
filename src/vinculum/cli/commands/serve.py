"""`borg serve`: let clients on other machines work with repositories here."""

from __future__ import annotations

from vinculum.cli import option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session

SUMMARY = "Let a client work with repositories here. Clients start this through ssh; you hardly ever will."
OPERANDS = ""


def add_arguments(parser: CommandParser) -> None:
    parser.set_defaults(is_server=True)
    add = parser.add_argument
    add(
        "--restrict-to-path",
        metavar="PATH",
        dest="paths",
        action="append",
        default=[],
        help="allow only repositories in or below the directory PATH; can be repeated",
    )
    add(
        "--restrict-to-repository",
        metavar="PATH",
        dest="repositories",
        action="append",
        default=[],
        help="allow only the repository PATH, which may still have to be made; can be repeated",
    )
    add("--append-only", action="store_true", help="never delete data in repositories, only mark them as deleted")
    add(
        "--storage-quota",
        metavar="QUOTA",
        type=option_types.storage_quota,
        help="how much a repository may hold, such as 5G or 1.5T, whatever its own quota is; new ones keep it as their own",
    )


def run(args: argparse.Namespace, session: Session) -> None:
    import sys

    from vinculum.cli.system_facts import system_facts
    from vinculum.remote.access import Doorkeeper, Restrictions
    from vinculum.remote.server import Policy, Server
    from vinculum.remote.serving import serve
    from vinculum.ui.server_log import ServerReporter

    session.require_locks()
    assert isinstance(session.sink, ServerReporter)
    policy = Policy(
        Doorkeeper(Restrictions(args.paths, args.repositories)),
        append_only=args.append_only,
        storage_quota=args.storage_quota,
    )
    server = Server(policy, session.sink, speak_json=session.sink.speak_json, facts=system_facts)
    serve(server, sys.stdin.fileno(), sys.stdout.fileno())
