"""The page's plots, drawn by Matplotlib as SVG that follows the page's colours.

Each is inline SVG whose colours are the page's CSS variables, so that one
drawing is right on light, on dark and on paper, and whose texts are texts. The
objects are used without pyplot: nothing is kept of a figure, and nothing of the
process's plotting state is changed. Matplotlib is imported when the first one is
drawn, as a run that reuses everything draws none.
"""

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from components.report.data import Sampled, Split
from components.report.evaluation import Calibration, Digit
from components.report.model import Epoch
from pipeline.features import NUM_CLASSES

# Colours that nobody would choose stand for the page's variables until the SVG
# is text, since Matplotlib takes no CSS.
_TEXT, _QUIET, _LINE, _CARD = "#010201", "#010202", "#010203", "#010204"
_FIRST, _SECOND, _THIRD, _BAD = "#010205", "#010206", "#010207", "#010208"
_VARIABLES = {
    _TEXT: "text",
    _QUIET: "quiet",
    _LINE: "line",
    _CARD: "card",
    _FIRST: "accent",
    _SECOND: "second",
    _THIRD: "third",
    _BAD: "bad",
}
FEW_ANSWERS = 10
"""Bins of fewer are drawn pale: they say little."""

_SPLIT_COLOURS = (_FIRST, _SECOND, _THIRD)

# A unit of the drawing is about a CSS pixel where a plot fills a telephone.
_WIDTH, _HEIGHT = 360, 230
_POINTS_PER_INCH = 72


