"""Plays the week in production in small, in one process: `DAYS` says what came of it.

    python -m tests.docs.small_week FOLDER

The watchers, their runs, and the servers are processes. The other commands run in this
one, which imports TensorFlow only once and has nothing of what other tests have left.
"""

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contract import notifying, stopping
from docs.week_in_production import MODEL, PLAYED, Week, results
from docs.week_stage import Receiver
from runner import cli as runner
from version_store import cli as version_store
from version_store import versions

DAYS = "days.json"
"""File in the folder: the fields of each `Day`, by its name."""

PROGRAMS: dict[str, Callable[[], Any]] = {
    "local_runner.py": runner.main,
    "version_store": version_store.main,
}


class WeekHere(Week):
    """The week, with the commands in the process that plays it."""

    def execute(self, words: Sequence[str], address: str) -> int:
        program, *arguments = words[1:] if words[0] == "-m" else words
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(notifying.ADDRESSES, address)
            patch.setattr("sys.argv", [program, *arguments])
            # The process to be ended is the one that plays the week.
            patch.setattr(stopping._Process, "grace", 300.0)
            with pytest.raises(SystemExit) as ended:
                PROGRAMS[program]()
        assert isinstance(ended.value.code, int)
        return ended.value.code


@dataclass(frozen=True)
class Day:
    """What a day has added.

    Attributes:
        runs: `result.json` of each run.
        looks: `result.json` of each look at the traffic.
        told: Titles of the messages that the receiver got.
        pushed: The versions.
    """

    runs: list[dict[str, Any]]
    looks: list[dict[str, Any]]
    told: list[str]
    pushed: list[int]

    def since(self, before: "Day") -> "Day":
        return Day(
            self.runs[len(before.runs) :],
            self.looks[len(before.looks) :],
            self.told[len(before.told) :],
            [one for one in self.pushed if one not in before.pushed],
        )


def play(root: Path) -> None:
    """Plays the week with a fifth of the pictures, and a sixth of the requests."""
    receiver, days, before = Receiver(), {}, Day([], [], [], [])
    with receiver.listening() as address:
        week = WeekHere(root, address, 1, 200)
        for day in PLAYED:
            day(week)
            so_far = Day(
                results(week.output),
                results(week.output / "monitoring"),
                [message["title"] for message in receiver.told],
                versions.list_versions(str(week.models / MODEL)),
            )
            days[day.__name__] = dataclasses.asdict(so_far.since(before))
            before = so_far
    (root / DAYS).write_text(json.dumps(days))


if __name__ == "__main__":
    play(Path(sys.argv[1]))
