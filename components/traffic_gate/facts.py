"""Defines the facts about a model's traffic, and converts them to JSON."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from components.data_gate.checks import Finding
from contract.demands import Demand
from contract.estimation import Estimate
from contract.task import Task


@dataclass(frozen=True)
class Share:
    """Share of a class in the answers.

    Attributes:
        answered: Number of pictures that were answered with the class.
        share: Share of these among all pictures.
        trained: Share of the class in the training split.
        bound: Maximum difference of the two shares.
    """

    answered: int
    share: float
    trained: float
    bound: float


@dataclass(frozen=True)
class Truth:
    """Numbers of answers with a label, and of right ones among them.

    Attributes:
        rows: Number of answers with a label, by class.
        right: Number of right answers among them, by class.
    """

    rows: tuple[int, ...]
    right: tuple[int, ...]

    @property
    def accuracy(self) -> float:
        """Share of the right answers."""
        return sum(self.right) / sum(self.rows)


@dataclass(frozen=True)
class Furthest:
    """A picture that is far from the training data.

    Attributes:
        request_id: Id of the request; empty if it was lost.
        row: Index of the picture in the request.
        answer: Label that was answered.
        confidence: Probability of the answer.
        novelty: Distance from the training data; None if the model has no novelty, so
            that the picture was chosen by low confidence.
        file: Path of the picture beside the page; empty if the request's id was lost,
            because then the picture could not be removed on request.
    """

    request_id: str
    row: int
    answer: int
    confidence: float
    novelty: float | None
    file: str


@dataclass(frozen=True)
class VersionFacts:
    """Facts about the traffic of one version.

    Attributes:
        version: Version number, or `unknown`.
        logged: Number of requests to the version in the log.
        read: Number of requests that were read.
        pictures: Number of pictures in these requests.
        first: Time of the first of these requests, in seconds since 1970.
        last: Time of the last of these requests, in seconds since 1970.
        gates: Demands with their verdicts.
        not_judged: Checks that were not possible and why, one line each.
        anomalies: Findings against the schema.
        shares: Shares by class; empty if the version has no training statistics.
        estimate: Estimate of the accuracy; None if the reliability of the version's
            confidences was not measured.
        truth: Numbers of right answers; None without labels.
        furthest: Pictures that are far from the training data, the furthest first.
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
    """All facts about the traffic of a model.

    Attributes:
        model: Name of the model.
        task: Task of the model.
        versions: Facts about each version that answered.
        labels: Number of labels in the user's file.
        of_others: Number of logged requests to other models or versions.
        without_answers: Number of requests without pictures and probabilities.
        torn_files: Number of log files that do not end with a whole record.
        torn_bytes: Number of bytes in these incomplete records.
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
        """Failed demands with their versions."""
        return [
            (of_one.version, demand)
            for of_one in self.versions
            for demand in of_one.gates
            if demand.refused
        ]

    def as_dict(self) -> dict[str, Any]:
        """Returns the content of `traffic.json`."""
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
