"""What is to be said about the data of a run."""

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
    """How a split's pixels are distributed, as StatisticsGen counted them.

    Attributes:
        mean: Of all values, 0-255.
        std_dev: Of all values.
        inked: Share of the pixels that are not the background; None unless that is
            0 and images are grey, as StatisticsGen counts zeros among values.
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
    """One split.

    Attributes:
        name: `train`, `eval` or `test`.
        examples: How many there are.
        counts: How many there are of each class, by label.
        other_labels: How many have a label that is of no class, or none.
        pixels: None where no pixel was counted.
    """

    name: str
    examples: int
    counts: tuple[int, ...]
    other_labels: int
    pixels: Pixels | None


@dataclass(frozen=True)
class Sampled:
    """What only a look at single images tells; of some rows of a split.

    Attributes:
        split: Which.
        rows: How many rows were looked at.
        is_by_class: Whether they are the first of each class, and not of all.
        found: How many of them are of each class, by label.
        inked: Mean share of pixels that are not the background, by label; None where
            a class was not among the rows; empty where the task has no background.
    """

    split: str
    rows: int
    found: tuple[int, ...]
    inked: tuple[float | None, ...]
    is_by_class: bool = False

    @property
    def text(self) -> str:
        """Which rows these are, for people."""
        if self.is_by_class:
            return f"{self.rows:,} rows of {self.split}, the first ones of each class"
        return f"the first {self.rows:,} rows of {self.split}"


@dataclass(frozen=True)
class DataFacts:
    """Everything about the data of a run.

    Attributes:
        task: What an image is, and what the classes are called.
        fingerprint: Of the content; empty if not known.
        splits: In the order train, eval, test.
        findings: What DataGate stops on.
        overruled: Whether the run was told to go on in spite of them.
        between: How far each split's distribution is from the train split's.
        since: How far each is from that of the champion's data.
        champion: Version of the champion; empty if there is none to compare with.
        left_out: Why the version that is served is not compared with; mostly empty.
        sampled: What the first rows look like.
        test_rows_in_training: Test images that are in the training part as well.
        duplicates: Some of them, each with one that is the same.
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
    """Returns the facts about all splits, in an order; others follow by name."""
    names = sorted(
        statistics,
        key=lambda name: (order.index(name) if name in order else len(order), name),
    )
    return tuple(describe_split(name, statistics[name], task) for name in names)


def describe_sample(
    split: str, rows: Rows, task: Task, is_by_class: bool = False
) -> Sampled:
    """Returns what the rows show of each class; see `Sampled`."""
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
