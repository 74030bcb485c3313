"""Seconds per component, read from what TFX logs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

_LINE = re.compile(
    # Ours (runner/logs.py), or absl's: "I1122 13:50:03.123456 1396 file.py:97]".
    r"^(?:(?P<ours>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) "
    r"|[A-Z](?P<absl>\d{4} \d\d:\d\d:\d\d\.\d{6}) )"
    r".*Component (?P<node>\S+) is (?P<what>running|finished)\.$"
)


@dataclass(frozen=True, slots=True)
class Span:
    """When a component ran.

    Attributes:
      node: Its id.
      start: Seconds since 1970.
      end: The same.
    """

    node: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self.end - self.start


def spans(lines: Iterable[str], year: int) -> list[Span]:
    """Returns the components that ended, in the order in which they did.

    Args:
      lines: A log of LocalDagRunner, in local time.
      year: Of the log; absl does not write it.
    """
    started: dict[str, float] = {}
    found = []
    for line in lines:
        match = _LINE.match(line.rstrip())
        if match is None:
            continue
        time = _time(match, year).timestamp()
        node = match["node"]
        if match["what"] == "running":
            started[node] = time
        elif node in started:
            found.append(Span(node, started.pop(node), time))
    return found


def _time(match: re.Match[str], year: int) -> datetime:
    if match["ours"]:
        seconds, _, millis = match["ours"].partition(",")
        return datetime.strptime(seconds, "%Y-%m-%d %H:%M:%S") + timedelta(
            milliseconds=int(millis)
        )
    return datetime.strptime(f"{year}{match['absl']}", "%Y%m%d %H:%M:%S.%f")
