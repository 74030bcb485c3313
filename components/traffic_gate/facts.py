"""What is known of the traffic of a model; also as JSON."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from components.data_gate.checks import Finding
from contract.demands import Demand
from contract.estimation import Estimate
from contract.task import Task


@dataclass(frozen=True)
class Share:
    """How often a class was answered.

    Attributes:
        answered: Pictures that were answered with it.
        share: Of all pictures.
        trained: Its share in the training split.
        bound: So much the two may differ.
    """

    answered: int
    share: float
    trained: float
    bound: float


@dataclass(frozen=True)
class Truth:
    """How many answers were right, of those whose label came.

    Attributes:
        rows: Answers with a label, by class.
        right: Those that were right.
    """

    rows: tuple[int, ...]
    right: tuple[int, ...]

    @property
    def accuracy(self) -> float:
        """Share of the right ones."""
        return sum(self.right) / sum(self.rows)


@dataclass(frozen=True)
class Furthest:
    """A picture that is far from what the model was trained on.

    Attributes:
        request_id: Of the request; empty if it was lost.
        row: Of the picture in the request.
        answer: Label that was answered.
        confidence: Its probability.
        novelty: How far it is; None where the model cannot tell, and the answer's
            confidence says how odd it is.
        file: Path of the picture beside the page; empty where the request's id was
            lost, as then nobody could ask to have it removed.
    """

    request_id: str
    row: int
    answer: int
    confidence: float
    novelty: float | None
    file: str


@dataclass(frozen=True)
class VersionFacts:
    """What was asked of one version, and what it answered.

    Attributes:
        version: Its number, or `unknown`.
        logged: Requests to it in the log.
        read: Requests that were looked at.
        pictures: In those.
        first: When the first of them was answered, in seconds since 1970.
        last: When the last one was.
        gates: What it was held to.
        not_judged: What could not be judged and why, a line each.
        anomalies: What the schema has against the pictures.
        shares: By class; empty where the version's training is not known.
        estimate: Of the accuracy; None where the version does not say what its
            confidences are worth.
        truth: None without labels.
        furthest: Pictures, the furthest first.
    """

    version: str
    logged: int
    read: int
    pictures: int
    first: int
    last: int
    gates: tuple[Demand, ...] = ()
    not_judged: tuple[str, ...] = ()
    anomalies: tuple[Finding, ...] = ()
    shares: tuple[Share, ...] = ()
    estimate: Estimate | None = None
    truth: Truth | None = None
    furthest: tuple[Furthest, ...] = ()


@dataclass(frozen=True)
class TrafficFacts:
    """Everything about the traffic of a model.

    Attributes:
        model: Its name.
        task: What it is asked.
        versions: That answered.
        labels: How many labels were given.
        of_others: Requests of the log that are of other models or versions.
        without_answers: Requests without pictures and probabilities.
        torn_files: Files of the log that do not end in a whole record.
        torn_bytes: Of those ends.
    """

    model: str
    task: Task
    versions: tuple[VersionFacts, ...]
    labels: int
    of_others: int
    without_answers: int
    torn_files: int
    torn_bytes: int

    @property
    def findings(self) -> list[tuple[str, Demand]]:
        """What was not met, with the version that it is about."""
        return [
            (of_one.version, demand)
            for of_one in self.versions
            for demand in of_one.gates
            if demand.refused
        ]

    def as_dict(self) -> dict[str, Any]:
        """Returns what JSON holds of it."""
        content = dataclasses.asdict(self)
        content["task"] = self.task.as_dict()
        content["findings"] = [
            {"version": version, **demand.as_dict()}
            for version, demand in self.findings
        ]
        for of_one, facts in zip(content["versions"], self.versions, strict=True):
            of_one["gates"] = [demand.as_dict() for demand in facts.gates]
            if facts.truth:
                of_one["truth"]["accuracy"] = facts.truth.accuracy
        return content
