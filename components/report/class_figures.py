"""Draws the page's plots with a row for each class, or for the worst classes."""

from collections.abc import Iterator, Sequence
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
    legend,
    name_width,
    stand_ins,
    svg,
)
from components.report.data import Sampled, Split
from components.report.evaluation import OfClass, worst_first
from contract.task import Task

DRAWN_CLASSES = 30
"""Maximum number of classes in a plot; of more classes the worst are drawn."""

NUMBERED_CLASSES = 16
"""Maximum number of classes for numbers in the cells of the confusion matrix."""

_SPLIT_COLOURS = (FIRST, SECOND, THIRD)


def class_balance(task: Task, splits: Sequence[Split]) -> Markup:
    """Draws each class's share of each split, in per cent.

    If there are many classes, it draws those with the fewest rows in the first split.
    """
    of_first = splits[0].counts if splits else (0,) * len(task.classes)
    shown = _shown(task, sorted(range(len(of_first)), key=of_first.__getitem__))
    with _by_class(task, shown, 3.6 * max(len(splits), 3)) as (figure, axes, names):
        height = 0.74 / max(len(splits), 1)
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
        if splits:
            legend(axes, columns=3)
        return svg(
            figure,
            "class-balance",
            f"Bar chart: share of each {task.noun} in each split{_of(task, shown)}. "
            + " ".join(
                f"{split.name}: "
                + ", ".join(f"{task.classes[i]} {split.counts[i]}" for i in shown)
                + f" of {split.examples} examples."
                for split in splits
            ),
            names,
        )


def ink(task: Task, sampled: Sampled) -> Markup:
    """Draws the mean share of inked pixels of each class, in per cent.

    If there are many classes, it draws those with the least ink.
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
            + ", ".join(
                f"{task.classes[label]} {share:.1f}"
                for label, share in zip(shown, shares, strict=True)
            ),
            names,
        )


def by_class(task: Task, classes: Sequence[OfClass]) -> Markup:
    """Draws each class's accuracy with its bound and the champion's accuracy.

    If there are many classes, it draws the worst ones.
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
        legend(axes, columns=3)
        return svg(
            figure,
            "by-class",
            f"Dot plot: per cent of each {task.noun}'s test images answered rightly"
            f"{_of(task, shown)}: "
            + ", ".join(f"{task.classes[shown[row]]} {100 * v:.1f}" for row, v in ours),
            names,
        )


def confusion(task: Task, matrix: Sequence[Sequence[int]]) -> Markup:
    """Draws the confusion matrix; a cell's opacity is its share of its row.

    The right answers on the diagonal have another colour than the mistakes. The
    mistakes also have their own scale, because they are about a hundred times rarer.
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


def _shown(task: Task, worst_first: Sequence[int]) -> list[int]:
    """Returns the labels that are drawn: all, or the worst of too many."""
    if len(task.classes) <= DRAWN_CLASSES:
        return list(range(len(task.classes)))
    return list(worst_first[:DRAWN_CLASSES])


def _of(task: Task, shown: Sequence[int]) -> str:
    """Returns a phrase that says how many classes are drawn; empty if all are."""
    count = len(task.classes)
    return "" if len(shown) == count else f", the worst {len(shown)} of {count}"


@contextmanager
def _by_class(
    task: Task, shown: Sequence[int], each: float
) -> Iterator[tuple[Any, Any, list[str]]]:
    """Yields a figure, its axes with a row for each class, and the classes' names."""
    names = [task.classes[label] for label in shown]
    left = len(task.classes) - len(shown)
    height = max(int(max(each, 14) * len(shown)), 60) + 64
    with drawing(height, left=name_width(names), bottom=38) as (figure, axes):
        axes.set_yticks(range(len(shown)), stand_ins(names))
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.tick_params(axis="y", labelsize=9)
        if left:
            axes.annotate(
                f"and {left} more",
                (1, 0),
                xycoords="axes fraction",
                xytext=(0, -29),
                textcoords="offset points",
                ha="right",
                color=QUIET,
                fontsize=9,
            )
        yield figure, axes, names
