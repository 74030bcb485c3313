"""Reads the times of the components from TFX's log."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

_LINE = re.compile(
    # The format of contract/logs.py.
    r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) "
    r".*Component (?P<node>\S+) is (?P<what>running|finished)\.$"
)


@dataclass(frozen=True, slots=True)
class Span:
    """Start and end of a component, in seconds since 1970."""

    node: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Duration of the component."""
        return self.end - self.start


def spans(lines: Iterable[str]) -> list[Span]:
    """Returns the components that ended, in the order of their ends.

    Args:
        lines: A log of LocalDagRunner, in local time.
    """
    started: dict[str, float] = {}
    found = []
    for line in lines:
        match = _LINE.match(line.rstrip())
        if match is None:
            continue
        time = datetime.strptime(match["time"], "%Y-%m-%d %H:%M:%S,%f").timestamp()
        node = match["node"]
        if match["what"] == "running":
            started[node] = time
        elif node in started:
            found.append(Span(node, started.pop(node), time))
    return found
