"""Draws the page's plots of the training and of the calibration."""

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from components.report.calibration import Calibration
from components.report.canvas import (
    FIRST,
    LINE,
    QUIET,
    SECOND,
    THIRD,
    drawing,
    legend,
    svg,
)
from components.report.model import Epoch

FEW_ANSWERS = 10
"""Bins with fewer answers are drawn pale, because they are not reliable."""


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
        legend(axes, columns=2)
        return svg(
            figure,
            f"course-{metric}",
            f"Line chart: {metric} over {len(epochs)} epochs. On the training rows "
            f"from {training[0]:.4f} to {training[-1]:.4f}, on the validation rows "
            f"from {validation[0]:.4f} to {validation[-1]:.4f}.",
        )


def reliability(calibration: Calibration) -> Markup:
    """Draws accuracy over confidence, with the number of answers in each bin."""
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
        legend(axes, columns=2, handles=handles)
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


def _whole_numbers_below(axes: Any, numbers: Sequence[int]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=9))
    if len(numbers) == 1:
        axes.set_xticks(numbers)


def _powers_of_ten(counts: Sequence[int]) -> tuple[list[int], list[str]]:
    highest = math.ceil(math.log10(max([*counts, 1]) + 1))
    ticks = [10**power for power in range(highest)]
    return ticks, [f"{tick:,}".replace(",", "\u202f") for tick in ticks]
