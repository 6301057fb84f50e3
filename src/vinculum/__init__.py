"""vinculum: BorgBackup 1.x repositories, on all cores."""

__version__ = "0.1.0"
BORG_VERSION = "1.4.5"  # the Borg release whose interface this program provides

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum.api import open_repository as open_repository


def __getattr__(name: str) -> object:
    """`vinculum.open_repository`, loaded when it is first asked for: the command line starts without it."""
    if name != "open_repository":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vinculum.api import open_repository

    globals()[name] = open_repository
    return open_repository
