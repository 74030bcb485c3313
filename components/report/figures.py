"""The page's plots, each one what there is to see and how it is told in words."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from markupsafe import Markup

from components.report.canvas import (
    BAD,
    CARD,
    FIRST,
    LINE,
    QUIET,
    SECOND,
    TEXT,
    THIRD,
    drawing,
    name_width,
    stand_ins,
    svg,
)
from components.report.data import Sampled, Split
from components.report.evaluation import Calibration, OfClass, worst_first
from components.report.model import Epoch
from contract.task import Task

DRAWN_CLASSES = 30
"""Of more classes, the worst of a plot are drawn."""

NUMBERED_CLASSES = 16
"""Of more classes, the cells of the confusion matrix are too small for numbers."""

FEW_ANSWERS = 10
"""Bins of fewer are drawn pale: they say little."""

_SPLIT_COLOURS = (FIRST, SECOND, THIRD)


def class_balance(task: Task, splits: Sequence[Split]) -> Markup:
    """Draws each class's share of each split, in per cent.

    Of many classes there are those of which the first split has the fewest.
    """
    of_first = splits[0].counts if splits else (0,) * len(task.classes)
    shown = _shown(task, sorted(range(len(of_first)), key=of_first.__getitem__))
    with _by_class(task, shown, 3.6 * max(len(splits), 3)) as (figure, axes, names):
        height = 0.8 / max(len(splits), 1)
        for place, split in enumerate(splits):
            total = max(split.examples, 1)
            offset = (place - (len(splits) - 1) / 2) * height
            axes.barh(
                [row + offset for row in range(len(shown))],
                [100 * split.counts[label] / total for label in shown],
                height * 0.92,
                color=_SPLIT_COLOURS[place % len(_SPLIT_COLOURS)],
                label=split.name,
            )
        axes.axvline(
            100 / len(task.classes), color=QUIET, linewidth=0.8, linestyle=(0, (2, 3))
        )
        axes.set_xlabel("% of the split")
        _legend(axes, columns=3)
        return svg(
            figure,
            "class-balance",
            f"Bar chart: share of each {task.noun} in each split{_of(task, shown)}. "
            + " ".join(
                f"{split.name}: "
                + _list(f"{task.classes[i]} {split.counts[i]}" for i in shown)
                + f" of {split.examples} examples."
                for split in splits
            ),
            names,
        )


def ink(task: Task, sampled: Sampled) -> Markup:
    """Draws the mean share of inked pixels of each class, in per cent.

    Of many classes there are those with the least ink.
    """
    known = [-1 if share is None else share for share in sampled.inked]
    shown = _shown(task, sorted(range(len(known)), key=known.__getitem__))
    with _by_class(task, shown, 10.8) as (figure, axes, names):
        shares = [100 * (sampled.inked[label] or 0) for label in shown]
        bars = axes.barh(range(len(shown)), shares, 0.62, color=FIRST)
        axes.bar_label(
            bars,
            [
                "none" if sampled.inked[label] is None else f"{share:.0f}"
                for share, label in zip(shares, shown, strict=True)
            ],
            padding=3,
            color=QUIET,
            fontsize=9,
        )
        axes.set_xlim(0, max(*shares, 1) * 1.1)
        axes.set_xlabel("% of pixels with ink")
        return svg(
            figure,
            "ink",
            f"Bar chart: per cent of pixels with ink{_of(task, shown)}: "
            + _list(
                f"{task.classes[label]} {share:.1f}"
                for label, share in zip(shown, shares, strict=True)
            ),
            names,
        )


def course(epochs: Sequence[Epoch], metric: str, turning_point: int | None) -> Markup:
    """Draws `loss` or `accuracy` over epochs, on both splits."""
    numbers = [epoch.epoch for epoch in epochs]
    training = [getattr(epoch, metric) for epoch in epochs]
    validation = [getattr(epoch, f"val_{metric}") for epoch in epochs]
    with drawing(bottom=38) as (figure, axes):
        marker = "o" if len(epochs) < 8 else None
        style: dict[str, Any] = {"marker": marker, "markersize": 4, "linewidth": 1.8}
        axes.plot(numbers, training, color=FIRST, label=metric, **style)
        axes.plot(numbers, validation, color=SECOND, label=f"val_{metric}", **style)
        if turning_point is not None and len(epochs) > 1:
            axes.axvline(
                turning_point, color=QUIET, linewidth=0.9, linestyle=(0, (3, 3))
            )
            right = turning_point > (numbers[0] + numbers[-1]) / 2
            axes.annotate(
                "lowest val_loss",
                (turning_point, 0.5),
                xycoords=("data", "axes fraction"),
                xytext=(-5 if right else 5, 0),
                textcoords="offset points",
                ha="right" if right else "left",
                color=QUIET,
                fontsize=9,
            )
        _whole_numbers_below(axes, numbers)
        axes.set_xlabel("epoch")
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        _legend(axes, columns=2)
        return svg(
            figure,
            f"course-{metric}",
            f"Line chart: {metric} over {len(epochs)} epochs. On the training rows "
            f"from {training[0]:.4f} to {training[-1]:.4f}, on the validation rows "
            f"from {validation[0]:.4f} to {validation[-1]:.4f}.",
        )


def by_class(task: Task, classes: Sequence[OfClass]) -> Markup:
    """Draws each class's accuracy with its bound and the champion's.

    Of many classes there are those that fare worst.
    """
    shown = _shown(task, [of_class.label for of_class in worst_first(classes)])
    there = [(row, classes[label]) for row, label in enumerate(shown)]
    ours = [(row, c.recall) for row, c in there if c.recall is not None]
    theirs = [(row, c.champion) for row, c in there if c.champion is not None]
    bounds = {c.bound for c in classes if c.bound is not None}
    with _by_class(task, shown, 10.8) as (figure, axes, names):
        dashed: dict[str, Any] = {"linewidth": 1, "linestyle": (0, (4, 2))}
        for place, bound in enumerate(sorted(bounds)):
            label = "_" if place else "bound"
            axes.axvline(100 * bound, color=BAD, label=label, **dashed)
        before = dict(theirs)
        both = [(row, value) for row, value in ours if row in before]
        axes.hlines(
            [row for row, _ in both],
            [100 * before[row] for row, _ in both],
            [100 * value for _, value in both],
            color=LINE,
            linewidth=1.4,
        )
        if theirs:
            axes.plot(
                [100 * value for _, value in theirs],
                [row for row, _ in theirs],
                "o",
                markersize=9,
                markerfacecolor=CARD,
                markeredgecolor=SECOND,
                markeredgewidth=1.4,
                label="champion",
            )
        axes.plot(
            [100 * value for _, value in ours],
            [row for row, _ in ours],
            "o",
            markersize=6,
            color=FIRST,
            label="this model",
        )
        lowest = 100 * min([*(v for _, v in (*ours, *theirs)), *bounds], default=0)
        margin = (100 - lowest) * 0.05 + 0.1
        axes.set_xlim(lowest - margin, 100 + margin)
        axes.set_xlabel("% answered rightly")
        axes.grid(axis="x", color=LINE, linewidth=0.8)
        _legend(axes, columns=3)
        return svg(
            figure,
            "by-class",
            f"Dot plot: per cent of each {task.noun}'s test images answered rightly"
            f"{_of(task, shown)}: "
            + _list(f"{task.classes[shown[row]]} {100 * v:.1f}" for row, v in ours),
            names,
        )


def confusion(task: Task, matrix: Sequence[Sequence[int]]) -> Markup:
    """Draws the confusion matrix; a cell's ink is its share of its row.

    The right answers on the diagonal are of another colour than the mistakes,
    which have a scale of their own: they are a hundredth of the former.
    """
    counts = np.asarray(matrix)
    size = len(counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    mistakes = shares - np.diag(np.diag(shares))
    worst = max(float(mistakes.max()), 1e-9)
    names = stand_ins(task.classes)
    short = max(map(len, task.classes)) <= 2
    room = max(name_width(task.classes), 34)
    below = 34 if short else room + 16
    with drawing(
        height=int(360 - room + below), left=room, bottom=int(below), top=4
    ) as (
        figure,
        axes,
    ):
        from matplotlib.patches import Rectangle

        for row, column in zip(*np.nonzero(counts), strict=True):
            right = row == column
            strength = shares[row, column] if right else mistakes[row, column] / worst
            axes.add_patch(
                Rectangle(
                    (column - 0.48, row - 0.48),
                    0.96,
                    0.96,
                    facecolor=FIRST if right else BAD,
                    alpha=round(float((0.55 if right else 0.75) * strength), 3),
                    linewidth=0,
                )
            )
            if size <= NUMBERED_CLASSES:
                axes.text(
                    column,
                    row,
                    str(counts[row, column]),
                    ha="center",
                    va="center_baseline",
                    fontsize=9,
                    color=TEXT,
                )
        axes.set_xlim(-0.5, size - 0.5)
        axes.set_ylim(size - 0.5, -0.5)
        turned: dict[str, Any] = {"rotation": 90, "rotation_mode": "anchor"}
        axes.set_xticks(
            range(size),
            names,
            ha="center" if short else "right",
            va="top" if short else "center",
            **({} if short else turned),
        )
        axes.set_yticks(range(size), names)
        axes.tick_params(labelsize=10 if size <= NUMBERED_CLASSES else 9)
        axes.set_xlabel("answer")
        if short:
            axes.set_ylabel(task.noun, parse_math=False)
        axes.spines[["left", "bottom"]].set_visible(False)
        off = counts - np.diag(np.diag(counts))
        row, column = np.unravel_index(off.argmax(), off.shape)
        return svg(
            figure,
            "confusion",
            f"Heat map of the confusion matrix: {int(np.trace(counts))} of "
            f"{int(counts.sum())} on the diagonal; the most frequent mistake is "
            f"{task.classes[row]} answered with {task.classes[column]}, "
            f"{int(off[row, column])} times. "
            "The numbers are in the table that follows.",
            task.classes,
        )


def reliability(calibration: Calibration) -> Markup:
    """Draws accuracy over confidence, and how many answers there are of each."""
    with drawing(height=336, bottom=38, rows=(3, 1)) as (figure, (axes, below)):
        from matplotlib.patches import Patch

        bins = [b for b in calibration.bins if b.accuracy is not None]
        width = 100 / max(len(calibration.bins), 1)
        axes.plot([0, 100], [0, 100], color=QUIET, linewidth=1, linestyle=(0, (3, 3)))
        bars = axes.bar(
            [100 * b.lower for b in bins],
            [100 * (b.accuracy or 0) for b in bins],
            width * 0.92,
            align="edge",
            color=FIRST,
        )
        for bar, b in zip(bars, bins, strict=True):
            if b.answers < FEW_ANSWERS:
                bar.set_alpha(0.3)
        handles = [Patch(color=FIRST, label="accuracy")]
        handles += axes.plot(
            [50 * (b.lower + b.upper) for b in bins],
            [100 * (b.confidence or 0) for b in bins],
            "_",
            markersize=12,
            markeredgewidth=2,
            color=SECOND,
            label="confidence",
        )
        below.bar(
            [100 * b.lower for b in bins],
            [b.answers for b in bins],
            width * 0.92,
            align="edge",
            color=THIRD,
        )
        below.set_yscale("log")
        below.set_ylim(0.7, max([b.answers for b in bins], default=1) * 2)
        below.minorticks_off()
        below.set_yticks(*_powers_of_ten([b.answers for b in bins]))
        axes.set_ylim(0, 102)
        axes.set_ylabel("% right")
        below.set_ylabel("answers")
        below.set_xlabel("confidence, %")
        for part in (axes, below):
            part.set_xlim(0, 100)
        axes.tick_params(labelbottom=False)
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        _legend(axes, columns=2, handles=handles)
        return svg(
            figure,
            "reliability",
            "Reliability diagram: "
            + "; ".join(
                f"confidence {100 * b.lower:.0f} to {100 * b.upper:.0f} %: "
                f"{b.answers} answers, {100 * (b.accuracy or 0):.0f} % right"
                for b in bins
            ),
        )


def _shown(task: Task, worst_first: Sequence[int]) -> list[int]:
    """Returns the labels that are drawn: all, or the worst where they are many."""
    if len(task.classes) <= DRAWN_CLASSES:
        return list(range(len(task.classes)))
    return list(worst_first[:DRAWN_CLASSES])


def _of(task: Task, shown: Sequence[int]) -> str:
    """Returns which classes are drawn, for a sentence; nothing if all are."""
    count = len(task.classes)
    return "" if len(shown) == count else f", the worst {len(shown)} of {count}"


@contextmanager
def _by_class(
    task: Task, shown: Sequence[int], each: float
) -> Iterator[tuple[Any, Any, list[str]]]:
    """Yields a figure, its axes with a row for each class, and the classes' names.

    Args:
        task: For the names.
        shown: Labels of the classes, the uppermost first.
        each: Units that a row needs.
    """
    names = [task.classes[label] for label in shown]
    left = task.classes and len(task.classes) - len(shown)
    height = max(int(max(each, 14) * len(shown)), 60) + 64
    with drawing(height, left=name_width(names), bottom=38) as (figure, axes):
        axes.set_yticks(range(len(shown)), stand_ins(names))
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.tick_params(axis="y", labelsize=9)
        if left:
            axes.annotate(
                f"and {left} more",
                (1, 1),
                xycoords="axes fraction",
                xytext=(0, 5),
                textcoords="offset points",
                ha="right",
                color=QUIET,
                fontsize=9,
            )
        yield figure, axes, names


def _whole_numbers_below(axes: Any, numbers: Sequence[int]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=9))
    if len(numbers) == 1:
        axes.set_xticks(numbers)


def _powers_of_ten(counts: Sequence[int]) -> tuple[list[int], list[str]]:
    highest = math.ceil(math.log10(max([*counts, 1]) + 1))
    ticks = [10**power for power in range(highest)]
    return ticks, [f"{tick:,}".replace(",", "\u202f") for tick in ticks]


def _legend(axes: Any, columns: int, handles: Any = None) -> None:
    options = {} if handles is None else {"handles": handles}
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=columns,
        borderpad=0,
        columnspacing=1.4,
        **options,
    )


def _list(parts: Iterable[str]) -> str:
    return ", ".join(parts)
