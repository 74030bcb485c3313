"""From measurements to medians, ratios and verdicts."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.pipeline.contenders import (
    ALL,
    ENDING,
    IMPORT_TFX,
    LIMIT,
    NOTEBOOK,
    PIPELINE,
    RERUN,
    START_UP,
    STOCK,
)
from benchmarks.pipeline.measurements import Measured, Results

_INGEST = "ImageExampleGen"
_NOT_THE_REST = (_INGEST, "Trainer", START_UP, ENDING)
_GROWING = (_INGEST, "StatisticsGen", "Transform")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target and what was measured.

    Attributes:
        text: What it says.
        measured: What came out; None where it was not measured.
        bound: At most this.
        unit: Behind both.
    """

    text: str
    measured: float | None
    bound: float
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it was met; None where it was not measured."""
        return None if self.measured is None else self.measured <= self.bound


def verdicts(results: Results) -> list[Verdict]:
    """Returns every target with what was measured."""
    return [
        Verdict(
            "whole run, of the notebook's",
            _ratio(results, PIPELINE, NOTEBOOK),
            0.5,
        ),
        Verdict(
            "whole run, of the stock pipeline's", _ratio(results, PIPELINE, STOCK), 0.2
        ),
        Verdict(
            "training loop, of the notebook's fit",
            _fit_ratio(results, PIPELINE, NOTEBOOK),
            0.25,
        ),
        Verdict("ingest", _components(results, lambda name: name == _INGEST), 5, " s"),
        Verdict(
            "all other components but the Trainer",
            _components(results, lambda name: name not in _NOT_THE_REST),
            30,
            " s",
        ),
        Verdict(
            "a re-run with nothing to do, of importing TFX's local runner",
            _ratio(results, RERUN, IMPORT_TFX),
            1.3,
        ),
        Verdict(
            "accuracy below the notebook's, percentage points, same seeds",
            _accuracy_loss(results),
            0.1,
        ),
        Verdict(
            "peak memory of the run",
            _median(each.peak_mb for each in results.of(PIPELINE)),
            2000,
            " MB",
        ),
        *_growth_verdicts(results),
    ]


def _ratio(results: Results, one: str, other: str) -> float | None:
    """The median over the rounds of one's wall time to the other's.

    Paired, so that a machine that slows down half-way slows both.
    """
    return _median(a.seconds / b.seconds for a, b in results.pairs(one, other))


def _fit_ratio(results: Results, one: str, other: str) -> float | None:
    return _median(
        a.facts.fit_seconds / b.facts.fit_seconds
        for a, b in results.pairs(one, other)
        if a.facts and b.facts
    )


def _components(results: Results, counts: Callable[[str], bool]) -> float | None:
    return _median(
        sum(seconds for name, seconds in each.components.items() if counts(name))
        for each in results.of(PIPELINE)
    )


def _accuracy_loss(results: Results) -> float | None:
    ours = results.accuracies.get(PIPELINE, {})
    theirs = results.accuracies.get(NOTEBOOK, {})
    both = sorted(ours.keys() & theirs.keys())
    if not both:
        return None
    mean = statistics.fmean
    return 100 * (mean(theirs[n] for n in both) - mean(ours[n] for n in both))


def _growth_verdicts(results: Results) -> list[Verdict]:
    if len(results.growth) < 2:
        return []
    smallest, largest = min(results.growth), max(results.growth)
    small, large = results.growth[smallest], results.growth[largest]
    found = []
    for node in _GROWING:
        a, b = small.nodes[node], large.nodes[node]
        found += [
            Verdict(
                f"{node}, seconds per image at {largest} times, of those at {smallest}",
                (b.seconds / large.images) / (a.seconds / small.images),
                1.0,
            ),
            Verdict(
                f"{node}, peak memory at {largest} times, of that at {smallest}",
                b.peak_mb / a.peak_mb,
                1.3,
            ),
        ]
    return found


def _median(values: Any) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None


def render(results: Results) -> RenderableType:
    """Everything in a results file, as tables."""
    parts: list[RenderableType] = [_machine_table(results)]
    if results.rounds:
        parts += [_contenders_table(results), _components_table(results)]
    if results.accuracies:
        parts.append(_accuracies_table(results))
    if results.growth:
        parts.append(_growth_table(results))
    parts.append(_verdicts_table(results))
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [part, Text()]
    return Group(*spaced[:-1])


def _plain(*columns: str, left: int = 1) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < left else "right")
    return table


def _machine_table(results: Results) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for key, value in {**results.machine, **results.settings}.items():
        table.add_row(key, str(value))
    table.add_row("rounds", str(len(results.rounds)))
    return table


def _contenders_table(results: Results) -> Table:
    table = _plain(
        "", "median s", "low", "high", "CPU s", "peak MB", "fit s", "ms a step", "test"
    )
    for name in ALL:
        runs = results.of(name)
        if not runs:
            continue
        walls = [each.seconds for each in runs]
        facts = [each.facts for each in runs if each.facts]
        fit = [each.fit_seconds for each in facts]
        table.add_row(
            name,
            f"{statistics.median(walls):.1f}",
            f"{min(walls):.1f}",
            f"{max(walls):.1f}",
            # The limit's process times one epoch of many.
            "" if name == LIMIT else f"{_of(runs, 'cpu_seconds'):.1f}",
            "" if name == LIMIT else f"{_of(runs, 'peak_mb'):,.0f}",
            f"{statistics.median(fit):.1f}" if fit else "",
            f"{1000 * statistics.median(fit) / facts[0].steps:.2f}" if fit else "",
            f"{statistics.median(each.test_accuracy for each in facts):.4f}"
            if facts
            else "",
        )
    return table


def _of(runs: list[Measured], figure: str) -> float:
    return statistics.median(getattr(each, figure) for each in runs)


def _components_table(results: Results) -> Table:
    names = [name for name in (PIPELINE, STOCK, RERUN) if results.of(name)]
    table = _plain("seconds by component", *names)
    nodes: dict[str, None] = {}
    for name in names:
        for each in results.of(name):
            nodes |= dict.fromkeys(each.components)
    for node in nodes:
        cells = []
        for name in names:
            seconds = [
                each.components[node]
                for each in results.of(name)
                if node in each.components
            ]
            cells.append(f"{statistics.median(seconds):.1f}" if seconds else "")
        table.add_row(node, *cells)
    return table


def _accuracies_table(results: Results) -> Table:
    seeds = sorted({seed for each in results.accuracies.values() for seed in each})
    table = _plain("test accuracy by seed", *map(str, seeds), "mean")
    for name, by_seed in results.accuracies.items():
        cells = [f"{by_seed[n]:.4f}" if n in by_seed else "" for n in seeds]
        table.add_row(name, *cells, f"{statistics.fmean(by_seed.values()):.4f}")
    return table


def _growth_table(results: Results) -> Table:
    table = _plain(
        "times", "component", "seconds", "us an image", "peak MB", "added MB", left=2
    )
    for times, grown in sorted(results.growth.items()):
        for node in (*_GROWING, "Trainer", "Evaluator"):
            of_node = grown.nodes[node]
            table.add_row(
                str(times) if node == _INGEST else "",
                node,
                f"{of_node.seconds:.1f}",
                f"{1e6 * of_node.seconds / grown.images:.0f}",
                f"{of_node.peak_mb:,.0f}",
                f"{of_node.added_mb:,.0f}",
            )
        table.add_row(
            "",
            f"whole run, {grown.images:,} images",
            f"{grown.seconds:.1f}",
            f"{1e6 * grown.seconds / grown.images:.0f}",
            f"{grown.peak_mb:,.0f}",
            "",
        )
    return table


def _verdicts_table(results: Results) -> Table:
    table = _plain("target", "measured", "at most", "")
    for verdict in verdicts(results):
        met = {True: "[green]met[/]", False: "[red]missed[/]", None: "not measured"}
        digits = 2 if not verdict.unit else 1
        table.add_row(
            verdict.text,
            ""
            if verdict.measured is None
            else f"{verdict.measured:,.{digits}f}{verdict.unit}",
            f"{verdict.bound:,.{digits}f}{verdict.unit}",
            met[verdict.met],
        )
    return table
