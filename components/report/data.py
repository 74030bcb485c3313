"""Collects the report's facts about the data of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.data_gate.checks import Distance, Finding
from components.image_example_gen.examples import Rows
from components.statistics_gen.reading import Statistics, by_feature, value_counts
from contract.features import IMAGE, LABEL
from contract.task import Task


@dataclass(frozen=True)
class Pixels:
    """Distribution of a split's pixel values, from StatisticsGen.

    Attributes:
        mean: Mean of all values, 0-255.
        std_dev: Standard deviation of all values.
        inked: Share of pixels that are not background. None unless the background is 0
            and the images are grey, because StatisticsGen counts only zeros.
        lowest: Smallest value.
        highest: Largest value.
    """

    mean: float
    std_dev: float
    inked: float | None
    lowest: float
    highest: float


@dataclass(frozen=True)
class Split:
    """Facts about a split.

    Attributes:
        name: `train`, `eval` or `test`.
        examples: Number of examples.
        counts: Number of examples of each class, by label.
        other_labels: Number of examples with an unknown label or without a label.
        pixels: Distribution of the pixels; None if none were counted.
    """

    name: str
    examples: int
    counts: tuple[int, ...]
    other_labels: int
    pixels: Pixels | None


@dataclass(frozen=True)
class Sampled:
    """Facts from single images in a sample of a split.

    Attributes:
        split: Name of the split.
        rows: Number of rows in the sample.
        is_by_class: Whether they are the first rows of each class; else of the split.
        found: Number of rows of each class, by label.
        inked: Mean share of pixels that are not background, by label; None for a class
            that is not in the sample; empty if the task has no background.
    """

    split: str
    rows: int
    found: tuple[int, ...]
    inked: tuple[float | None, ...]
    is_by_class: bool = False

    @property
    def text(self) -> str:
        """Description of the sample for the page."""
        if self.is_by_class:
            return f"{self.rows:,} rows of {self.split}, the first ones of each class"
        return f"the first {self.rows:,} rows of {self.split}"


@dataclass(frozen=True)
class DataFacts:
    """All facts about the data of a run.

    Attributes:
        task: The task.
        fingerprint: Fingerprint of the content; empty if not known.
        splits: The splits in the order train, eval, test.
        findings: DataGate's findings, which stop a run.
        overruled: Whether the run goes on in spite of the findings.
        between: Distances of each split's distributions from the train split's.
        since: Distances of each split's distributions from the champion's data.
        champion: Version of the champion; empty if there is none to compare with.
        left_out: Why the served version is not compared with; mostly empty.
        sampled: Facts from a sample of rows.
        test_rows_in_training: Number of test images that are also in the training part.
        duplicates: Some of these images, each with its duplicate.
    """

    task: Task
    fingerprint: str
    splits: tuple[Split, ...]
    findings: tuple[Finding, ...]
    overruled: bool
    between: tuple[Distance, ...]
    since: tuple[Distance, ...]
    champion: str
    left_out: str
    sampled: Sampled
    test_rows_in_training: int = 0
    duplicates: tuple[dict[str, str], ...] = ()


def describe_split(name: str, statistics: Statistics, task: Task) -> Split:
    """Returns the facts about a split from its statistics."""
    examples = int(statistics.datasets[0].num_examples)
    by_label = value_counts(statistics, LABEL)
    counts = tuple(by_label.get(str(label), 0) for label in range(len(task.classes)))
    pixels = _pixels(by_feature(statistics).get(IMAGE), task)
    return Split(name, examples, counts, examples - sum(counts), pixels)


def describe_splits(
    statistics: Mapping[str, Statistics], task: Task, order: Sequence[str]
) -> tuple[Split, ...]:
    """Returns the facts about all splits in an order; other splits follow by name."""
    names = sorted(
        statistics,
        key=lambda name: (order.index(name) if name in order else len(order), name),
    )
    return tuple(describe_split(name, statistics[name], task) for name in names)


def describe_sample(
    split: str, rows: Rows, task: Task, is_by_class: bool = False
) -> Sampled:
    """Returns the facts from a sample of rows; see `Sampled`."""
    found = [int((rows.labels == label).sum()) for label in range(len(task.classes))]
    inked: tuple[float | None, ...] = ()
    if task.background is not None:
        values = rows.images.reshape(len(rows), -1, task.channels)
        shares = (values != task.background).any(axis=2).mean(axis=1)
        inked = tuple(
            float(shares[rows.labels == label].mean()) if count else None
            for label, count in enumerate(found)
        )
    return Sampled(split, len(rows), tuple(found), inked, is_by_class)


def _pixels(
    feature: statistics_pb2.FeatureNameStatistics | None, task: Task
) -> Pixels | None:
    if feature is None:
        return None
    counted = feature.num_stats
    total = counted.common_stats.tot_num_values
    if not total:
        return None
    return Pixels(
        counted.mean,
        counted.std_dev,
        1 - counted.num_zeros / total
        if task.background == 0 and task.channels == 1
        else None,
        counted.min,
        counted.max,
    )
