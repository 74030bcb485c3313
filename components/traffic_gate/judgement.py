"""What is wrong with traffic, judged from statistics and counts."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2

from components.data_gate import checks
from components.data_gate.chance import least_share, share_bound
from components.task_schema_gen.schema import SERVING
from components.traffic_gate.facts import Share, Truth
from contract import nodes
from contract.demands import (
    AT_LEAST,
    AT_MOST,
    FINDINGS,
    OVERALL,
    Demand,
    change,
    holds,
)
from contract.estimation import Estimate
from contract.features import LABEL, TRAIN
from contract.task import Task

ACCURACY = "accuracy"
ESTIMATED_ACCURACY = "estimated_accuracy"
ESTIMATE_DOUBTS = "estimate_doubts"
NOVEL_SHARE = "novel_share"
SHARE_CHANGE = "share_change"
DRIFT, SKEW = "drift", "skew"
"""What is measured; the last two with the feature's name before them."""

LEAST_PICTURES = 100
"""Of fewer pictures the distribution of pixels can be far from that of training by
chance: in 1,000 draws of 20 pictures of MNIST the divergence was up to 0.006, of 100 up
to 0.001; photographs differ more among themselves."""


@dataclass(frozen=True)
class Bounds:
    """What traffic is held to; see `pipeline.monitoring_settings.Monitoring`.

    Attributes:
        max_novel_share: Of pictures that are not of the task.
        max_accuracy_fall: Below the accuracy that the version had.
    """

    max_novel_share: float
    max_accuracy_fall: float


def against_schema(
    statistics: checks.Statistics, schema: schema_pb2.Schema, version: str
) -> list[checks.Finding]:
    """Returns what the schema, in its environment `SERVING`, has against pictures."""
    anomalies = tfdv.validate_statistics(statistics, schema, environment=SERVING)
    return checks.against_schema({version: anomalies}, {version: statistics})


def of_schema(findings: list[checks.Finding]) -> Demand:
    """Returns the demand that there are none; the first ones are its detail."""
    detail = "; ".join(f"{one.feature}: {one.reason}" for one in findings[:3])
    return _demand(FINDINGS, len(findings), 0, AT_MOST, detail=detail)


def of_distances(
    statistics: checks.Statistics,
    training: checks.Statistics,
    schema: schema_pb2.Schema,
    version: str,
) -> Iterator[Demand]:
    """Yields how far pictures are from those of training, by the schema's bounds.

    Both bounds are asked: the `skew_comparator`, which is TFDV's for training against
    serving, and the `drift_comparator`, which the project's schema has for images.

    Args:
        statistics: Of what was asked.
        training: Of the training split.
        schema: With the bounds.
        version: That answered.
    """
    skew = checks.between_splits({TRAIN: training, version: statistics}, schema, TRAIN)
    drift = checks.since({version: statistics}, schema, {version: training}, version)
    for kind, compared in ((SKEW, skew), (DRIFT, drift)):
        for distance in (each for one in compared for each in one.distances()):
            metric = f"{distance.feature}_{kind}"
            yield _demand(metric, distance.value, distance.bound, AT_MOST)


def shares(
    answered: np.ndarray, trained: np.ndarray, schema: schema_pb2.Schema
) -> tuple[Share, ...]:
    """Returns how often each class was answered, against its share in training.

    A bound is that of the label in the schema (its `drift_comparator`), and never
    closer than chance alone comes at so many rows. Without that comparator the shares
    may be any.

    Args:
        answered: Pictures answered with each class, int64 `[classes]`.
        trained: Rows of each class in the training split, int64 `[classes]`.
        schema: With the bound.
    """
    [label] = [feature for feature in schema.feature if feature.name == LABEL]
    bound = 1.0
    if label.drift_comparator.infinity_norm.HasField("threshold"):
        bound = label.drift_comparator.infinity_norm.threshold
    by_chance = share_bound(answered, trained)
    before, now = trained / max(1, trained.sum()), answered / max(1, answered.sum())
    return tuple(
        Share(int(count), float(share), float(was), _up(max(bound, float(chance))))
        for count, share, was, chance in zip(
            answered, now, before, by_chance, strict=True
        )
    )


def of_shares(found: tuple[Share, ...], task: Task) -> Iterator[Demand]:
    """Yields a demand for each class."""
    for name, one in zip(task.classes, found, strict=True):
        value = abs(change(one.share, one.trained))
        yield _demand(SHARE_CHANGE, value, one.bound, AT_MOST, name)


def of_estimate(
    estimate: Estimate, held_accuracy: float, bounds: Bounds
) -> Iterator[Demand]:
    """Yields the demands of an estimate.

    The share of pictures that are not of the task may be above its bound by what chance
    makes of it in one of 1,000 samples, and the accuracy as far below its own as the
    interval goes. Where something speaks against the estimate, that is the finding, and
    its value is held to nothing. Where pictures or held rows are too few to trust it,
    it is held all the same: pictures of another task, which may hide among them, make
    the truth worse.

    Args:
        estimate: Of the accuracy.
        held_accuracy: Of the version on the rows that it was calibrated on.
        bounds: What it is held to.
    """
    most = _up(1 - least_share(estimate.rows, 1 - bounds.max_novel_share))
    yield _demand(NOVEL_SHARE, estimate.novel, most, AT_MOST)
    if doubts := estimate.doubts:
        detail = "; ".join(doubts)
        yield _demand(ESTIMATE_DOUBTS, len(doubts), 0, AT_MOST, detail=detail)
        return
    reach = estimate.value - estimate.low
    least = _down(max(0.0, change(held_accuracy, bounds.max_accuracy_fall) - reach))
    yield _demand(ESTIMATED_ACCURACY, estimate.value, least, AT_LEAST)


def of_truth(truth: Truth, pushed_accuracy: float, bounds: Bounds) -> Demand:
    """Returns the demand of the true accuracy: as far below the bound as chance goes.

    Args:
        truth: How many answers were right.
        pushed_accuracy: Of the version, when it was pushed.
        bounds: What it is held to.
    """
    rows = sum(truth.rows)
    target = max(0.0, change(pushed_accuracy, bounds.max_accuracy_fall))
    least = _down(least_share(rows, target))
    return _demand(ACCURACY, truth.accuracy, least, AT_LEAST, detail=f"{rows:,} labels")


def _up(bound: float) -> float:
    """Returns a bound with as many digits as people read."""
    return math.ceil(bound * 10_000) / 10_000


def _down(bound: float) -> float:
    return math.floor(bound * 10_000) / 10_000


def _demand(
    metric: str,
    value: float,
    bound: float,
    direction: str,
    of_class: str = OVERALL,
    detail: str = "",
) -> Demand:
    return Demand(
        nodes.TRAFFIC_GATE,
        metric,
        of_class,
        value,
        bound,
        direction,
        passed=holds(value, bound, direction),
        detail=detail,
    )
