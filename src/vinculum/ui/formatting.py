"""Sizes, durations and times as Borg's users read them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

_DECIMAL_UNITS = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_BINARY_UNITS = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")


def format_size(size_bytes: float, *, iec: bool = False, precision: int = 2, sign: bool = False) -> str:
    """ "1.23 kB", or "1.20 KiB" with `iec`; whole bytes below the first unit; `sign` puts a plus before positive values."""
    power, units = (1024, _BINARY_UNITS) if iec else (1000, _DECIMAL_UNITS)
    plus = "+" if sign and size_bytes > 0 else ""
    value = size_bytes
    for unit in units:
        # The rounded value decides, so that 999999 reads "1.00 MB" and not "1000.00 kB".
        if abs(round(value, precision)) < power or unit == units[-1]:
            break
        value /= power
    return f"{plus}{value:.{precision if unit else 0}f} {unit}B"


def format_duration(seconds: float) -> str:
    """ "1 hours 2 minutes 3.45 seconds", as Borg words it; parts that are zero are left out but for the seconds."""
    whole = int(seconds)
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, _ = divmod(rest, 60)
    parts = [f"{count} {unit}" for count, unit in ((days, "days"), (hours, "hours"), (minutes, "minutes")) if count]
    return " ".join([*parts, f"{seconds % 60:.2f} seconds"])


def format_moment(moment: datetime, spec: str = "") -> str:
    """A time in the local zone: "Mon, 2026-11-23 04:05:06", or as the strftime format `spec` says; %z and %Z are empty."""
    return moment.astimezone().replace(tzinfo=None).strftime(spec or "%a, %Y-%m-%d %H:%M:%S")


def format_moment_iso(moment: datetime) -> str:
    """An archive's time for JSON: local, without zone; Borg writes microseconds, but always zero."""
    return moment.astimezone().replace(tzinfo=None, microsecond=0).isoformat(timespec="microseconds")
