"""Reads the times of a recurring run: cron expressions and intervals."""

import re

from contract.errors import BadInputError

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def cron(text: str) -> str:
    """Returns a cron expression with the six fields that KFP needs.

    KFP's first field is the second. In an ordinary expression of five fields, KFP would
    silently read the minute as the second, the hour as the minute and so on. So such an
    expression gets a second of 0. KFP's API server parses the fields and refuses wrong
    ones (kubeflow/pipelines: backend/src/apiserver/server/api_converter.go).

    Raises:
        BadInputError: The text has another number of fields.
    """
    if text.startswith("@"):  # @daily and the like
        return text
    fields = text.split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise BadInputError(
            f"--cron: expected five fields (minute hour day month weekday), or six "
            f"with the second first, found {len(fields)} in {text!r}"
        )
    return " ".join(fields)


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
