"""How a command ends: exit codes in Borg's legacy and modern (`BORG_EXIT_CODES=modern`) numbering.

0 is success, 1 (modern: also 100 to 127) a warning, 2 (modern: also 3 to 99) an error, 128 + n the end by signal n.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vinculum.errors import Error

SUCCESS = 0
WARNING = 1
ERROR = 2
SIGNAL_BASE = 128


def is_modern(environment: Mapping[str, str]) -> bool:
    """Whether the user wants a code for each kind of trouble."""
    return environment.get("BORG_EXIT_CODES", "legacy") == "modern"


def of_error(error: Error, *, modern: bool) -> int:
    """The code of a command that failed so."""
    return error.modern_code if modern else ERROR


def of_warnings(codes: Iterable[int], *, modern: bool) -> int:
    """The code after warnings with these modern codes: their own if they agree, else the general one."""
    distinct = set(codes)
    if not distinct:
        return SUCCESS
    return distinct.pop() if modern and len(distinct) == 1 else WARNING


def describe(code: int) -> tuple[str, str]:
    """Log level and text of `--show-rc`; programs match on them."""
    if code == SUCCESS:
        return "info", f"terminating with success status, rc {code}"
    if code == WARNING or 100 <= code <= 127:
        return "warning", f"terminating with warning status, rc {code}"
    if ERROR <= code < 100:
        return "error", f"terminating with error status, rc {code}"
    if code > SIGNAL_BASE:
        return "error", f"terminating with signal status, rc {code}"
    return "error", f"terminating with abnormal status, rc {code}"
