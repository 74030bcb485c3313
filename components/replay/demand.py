"""Defines Replay's result, and reads it."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

from tfx.dsl.io import fileio

from contract.demands import Demand

REPORT_FILE = "replay.json"


@dataclass(frozen=True)
class Disagreement:
    """A picture for which both models answer different classes.

    Attributes:
        file: Path of the picture beside the report; empty if the request has no id,
            because then the picture could not be removed on request.
        champion: The champion's answer, a label.
        champion_probability: Probability of the champion's answer.
        candidate: The new model's answer, a label.
        candidate_probability: Probability of the new model's answer.
    """

    file: str
    champion: int
    champion_probability: float
    candidate: int
    candidate_probability: float


@dataclass(frozen=True)
class Replayed:
    """Result of a Replay.

    Attributes:
        demands: All demands; empty if nothing was compared.
        left_out: Why nothing was compared; mostly empty.
        champion: Version of the champion.
        requests: Number of logged requests that were read.
        pictures: Number of pictures in them.
        all_disagreements: Number of pictures with different answers.
        disagreements: Those of them with the highest probabilities.
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
        """Whether no demand refuses the model."""
        return not any(demand.refused for demand in self.demands)

    def to_json(self) -> str:
        """Returns the content of `REPORT_FILE`."""
        content = asdict(self)
        content["demands"] = [demand.as_dict() for demand in self.demands]
        return json.dumps(content, indent=2, ensure_ascii=False)


def read_replayed(folder: str) -> Replayed:
    """Reads the result of a Replay.

    Args:
        folder: Folder of the `blessing` artifact.
    """
    with fileio.open(os.path.join(folder, REPORT_FILE)) as stream:
        content: dict[str, Any] = json.load(stream)
    content["demands"] = tuple(map(Demand.from_dict, content["demands"]))
    content["disagreements"] = tuple(
        Disagreement(**one) for one in content["disagreements"]
    )
    return Replayed(**content)
