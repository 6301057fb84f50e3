"""`borg debug dump-repo-objs`: write every object of a repository to a file."""

from __future__ import annotations

from vinculum.cli import locations, option_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from vinculum.cli.parser import CommandParser
    from vinculum.cli.session import Session
    from vinculum.operations.object_survey import Ghost

SUMMARY = "Write every object of a repository to a file of its own, decrypted."
OPERANDS = "REPOSITORY"


def add_arguments(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--ghost", action="store_true", help="everything in the segment files, even if deleted, replaced or never committed")
    add("--segment", metavar="SEG", type=option_types.positive_int, help="with --ghost: only this segment file")
    add("--offset", metavar="OFFS", type=option_types.positive_int, help="with --ghost: only what is at this offset")
    parser.add_location(locations.REQUIRED_REPOSITORY, "the repository to look into")


def run(args: argparse.Namespace, session: Session) -> None:
    from vinculum.cli.writing import write_objects
    from vinculum.operations.object_survey import any_object, read_all_objects, read_ghosts

    if args.ghost:
        with session.open_local_repository(may_bypass=False) as local:
            ghosts = read_ghosts(local, lambda stored: session.open_key(local, stored), args.segment, args.offset)
            write_objects((_ghost_name(number, ghost), ghost.content) for number, ghost in enumerate(ghosts))
        return
    with session.open_repository(may_bypass=False) as store:
        objects = read_all_objects(store, session.open_key(store, any_object(store)))
        write_objects((f"{number:08d}_{id.hex()}.obj", content) for number, (id, content) in enumerate(objects))


def _ghost_name(number: int, ghost: Ghost) -> str:
    name = f"{number:08d}_{ghost.segment}_{ghost.offset}_{ghost.tag}"
    return f"{name}_{ghost.id.hex()}.obj" if ghost.id else f"{name}.obj"
