"""Examines a data set before training: splits, class counts, duplicates and skew."""

from dataclasses import dataclass

import numpy as np

from components.data_gate.chance import share_bound
from components.image_example_gen import splitting
from components.image_example_gen.duplicates import Hashes
from components.task_schema_gen.schema import parse_judgement
from contract.features import EVAL, LABEL, TEST, TRAIN
from contract.task import Task, short_name
from pipeline.config import Config
from pipeline.schema import judgement
from runner.datasets import DataSet
from runner.sheet import Samples
from version_store.served import Served

_FEW = 10
"""A class with fewer training images than this gets a warning."""
_UNEVEN = 10
"""Ratio of the largest to the smallest class from which the check warns."""


class Look:
    """Collects sample pictures and image hashes while the data set is read once."""

    def __init__(self) -> None:
        self.samples = Samples()
        self.hashes = Hashes()

    def __call__(self, part: str, images: np.ndarray, labels: np.ndarray) -> None:
        """Adds a block of images; see `Source.fingerprint`."""
        self.hashes.add(part, images)
        if part not in (EVAL, TEST):
            self.samples.add(images, labels)


@dataclass(frozen=True)
class Findings:
    """The results of the examination.

    Attributes:
        split: How the rows are split.
        counts: Rows of each class, by split.
        duplicates: Number of test rows whose image is also in the training part.
        warnings: Oddities that the user should look at, one line each.
        stops: Reasons for which DataGate would stop a run, one line each. Its
            comparison with the served model's data is possible only in a run.
    """

    split: splitting.Assignment
    counts: dict[str, np.ndarray]
    duplicates: int
    warnings: list[str]
    stops: list[str]


def examine(config: Config, dataset: DataSet, look: Look) -> Findings:
    """Splits the rows as a run would, and returns what it finds.

    Raises:
        BadInputError: The rows cannot be split, or the user's schema cannot be used.
    """
    source = dataset.source
    assert source is not None, "`resolve` opens it"
    split, counts = source.split(config.data.splitting())
    duplicates = look.hashes.test_rows_in_training(split.rows)
    warnings = [dataset.notice] if dataset.notice else []
    warnings += _of_classes(config, dataset.task, counts)
    share = duplicates / counts[TEST].sum()
    stops = []
    if duplicates:
        [pair, *_] = look.hashes.pairs(split.rows, source.name_of)
        text = (
            f"{duplicates:,} test images ({share:.2%}) are in the training part as "
            f"well, as {pair[TEST]} = {pair[TRAIN]}: data.max_duplicates allows "
            f"{config.data.max_duplicates:.2%}"
        )
        if share > config.data.max_duplicates:
            stops.append(text)
        else:
            warnings.append(text)
    skewed, far = _of_skew(config, dataset.task, counts)
    if config.gates.allow_anomalies:
        warnings, stops, far = [*warnings, *stops, *far], [], []
    return Findings(split, counts, duplicates, [*warnings, *skewed], [*stops, *far])


def served_text(served: Served | None, task: Task) -> str:
    """Returns a sentence about the version served under the new model's name."""
    if served is None:
        return "nothing is served under that name"
    if served.task is None:
        return f"version {served.version} is served and does not state its task"
    if task.asks_the_same(served.task):
        return f"version {served.version} of the same task is served"
    return (
        f"version {served.version} of another task is served: "
        f"{task.difference(served.task)}; a run is refused without another name "
        "(--model) or --replace-task"
    )


def _of_classes(config: Config, task: Task, counts: dict[str, np.ndarray]) -> list[str]:
    found = []
    bound = config.gates.min_class_accuracy
    mistake = f"one mistake may fail gates.min_class_accuracy ({bound:g})"
    for split, least, why in (
        (TRAIN, _FEW, "little can be learned from them"),
        (TEST, round(1 / (1 - bound + 1e-9)), mistake),
    ):
        few = np.flatnonzero(counts[split] < least)
        if few.size:
            named = ", ".join(
                f"{short_name(task.classes[label])} ({counts[split][label]})"
                for label in few[:8]
            )
            more = f" and {few.size - 8} more" if few.size > 8 else ""
            found.append(f"few {split} images of {named}{more}: {why}")
    training = counts[TRAIN][counts[TRAIN] > 0]
    if training.max() >= _UNEVEN * training.min():
        found.append(
            f"classes are uneven: {training.min():,} to {training.max():,} images to "
            "train on"
        )
    return found


def _of_skew(
    config: Config, task: Task, counts: dict[str, np.ndarray]
) -> tuple[list[str], list[str]]:
    """Compares the class shares of eval and test with those of train.

    The bound is the label's `skew_comparator` in the schema, or the difference that
    chance makes if that is larger; see `components.data_gate.checks`.

    Returns:
        Messages about differences within the bound, and about those beyond it.
    """
    schema = parse_judgement(judgement(config.data.schema_path), "data.schema")
    [label_feature] = [each for each in schema.feature if each.name == LABEL]
    bound = label_feature.skew_comparator.infinity_norm.threshold
    within: list[str] = []
    far: list[str] = []
    for split in (EVAL, TEST):
        train, other = counts[TRAIN], counts[split]
        difference = np.abs(train / train.sum() - other / other.sum())
        chance = share_bound(train, other)
        label = int((difference - chance).argmax())
        if difference[label] <= chance[label]:
            continue
        stops = bound and difference.max() > max(bound, chance.max())
        (far if stops else within).append(
            f"split {split} has a different share of {task.classes[label]} than train: "
            f"{other[label] / other.sum():.1%} and {train[label] / train.sum():.1%}, "
            f"more than chance explains; the schema's skew_comparator allows {bound:g}"
        )
    return within, far
