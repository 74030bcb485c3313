"""Makes a first schema for another data set, with bounds from its own numbers."""

import json
import textwrap
from importlib import resources
from string import Template

import numpy as np

from components.data_gate.chance import share_bound
from contract.features import EVAL, IMAGE, LABEL, TEST, TRAIN
from contract.task import Task

_TEMPLATE = "template.pbtxt"

_LEVELS = 64
"""Bins in which the levels of pixels are compared; TFDV uses about the same number."""

_LEAST_SKEW = 0.05
"""MNIST's bound: a change of a class's share by this much is worth a message."""
_LEAST_DRIFT = 0.01
_MARGIN = 3
"""Factor between the distance of this data's own parts and the bound for new data."""


class Levels:
    """Counts the levels of pixels by part; see `Source.fingerprint`."""

    def __init__(self) -> None:
        self.by_part: dict[str, np.ndarray] = {}

    def __call__(self, part: str, images: np.ndarray, labels: np.ndarray) -> None:
        """Adds the counts of a block."""
        counts = np.bincount(images.ravel(), minlength=256)
        self.by_part[part] = self.by_part.get(part, 0) + counts

    def divergence(self) -> float | None:
        """Returns the distance of training and test part; None without two parts.

        It is the Jensen-Shannon divergence of their levels, in bits, as in TFDV.
        """
        from scipy.spatial.distance import jensenshannon

        if not {TRAIN, TEST} <= self.by_part.keys():
            return None
        first, second = (
            self.by_part[part].reshape(_LEVELS, -1).sum(axis=1)
            for part in (TRAIN, TEST)
        )
        # SciPy's distance is the root of the divergence.
        return float(jensenshannon(first, second, base=2) ** 2)


def infer(
    task: Task, counts: dict[str, np.ndarray], levels: Levels, source: str
) -> str:
    """Returns a schema that `parse_judgement` accepts, with reasons for its bounds.

    Size and values of images and labels are left out, as they come from the task.
    """
    sizes = {split: int(of_split.sum()) for split, of_split in counts.items()}
    found, label = _largest_skew(counts)
    chance = max(
        float(share_bound(counts[TRAIN], counts[split]).max()) for split in (EVAL, TEST)
    )
    skew = _round_up(max(_LEAST_SKEW, found * 1.5))
    measured = levels.divergence()
    drift = _round_up(max(_LEAST_DRIFT, _MARGIN * (measured or 0.0)))
    of_pixels = (
        f"the distance between training and test part is {measured:.5f}; the bound is "
        f"{_MARGIN} times that, and at least {_LEAST_DRIFT}"
        if measured is not None
        else "this data has no test part of its own, so nothing was measured; "
        f"{_LEAST_DRIFT} is the bound for MNIST"
    )
    text = resources.files(__package__).joinpath(_TEMPLATE).read_text("utf-8")
    return Template(text).substitute(
        source=source,
        name=json.dumps(task.name),
        size=task.size_text,
        classes=len(task.classes),
        rows=", ".join(f"{split} {rows:,}" for split, rows in sizes.items()),
        image=IMAGE,
        label=LABEL,
        drift=f"{drift:g}",
        of_pixels=_wrapped(of_pixels),
        skew=f"{skew:g}",
        found=f"{found:.4f}",
        of_class=json.dumps(task.classes[label], ensure_ascii=False),
        chance=f"{chance:.4f}",
    )


def _largest_skew(counts: dict[str, np.ndarray]) -> tuple[float, int]:
    """Returns the largest difference of a class's shares, and its label."""
    train = counts[TRAIN] / counts[TRAIN].sum()
    differences = [
        np.abs(train - counts[split] / counts[split].sum()) for split in (EVAL, TEST)
    ]
    largest = np.max(differences, axis=0)
    label = int(largest.argmax())
    return float(largest[label]), label


def _round_up(value: float) -> float:
    """Rounds a bound up to a number that is easy to read."""
    digits = 2 if value >= 0.1 else 3
    return float(np.ceil(round(value * 10**digits, 6)) / 10**digits)


def _wrapped(text: str) -> str:
    """Wraps the text of a comment into comment lines."""
    return "\n  # ".join(textwrap.wrap(text, 80))
