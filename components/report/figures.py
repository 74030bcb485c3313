"""The page's plots, each one what there is to see and how it is told in words."""

import math
from collections.abc import Sequence
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
    svg,
)
from components.report.data import Sampled, Split
from components.report.evaluation import Calibration, Digit
from components.report.model import Epoch
from contract.features import NUM_CLASSES

FEW_ANSWERS = 10
"""Bins of fewer are drawn pale: they say little."""

_SPLIT_COLOURS = (FIRST, SECOND, THIRD)


def class_balance(splits: Sequence[Split]) -> Markup:
    """Draws each digit's share of each split, in per cent."""
    with drawing() as (figure, axes):
        width = 0.8 / max(len(splits), 1)
        for place, split in enumerate(splits):
            total = max(split.examples, 1)
            offset = (place - (len(splits) - 1) / 2) * width
            axes.bar(
                [digit + offset for digit in range(NUM_CLASSES)],
                [100 * count / total for count in split.digits],
                width * 0.92,
                color=_SPLIT_COLOURS[place % len(_SPLIT_COLOURS)],
                label=split.name,
            )
        axes.axhline(10, color=QUIET, linewidth=0.8, linestyle=(0, (2, 3)))
        _digits_below(axes)
        axes.set_ylabel("% of the split")
        _legend(axes, columns=3)
        return svg(
            figure,
            "class-balance",
            "Bar chart: share of each digit in each split. "
            + " ".join(
                f"{split.name}: {_list(split.digits)} of {split.examples} examples."
                for split in splits
            ),
        )


def ink(sampled: Sampled) -> Markup:
    """Draws the mean share of inked pixels of each digit, in per cent."""
    with drawing(top=4) as (figure, axes):
        shares = [100 * (share or 0) for share in sampled.inked]
        bars = axes.bar(range(NUM_CLASSES), shares, 0.62, color=FIRST)
        axes.bar_label(
            bars,
            [
                "none" if inked is None else f"{share:.0f}"
                for share, inked in zip(shares, sampled.inked, strict=True)
            ],
            padding=2,
            color=QUIET,
            fontsize=9,
        )
        axes.set_ylim(0, max(*shares, 1) * 1.16)
        _digits_below(axes)
        axes.set_ylabel("% of pixels with ink")
        return svg(
            figure,
            "ink",
            "Bar chart: per cent of pixels with ink, digits 0 to 9: "
            + ", ".join(f"{share:.1f}" for share in shares),
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


def by_digit(digits: Sequence[Digit]) -> Markup:
    """Draws each digit's accuracy with its bound and the champion's."""
    with drawing() as (figure, axes):
        bounds = {d.bound for d in digits if d.bound is not None}
        measured = [d for d in digits if d.recall is not None]
        champions = [d for d in digits if d.champion is not None]
        for bound in bounds:
            axes.axhline(100 * bound, color=BAD, linewidth=1, linestyle=(0, (4, 2)))
        axes.vlines(
            [d.digit for d in measured if d.champion is not None],
            [100 * d.champion for d in measured if d.champion is not None],
            [100 * (d.recall or 0) for d in measured if d.champion is not None],
            color=LINE,
            linewidth=1.4,
        )
        axes.plot(
            [d.digit for d in champions],
            [100 * (d.champion or 0) for d in champions],
            "o",
            markersize=10,
            markerfacecolor=CARD,
            markeredgecolor=SECOND,
            markeredgewidth=1.4,
            label="champion",
        )
        axes.plot(
            [d.digit for d in measured],
            [100 * (d.recall or 0) for d in measured],
            "o",
            markersize=6.5,
            color=FIRST,
            label="this model",
        )
        if bounds:
            axes.plot(
                [], [], color=BAD, linewidth=1, linestyle=(0, (4, 2)), label="bound"
            )
        values = [d.recall for d in measured if d.recall is not None]
        values += [d.champion for d in champions if d.champion is not None]
        lowest = 100 * min([*values, *bounds], default=0)
        axes.set_ylim(lowest - (100 - lowest) * 0.12 - 0.1, 100.3)
        _digits_below(axes)
        axes.set_ylabel("% answered rightly")
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        handles, labels = axes.get_legend_handles_labels()
        kept = [
            pair
            for pair in zip(handles, labels, strict=True)
            if champions or pair[1] != "champion"
        ]
        _legend(axes, columns=3, handles=[handle for handle, _ in kept])
        return svg(
            figure,
            "by-digit",
            "Dot plot: per cent of each digit's test images answered rightly, "
            + ", ".join(f"{d.digit}: {100 * (d.recall or 0):.1f}" for d in measured),
        )


def confusion(matrix: Sequence[Sequence[int]]) -> Markup:
    """Draws the confusion matrix; a cell's ink is its share of its row.

    The right answers on the diagonal are of another colour than the mistakes,
    which have a scale of their own: they are a hundredth of the former.
    """
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    mistakes = shares - np.diag(np.diag(shares))
    worst = max(float(mistakes.max()), 1e-9)
    with drawing(height=336, left=0.1, bottom=38, top=4) as (figure, axes):
        from matplotlib.patches import Rectangle

        for row in range(NUM_CLASSES):
            for column in range(NUM_CLASSES):
                count = int(counts[row, column])
                right = row == column
                strength = shares[row, column] if right else mistakes[row, column]
                alpha = 0.55 * strength if right else 0.75 * strength / worst
                axes.add_patch(
                    Rectangle(
                        (column - 0.48, row - 0.48),
                        0.96,
                        0.96,
                        facecolor=FIRST if right else BAD,
                        alpha=round(float(alpha), 3),
                        linewidth=0,
                    )
                )
                if count:
                    axes.text(
                        column,
                        row,
                        str(count),
                        ha="center",
                        va="center_baseline",
                        fontsize=9,
                        color=TEXT,
                    )
        axes.set_xlim(-0.5, NUM_CLASSES - 0.5)
        axes.set_ylim(NUM_CLASSES - 0.5, -0.5)
        _digits_below(axes)
        axes.set_yticks(range(NUM_CLASSES))
        axes.set_xlabel("answer")
        axes.set_ylabel("digit")
        axes.spines[["left", "bottom"]].set_visible(False)
        off = counts - np.diag(np.diag(counts))
        row, column = np.unravel_index(off.argmax(), off.shape)
        return svg(
            figure,
            "confusion",
            f"Heat map of the confusion matrix: {int(np.trace(counts))} of "
            f"{int(counts.sum())} on the diagonal; the most frequent mistake is "
            f"{row} answered with {column}, {int(off[row, column])} times. "
            "The numbers are in the table that follows.",
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


def _digits_below(axes: Any) -> None:
    axes.set_xticks(range(NUM_CLASSES))


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


def _list(counts: Sequence[int]) -> str:
    return ", ".join(map(str, counts))
