"""Placeholders such as `{hostname}` or `{now:%Y-%m-%d}` in archive names, locations and comments.

Only what occurs is computed: the fully qualified name may cost a DNS query.
"""

from __future__ import annotations

from datetime import UTC, datetime

from vinculum import BORG_VERSION
from vinculum.errors import InvalidPlaceholder, PlaceholderError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULT_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"


class _Moment:
    """A time that `{now}` and `{now:FORMAT}` can format."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def __format__(self, spec: str) -> str:
        # Undecodable bytes of the command line stay what they are; strftime alone would refuse them.
        spec = spec or DEFAULT_TIME_FORMAT
        return self._moment.strftime(spec.encode("unicode-escape").decode("ascii")).encode().decode("unicode-escape")


class Surroundings:
    """Where the placeholders' values come from; the cli fills in what the environment overrides."""

    def __init__(self, hostname: str | None = None, username: str | None = None, now: datetime | None = None) -> None:
        self._hostname = hostname
        self._username = username
        self._now = now

    def hostname(self) -> str:
        from vinculum.platform import identity

        return self._hostname or identity.hostname().split(".")[0]

    def fqdn(self) -> str:
        from vinculum.platform import identity

        return identity.fqdn()

    def username(self) -> str:
        from vinculum.platform import owners

        return self._username or owners.current_user()

    def now(self) -> datetime:
        return self._now or datetime.now(UTC)


def _values(surroundings: Surroundings) -> dict[str, Callable[[], object]]:
    import os

    def uuid4() -> str:
        import uuid

        return str(uuid.uuid4())

    def local_now() -> _Moment:
        return _Moment(surroundings.now().astimezone())

    def utc_now() -> _Moment:
        return _Moment(surroundings.now().astimezone(UTC))

    major, minor, patch = BORG_VERSION.split(".")
    return {
        "pid": os.getpid,
        "fqdn": surroundings.fqdn,
        "reverse-fqdn": lambda: ".".join(reversed(surroundings.fqdn().split("."))),
        "hostname": surroundings.hostname,
        "now": local_now,
        "utcnow": utc_now,
        "unixtime": lambda: int(surroundings.now().timestamp()),
        "user": surroundings.username,
        "uuid4": uuid4,
        "borgversion": lambda: BORG_VERSION,
        "borgmajor": lambda: major,
        "borgminor": lambda: f"{major}.{minor}",
        "borgpatch": lambda: f"{major}.{minor}.{patch}",
    }


def names() -> list[str]:
    """What there is to be filled in."""
    return list(_values(Surroundings()))


def replace_placeholders(text: str, surroundings: Surroundings, overrides: Mapping[str, str] | None = None) -> str:
    """`text` with every `{name}` and `{name:format}` filled in; `{{` and `}}` become braces.

    InvalidPlaceholder for a name that does not exist, PlaceholderError for a malformed text.
    """
    if "{" not in text and "}" not in text:
        return text
    from string import Formatter

    values = _values(surroundings)
    out = []
    try:
        for literal, name, spec, conversion in Formatter().parse(text):
            out.append(literal)
            if name is None:
                continue
            if overrides is not None and name in overrides:
                out.append(overrides[name])
            elif name not in values or conversion:
                raise InvalidPlaceholder(name + (f"!{conversion}" if conversion else ""), text)
            else:
                out.append(format(values[name](), spec or ""))
    except ValueError as error:
        raise PlaceholderError(text, str(error)) from None
    return "".join(out)
