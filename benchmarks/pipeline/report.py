"""Computes medians, ratios and verdicts from the measurements, and shows them."""

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.pipeline.contenders import (
    ALL,
    EARLIER,
    NOTEBOOK,
    PIPELINE,
    STOCK,
)
from benchmarks.pipeline.measurements import Grown, Measured, Results

_DATA_NODES = ("StatisticsGen", "Evaluator")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target and the measured value, or None; a value up to `bound` meets it."""

    text: str
    measured: float | None
    bound: float

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None if it was not measured."""
        return None if self.measured is None else self.measured <= self.bound


Figure = Callable[[Measured], float]


def _wall(measured: Measured) -> float:
    return measured.seconds


def _data_nodes(measured: Measured) -> float:
    return sum(measured.components_cpu[node] for node in _DATA_NODES)


_TARGETS: tuple[tuple[str, str, Figure, float], ...] = (
    ("whole run, wall, of the notebook's", NOTEBOOK, _wall, 0.27),
    ("whole run, wall, of the stock pipeline's", STOCK, _wall, 0.14),
    (
        "training loop, wall, of the notebook's fit",
        *(NOTEBOOK, lambda measured: measured.facts.fit_seconds, 0.25),
    ),
    (
        "whole run, processor, of the earlier one's",
        *(EARLIER, lambda measured: measured.cpu_seconds, 1.05),
    ),
    (
        "whole run, memory, of the earlier one's",
        *(EARLIER, lambda measured: measured.peak_mb, 1.0),
    ),
    (
        "StatisticsGen and Evaluator, processor, of the earlier ones'",
        *(EARLIER, _data_nodes, 0.55),
    ),
)
"""Targets: text, other contender, figure, and the largest allowed ratio of our
pipeline's figure to the other's."""


def verdicts(results: Results) -> list[Verdict]:
    """Returns every target with its measured value.

    A ratio is computed in each round, and the median of the rounds counts: a machine
    that slows down half-way slows both contenders.
    """
    found = []
    for text, other, figure, bound in _TARGETS:
        pairs = results.pairs(PIPELINE, other)
        measured = _median(figure(ours) / figure(theirs) for ours, theirs in pairs)
        found.append(Verdict(text, measured, bound))
    for where, by_times in results.growth.items():
        found += _growth_verdicts(where, by_times)
    return found


def _growth_verdicts(where: str, by_times: Mapping[int, Grown]) -> list[Verdict]:
    if len(by_times) < 2:
        return []
    *_, before, largest = sorted(by_times)
    a, b = by_times[before], by_times[largest]
    memory = {
        f"{name}{what}": (of_b[name] / of_a[name])
        for what, of_a, of_b in (
            ("", a.peaks_mb, b.peaks_mb),
            (", live heap", a.live_mb, b.live_mb),
        )
        for name in of_a
        # Of a Java process only the live heap counts: Java decides how much more it
        # takes.
        if name in of_b and (what or name not in a.live_mb)
    }
    return [
        Verdict(
            f"{where}: whole run, time of an image at {largest} times, of that at "
            f"{before}",
            (b.seconds / b.images) / (a.seconds / a.images),
            1.0,
        ),
        *(
            Verdict(
                f"{where}: {name}, memory at {largest} times, of that at {before}",
                ratio,
                1.1,
            )
            for name, ratio in memory.items()
        ),
    ]


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None


def render(results: Results) -> RenderableType:
    """Returns everything in a results file, as tables."""
    parts: list[RenderableType] = [_machine_table(results)]
    if results.rounds:
        parts += [_contenders_table(results), _components_table(results)]
    parts += [_growth_table(w, by_times) for w, by_times in results.growth.items()]
    parts.append(_verdicts_table(results))
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [part, Text()]
    return Group(*spaced[:-1])


def _plain(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
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
        fit = statistics.median(each.facts.fit_seconds for each in runs)
        accuracy = statistics.median(each.facts.test_accuracy for each in runs)
        table.add_row(
            name,
            f"{statistics.median(walls):.1f}",
            f"{min(walls):.1f}",
            f"{max(walls):.1f}",
            f"{statistics.median(each.cpu_seconds for each in runs):.1f}",
            f"{statistics.median(each.peak_mb for each in runs):,.0f}",
            f"{fit:.1f}",
            f"{1000 * fit / runs[0].facts.steps:.2f}",
            f"{accuracy:.4f}",
        )
    return table


def _components_table(results: Results) -> Table:
    names = [name for name in (PIPELINE, EARLIER, STOCK) if results.of(name)]
    table = _plain("seconds by component, wall (processor)", *names)
    nodes = dict.fromkeys(
        node for name in names for each in results.of(name) for node in each.components
    )
    for node in nodes:
        cells = []
        for name in names:
            runs = [each for each in results.of(name) if node in each.components]
            wall = _median(each.components[node] for each in runs)
            cpu = _median(each.components_cpu[node] for each in runs)
            cells.append("" if wall is None else f"{wall:.1f} ({cpu:.1f})")
        table.add_row(node, *cells)
    return table


def _growth_table(where: str, by_times: Mapping[int, Grown]) -> Table:
    """Returns a table with one column per size: component times and process memory."""
    table = _plain(where, *(f"{times} times" for times in sorted(by_times)))
    grown = [by_times[times] for times in sorted(by_times)]

    rows = {
        "images": [f"{each.images:,}" for each in grown],
        **{
            f"{node}, s": [f"{each.components[node]:.1f}" for each in grown]
            for node in grown[0].components
        },
        "whole run, s": [f"{each.seconds:.1f}" for each in grown],
        "whole run, us an image": [
            f"{1e6 * each.seconds / each.images:,.0f}" for each in grown
        ],
        **{
            f"{name}, peak MB": [f"{each.peaks_mb.get(name, 0):,.0f}" for each in grown]
            for name in grown[0].peaks_mb
        },
        **{
            f"{name}, live heap MB": [f"{each.live_mb[name]:,.0f}" for each in grown]
            for name in grown[0].live_mb
        },
    }
    for text, cells in rows.items():
        table.add_row(text, *cells)
    return table


def _verdicts_table(results: Results) -> Table:
    table = _plain("target", "measured", "at most", "")
    met = {True: "[green]met[/]", False: "[red]missed[/]", None: "not measured"}
    for verdict in verdicts(results):
        measured = "" if verdict.measured is None else f"{verdict.measured:.2f}"
        table.add_row(verdict.text, measured, f"{verdict.bound:.2f}", met[verdict.met])
    return table
