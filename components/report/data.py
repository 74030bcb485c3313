"""What is to be said about the data of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.data_gate.checks import Distance, Finding, Statistics
from components.image_example_gen.rows import Rows
from contract.features import IMAGE, LABEL, NUM_CLASSES


@dataclass(frozen=True)
class Pixels:
    """How a split's pixels are distributed, as StatisticsGen counted them.

    Attributes:
        mean: Of all pixel values, 0-255.
        std_dev: Of all pixel values.
        inked: Share of the pixels that are not 0, the background.
        lowest: Smallest value.
        highest: Largest value.
    """

    mean: float
    std_dev: float
    inked: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Split:
    """One split.

    Attributes:
        name: `train`, `eval` or `test`.
        examples: How many there are.
        digits: How many there are of each digit, 0 first.
        other_labels: How many have a label that is no digit, or none.
        pixels: None where no pixel was counted.
    """

    name: str
    examples: int
    digits: tuple[int, ...]
    other_labels: int
    pixels: Pixels | None


@dataclass(frozen=True)
class Sampled:
    """What only a look at single images tells; of the first rows of a split.

    Attributes:
        split: Which.
        rows: How many rows were looked at.
        found: How many of them are of each digit, 0 first.
        inked: Mean share of pixels that are not 0 by digit; None where a digit
            was not among the rows.
    """

    split: str
    rows: int
    found: tuple[int, ...]
    inked: tuple[float | None, ...]


@dataclass(frozen=True)
class DataFacts:
    """Everything about the data of a run.

    Attributes:
        fingerprint: Of the content; empty if not known.
        splits: In the order train, eval, test.
        findings: What DataGate stops on.
        overridden: Whether the run was told to go on in spite of them.
        between: How far each split's distribution is from the train split's.
        since: How far each is from that of the champion's data.
        champion: Version of the champion; empty if there is none.
        sampled: What the first rows look like.
    """

    fingerprint: str
    splits: tuple[Split, ...]
    findings: tuple[Finding, ...]
    overridden: bool
    between: tuple[Distance, ...]
    since: tuple[Distance, ...]
    champion: str
    sampled: Sampled


def describe_split(name: str, statistics: Statistics) -> Split:
    """Returns the facts about a split from its statistics."""
    dataset = statistics.datasets[0]
    features = {feature.path.step[0]: feature for feature in dataset.features}
    counts = _label_counts(features.get(LABEL))
    digits = tuple(counts.get(str(digit), 0) for digit in range(NUM_CLASSES))
    return Split(
        name,
        int(dataset.num_examples),
        digits,
        int(dataset.num_examples) - sum(digits),
        _pixels(features.get(IMAGE)),
    )


def describe_splits(
    statistics: Mapping[str, Statistics], order: Sequence[str]
) -> tuple[Split, ...]:
    """Returns the facts about all splits, in an order; others follow by name."""
    names = sorted(
        statistics,
        key=lambda name: (order.index(name) if name in order else len(order), name),
    )
    return tuple(describe_split(name, statistics[name]) for name in names)


def describe_sample(split: str, rows: Rows) -> Sampled:
    """Returns what the rows show of each digit."""
    inked = (rows.images > 0).mean(axis=(1, 2))
    by_digit = [inked[rows.labels == digit] for digit in range(NUM_CLASSES)]
    return Sampled(
        split,
        len(rows),
        tuple(len(of_digit) for of_digit in by_digit),
        tuple(float(d.mean()) if len(d) else None for d in by_digit),
    )


def mean_images(rows: Rows) -> list[np.ndarray | None]:
    """Returns the mean image of each digit, uint8 `[28, 28]`; None without rows."""
    chosen = [rows.images[rows.labels == digit] for digit in range(NUM_CLASSES)]
    return [
        np.rint(images.mean(axis=0)).astype(np.uint8) if len(images) else None
        for images in chosen
    ]


def _label_counts(
    feature: statistics_pb2.FeatureNameStatistics | None,
) -> dict[str, int]:
    """Returns how often each label occurs, by its text.

    The schema calls labels categorical, so TFDV counts them as it does strings.
    """
    if feature is None:
        return {}
    buckets = feature.string_stats.rank_histogram.buckets
    return {bucket.label: round(bucket.sample_count) for bucket in buckets}


def _pixels(feature: statistics_pb2.FeatureNameStatistics | None) -> Pixels | None:
    if feature is None:
        return None
    counted = feature.num_stats
    total = counted.common_stats.tot_num_values
    if not total:
        return None
    return Pixels(
        counted.mean,
        counted.std_dev,
        1 - counted.num_zeros / total,
        counted.min,
        counted.max,
    )
