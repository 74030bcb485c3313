"""Judges traffic from statistics and counts."""

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
"""Names of the metrics; the feature's name comes before the last two."""

LEAST_PICTURES = 100
"""Minimum number of pictures to judge the distribution of pixels. With fewer pictures
it can differ from that of training by chance: in 1,000 draws of MNIST pictures the
divergence was up to 0.006 for 20 pictures, and up to 0.001 for 100. Photographs differ
more among themselves."""


@dataclass(frozen=True)
class Bounds:
    """Bounds for traffic; see `pipeline.monitoring_settings.Monitoring`.

    Attributes:
        max_novel_share: Maximum share of pictures that are not of the task.
        max_accuracy_fall: Maximum fall of the accuracy below the version's earlier one.
    """

    max_novel_share: float
    max_accuracy_fall: float


def against_schema(
    statistics: checks.Statistics, schema: schema_pb2.Schema, version: str
) -> list[checks.Finding]:
    """Returns the findings against the schema in its environment `SERVING`."""
    anomalies = tfdv.validate_statistics(statistics, schema, environment=SERVING)
    return checks.against_schema({version: anomalies}, {version: statistics})


def of_schema(findings: list[checks.Finding]) -> Demand:
    """Returns the demand of no findings; its detail has the first ones."""
    detail = "; ".join(f"{one.feature}: {one.reason}" for one in findings[:3])
    return _demand(FINDINGS, len(findings), 0, AT_MOST, detail=detail)


def of_distances(
    statistics: checks.Statistics,
    training: checks.Statistics,
    schema: schema_pb2.Schema,
    version: str,
) -> Iterator[Demand]:
    """Yields the demands on the pictures' distances from those of training.

    Both of the schema's bounds are used: the `skew_comparator`, which is TFDV's for
    training against serving, and the `drift_comparator`, which the project's schema has
    for images.

    Args:
        statistics: Statistics of the requests.
        training: Statistics of the training split.
        schema: Schema with the bounds.
        version: Version that answered.
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
    """Compares each class's share of the answers with its share in training.

    The bound is the label's `drift_comparator` in the schema, or the difference that
    chance explains at this number of rows, if that is greater. Without that comparator
    the shares have no bound.

    Args:
        answered: Number of answers with each class, int64 `[classes]`.
        trained: Rows of each class in the training split, int64 `[classes]`.
        schema: Schema with the bound.
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
    """Yields a demand on the share of each class."""
    for name, one in zip(task.classes, found, strict=True):
        value = abs(change(one.share, one.trained))
        yield _demand(SHARE_CHANGE, value, one.bound, AT_MOST, name)


def of_estimate(
    estimate: Estimate, held_accuracy: float, bounds: Bounds
) -> Iterator[Demand]:
    """Yields the demands on an estimate.

    Both bounds allow for chance. The share of pictures that are not of the task may
    exceed its bound by what chance explains in one of 1,000 samples, and the accuracy
    may be below its bound by the length of the interval below the estimate. If there
    are doubts about the estimate, these are the finding, and its value is not judged.
    If pictures or held-out rows are too few to trust the estimate, it is judged
    nevertheless: pictures of another task, which may hide among them, make the true
    accuracy lower.

    Args:
        estimate: Estimate of the accuracy.
        held_accuracy: The version's accuracy on the rows of its calibration.
        bounds: The bounds.
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
    """Returns the demand on the true accuracy; its bound allows for chance.

    Args:
        truth: Numbers of labelled and of right answers.
        pushed_accuracy: The version's accuracy when it was pushed.
        bounds: The bounds.
    """
    rows = sum(truth.rows)
    target = max(0.0, change(pushed_accuracy, bounds.max_accuracy_fall))
    least = _down(least_share(rows, target))
    return _demand(ACCURACY, truth.accuracy, least, AT_LEAST, detail=f"{rows:,} labels")


def _up(bound: float) -> float:
    """Rounds a bound up to four decimals."""
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
    return Demand.compared(
        *(nodes.TRAFFIC_GATE, metric, of_class, value, bound, direction), detail=detail
    )