def class_balance(splits: Sequence[Split]) -> Markup:
    """Draws each digit's share of each split, in per cent."""
    with _figure() as (figure, axes):
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
        axes.axhline(10, color=_QUIET, linewidth=0.8, linestyle=(0, (2, 3)))
        _digits_below(axes)
        axes.set_ylabel("% of the split")
        _legend(axes, columns=3)
        return _svg(
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
    with _figure(top=4) as (figure, axes):
        shares = [100 * (share or 0) for share in sampled.inked]
        bars = axes.bar(range(NUM_CLASSES), shares, 0.62, color=_FIRST)
        axes.bar_label(
            bars,
            [
                "none" if inked is None else f"{share:.0f}"
                for share, inked in zip(shares, sampled.inked, strict=True)
            ],
            padding=2,
            color=_QUIET,
            fontsize=9,
        )
        axes.set_ylim(0, max(*shares, 1) * 1.16)
        _digits_below(axes)
        axes.set_ylabel("% of pixels with ink")
        return _svg(
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
    with _figure(bottom=38) as (figure, axes):
        marker = "o" if len(epochs) < 8 else None
        style: dict[str, Any] = {"marker": marker, "markersize": 4, "linewidth": 1.8}
        axes.plot(numbers, training, color=_FIRST, label=metric, **style)
        axes.plot(numbers, validation, color=_SECOND, label=f"val_{metric}", **style)
        if turning_point is not None and len(epochs) > 1:
            axes.axvline(
                turning_point, color=_QUIET, linewidth=0.9, linestyle=(0, (3, 3))
            )
            right = turning_point > (numbers[0] + numbers[-1]) / 2
            axes.annotate(
                "lowest val_loss",
                (turning_point, 0.5),
                xycoords=("data", "axes fraction"),
                xytext=(-5 if right else 5, 0),
                textcoords="offset points",
                ha="right" if right else "left",
                color=_QUIET,
                fontsize=9,
            )
        _whole_numbers_below(axes, numbers)
        axes.set_xlabel("epoch")
        axes.grid(axis="y", color=_LINE, linewidth=0.8)
        _legend(axes, columns=2)
        return _svg(
            figure,
            f"course-{metric}",
            f"Line chart: {metric} over {len(epochs)} epochs. On the training rows "
            f"from {training[0]:.4f} to {training[-1]:.4f}, on the validation rows "
            f"from {validation[0]:.4f} to {validation[-1]:.4f}.",
        )


def by_digit(digits: Sequence[Digit]) -> Markup:
    """Draws each digit's accuracy with its bound and the champion's."""
    with _figure() as (figure, axes):
        bounds = {d.bound for d in digits if d.bound is not None}
        measured = [d for d in digits if d.recall is not None]
        champions = [d for d in digits if d.champion is not None]
        for bound in bounds:
            axes.axhline(100 * bound, color=_BAD, linewidth=1, linestyle=(0, (4, 2)))
        axes.vlines(
            [d.digit for d in measured if d.champion is not None],
            [100 * d.champion for d in measured if d.champion is not None],
            [100 * (d.recall or 0) for d in measured if d.champion is not None],
            color=_LINE,
            linewidth=1.4,
        )
        axes.plot(
            [d.digit for d in champions],
            [100 * (d.champion or 0) for d in champions],
            "o",
            markersize=10,
            markerfacecolor=_CARD,
            markeredgecolor=_SECOND,
            markeredgewidth=1.4,
            label="champion",
        )
        axes.plot(
            [d.digit for d in measured],
            [100 * (d.recall or 0) for d in measured],
            "o",
            markersize=6.5,
            color=_FIRST,
            label="this model",
        )
        if bounds:
            axes.plot(
                [], [], color=_BAD, linewidth=1, linestyle=(0, (4, 2)), label="bound"
            )
        values = [d.recall for d in measured if d.recall is not None]
        values += [d.champion for d in champions if d.champion is not None]
        lowest = 100 * min([*values, *bounds], default=0)
        axes.set_ylim(lowest - (100 - lowest) * 0.12 - 0.1, 100.3)
        _digits_below(axes)
        axes.set_ylabel("% answered rightly")
        axes.grid(axis="y", color=_LINE, linewidth=0.8)
        handles, labels = axes.get_legend_handles_labels()
        kept = [
            pair
            for pair in zip(handles, labels, strict=True)
            if champions or pair[1] != "champion"
        ]
        _legend(axes, columns=3, handles=[handle for handle, _ in kept])
        return _svg(
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
    with _figure(height=336, left=0.1, bottom=38, top=4) as (figure, axes):
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
                        facecolor=_FIRST if right else _BAD,
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
                        color=_TEXT,
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
        return _svg(
            figure,
            "confusion",
            f"Heat map of the confusion matrix: {int(np.trace(counts))} of "
            f"{int(counts.sum())} on the diagonal; the most frequent mistake is "
            f"{row} answered with {column}, {int(off[row, column])} times. "
            "The numbers are in the table that follows.",
        )


def reliability(calibration: Calibration) -> Markup:
    """Draws accuracy over confidence, and how many answers there are of each."""
    with _figure(height=336, bottom=38, rows=(3, 1)) as (figure, (axes, below)):
        from matplotlib.patches import Patch

        bins = [b for b in calibration.bins if b.accuracy is not None]
        width = 100 / max(len(calibration.bins), 1)
        axes.plot([0, 100], [0, 100], color=_QUIET, linewidth=1, linestyle=(0, (3, 3)))
        bars = axes.bar(
            [100 * b.lower for b in bins],
            [100 * (b.accuracy or 0) for b in bins],
            width * 0.92,
            align="edge",
            color=_FIRST,
        )
        for bar, b in zip(bars, bins, strict=True):
            if b.answers < FEW_ANSWERS:
                bar.set_alpha(0.3)
        handles = [Patch(color=_FIRST, label="accuracy")]
        handles += axes.plot(
            [50 * (b.lower + b.upper) for b in bins],
            [100 * (b.confidence or 0) for b in bins],
            "_",
            markersize=12,
            markeredgewidth=2,
            color=_SECOND,
            label="confidence",
        )
        below.bar(
            [100 * b.lower for b in bins],
            [b.answers for b in bins],
            width * 0.92,
            align="edge",
            color=_THIRD,
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
        axes.grid(axis="y", color=_LINE, linewidth=0.8)
        _legend(axes, columns=2, handles=handles)
        return _svg(
            figure,
            "reliability",
            "Reliability diagram: "
            + "; ".join(
                f"confidence {100 * b.lower:.0f} to {100 * b.upper:.0f} %: "
                f"{b.answers} answers, {100 * (b.accuracy or 0):.0f} % right"
                for b in bins
            ),
        )


@contextmanager
def _figure(
    height: int = _HEIGHT,
    left: float = 0.135,
    bottom: int = 22,
    top: int = 26,
    rows: tuple[int, ...] = (1,),
) -> Iterator[tuple[Any, Any]]:
    """Yields a figure and its axes, with the page's looks for what is drawn.

    Args:
        height: Units.
        left: Share of the width that is margin.
        bottom: Units of margin.
        top: Units of margin.
        rows: Relative heights of the axes, one above the other.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_LOOKS):
        figure = Figure(figsize=(_WIDTH / _POINTS_PER_INCH, height / _POINTS_PER_INCH))
        figure.subplots_adjust(
            left=left,
            right=0.985,
            bottom=bottom / height,
            top=1 - top / height,
            hspace=0.12,
        )
        axes = figure.subplots(len(rows), height_ratios=rows)
        yield figure, axes


_LOOKS: Any = {
    "svg.fonttype": "none",
    "text.color": _TEXT,
    "text.usetex": False,
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _QUIET,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _QUIET,
    "ytick.labelcolor": _QUIET,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "legend.handlelength": 1.2,
}


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


def _svg(figure: Any, name: str, description: str) -> Markup:
    """Returns the figure as an element of the page.

    Args:
        figure: What was drawn.
        name: Of the figure in the page; what it defines is named after it.
        description: What there is to see, for those who do not.
    """
    import matplotlib

    stream = io.StringIO()
    # The salt names what is defined in the file: the same each time, and not the
    # same in two figures of one page.
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(stream, format="svg", transparent=True)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    _, _, body = text.partition(">")
    view = re.search(r'viewBox="([^"]*)"', text)
    assert view is not None, "Matplotlib's SVG has a viewBox"
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, f"var(--{variable})")
    body = re.sub(r"(font: [^;\"']*?\d+px) [^;\"]*", r"\1 system-ui, sans-serif", body)
    body = body.replace("xlink:href", "href")
    referred = set(re.findall(r'(?:href="#|url\(#)([\w-]+)', body))
    body = re.sub(
        r' id="([^"]+)"',
        lambda found: (
            found[0].replace('"', f'"{name}-', 1) if found[1] in referred else ""
        ),
        body,
    )
    body = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", body)
    body = re.sub(r">\s+<", "><", body)
    return Markup(
        f'<svg class="plot" role="img" aria-label="{escape(description)}" '
        f'viewBox="{view[1]}">{body}'
    )


def _list(counts: Sequence[int]) -> str:
    return ", ".join(map(str, counts))
