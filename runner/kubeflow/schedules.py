"""Reads the times of a recurring run: cron expressions, intervals and instants."""

import re
from datetime import UTC, datetime

from contract.errors import BadInputError

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun"]
_MONTHS += ["jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

# Each of the six fields of robfig/cron v1: its name, its lowest and highest value, and
# the names of values. KFP's API server and its controller use this library
# (kubeflow/pipelines: go.mod; backend/src/crd/pkg/apis/scheduledworkflow).
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("second", 0, 59, {}),
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: i + 1 for i, name in enumerate(_MONTHS)}),
    ("day of week", 0, 6, {name: i for i, name in enumerate(_DAYS)}),
)
_NAMED = [f"@{word}ly" for word in ("year", "annual", "month", "week", "hour")]
_NAMED += ["@daily", "@midnight"]

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def cron(text: str) -> str:
    """Returns a cron expression with the six fields that KFP needs.

    KFP's first field is the second. In an ordinary expression of five fields, KFP would
    silently read the minute as the second, the hour as the minute and so on. So such an
    expression gets a second of 0.

    Raises:
        BadInputError: The text is no cron expression.
    """
    if text in _NAMED:
        return text
    fields = text.split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise BadInputError(
            f"--cron: expected five fields (minute hour day month weekday), or six "
            f"with the second first, found {len(fields)} in {text!r}"
        )
    for value, (name, low, high, names) in zip(fields, _FIELDS, strict=True):
        for part in value.lower().split(","):
            if not _is_range(part, low, high, names):
                known = f", or {min(names)}..." if names else ""
                raise BadInputError(
                    f"--cron: {name}: expected * or values from {low} to {high}"
                    f"{known}, found {part!r} in {text!r}"
                )
    return " ".join(fields)


def _is_range(part: str, low: int, high: int, names: dict[str, int]) -> bool:
    """Tells whether a part of a field is `*`, `?`, `a` or `a-b`, perhaps `/step`."""
    found = re.fullmatch(r"([*?]|\w+)(?:-(\w+))?(?:/(\d+))?", part)
    if found is None:
        return False
    first, last, step = found.groups()
    if step is not None and int(step) < 1:
        return False
    if first in ("*", "?"):
        return last is None
    ends = [
        names.get(end, int(end) if end.isdecimal() else -1)
        for end in (first, last)
        if end is not None
    ]
    return all(low <= end <= high for end in ends) and ends == sorted(ends)


def seconds(text: str, option: str) -> int:
    """Returns a duration such as `3600`, `90m`, `1h` or `1d`, in seconds.

    Raises:
        BadInputError: The text is no duration, or the duration is zero.
    """
    found = re.fullmatch(r"(\d+)([smhd]?)", text.strip())
    duration = int(found[1]) * _UNITS[found[2]] if found else 0
    if not duration:
        raise BadInputError(
            f"{option}: expected seconds, or a number with s, m, h or d, as 1h, "
            f"found {text!r}"
        )
    return duration


def instant(text: str, option: str) -> str:
    """Returns a time as RFC 3339 in UTC; a text without a zone is in local time.

    Raises:
        BadInputError: The text is no time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInputError(
            f"{option}: expected a time as 2026-12-31T06:00, found {text!r}"
        ) from error
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
