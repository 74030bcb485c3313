"""Replay's verdict, read back."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

from tfx.dsl.io import fileio

from contract.demands import Demand

REPORT_FILE = "replay.json"


@dataclass(frozen=True)
class Disagreement:
    """A picture that both models answer with different classes.

    Attributes:
        file: Its picture, beside the report; empty where the request has no id, as then
            nobody could ask to have it removed.
        champion: The label that was answered.
        champion_probability: How sure the champion was.
        candidate: The label that the new model answers.
        candidate_probability: How sure that is.
    """

    file: str
    champion: int
    champion_probability: float
    candidate: int
    candidate_probability: float


@dataclass(frozen=True)
class Replayed:
    """What a Replay found.

    Attributes:
        demands: Every demand; none where it was left out.
        left_out: Why nothing was asked; mostly empty.
        champion: The version whose answers were taken.
        requests: How many logged requests were looked at.
        pictures: How many pictures they had.
        all_disagreements: How many pictures are answered otherwise.
        disagreements: The most confident of them.
    """

    demands: tuple[Demand, ...] = ()
    left_out: str = ""
    champion: str = ""
    requests: int = 0
    pictures: int = 0
    all_disagreements: int = 0
    disagreements: tuple[Disagreement, ...] = ()

    @property
    def blessed(self) -> bool:
        """Whether nothing speaks against the model."""
        return not any(demand.refused for demand in self.demands)

    def to_json(self) -> str:
        """Returns the content of `REPORT_FILE`."""
        content = asdict(self)
        content["demands"] = [demand.as_dict() for demand in self.demands]
        return json.dumps(content, indent=2, ensure_ascii=False)


def read_replayed(folder: str) -> Replayed:
    """Reads what a Replay found.

    Args:
        folder: Of the `blessing` artifact.
    """
    with fileio.open(os.path.join(folder, REPORT_FILE)) as stream:
        content: dict[str, Any] = json.load(stream)
    content["demands"] = tuple(map(Demand.from_dict, content["demands"]))
    content["disagreements"] = tuple(
        Disagreement(**one) for one in content["disagreements"]
    )
    return Replayed(**content)
