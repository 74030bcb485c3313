"""Computes medians, ratios and verdicts from the measurements, and shows them."""

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from rich.table import Table

from benchmarks.machine import describe
from benchmarks.serving.load import Measurement

Runs = Mapping[tuple[str, int], Sequence[Measurement]]
"""The repeats by contender and concurrency; the n-th repeats of all ran in turn."""


@dataclass(frozen=True, slots=True)
class Target:
    """A bound for the ratio of the embedded server's figure to another contender's.

    Attributes:
        text: Description of the target.
        metric: The compared field of `Measurement`.
        against: The other contender.
        concurrency: Number of concurrent callers.
        bound: The bound of the ratio.
        at_least: Whether the bound is the least ratio; otherwise it is the largest.
    """

    text: str
    metric: str
    against: str
    concurrency: int
    bound: float
    at_least: bool

    def met(self, ratio: float) -> bool:
        """Returns whether a ratio meets the target."""
        return ratio >= self.bound if self.at_least else ratio <= self.bound


TARGETS = (
    Target("throughput, times the plain way's", "rate", "plain", 32, 3.0, True),
    Target("throughput, share of the limit's", "rate", "limit", 32, 0.6, True),
    Target("median latency, times the limit's", "p50", "limit", 1, 1.5, False),
    # Cost of logging: the embedded server's rate to that of one that logs a request in
    # 100.
    Target("throughput, times the logging one's", "rate", "logged", 32, 1.05, False),
)


def ratio(runs: Runs, target: Target) -> float:
    """Returns the ratio of the embedded server's figure to the other contender's."""
    return _paired(runs, "embedded", target.against, target.concurrency, target.metric)


def _paired(runs: Runs, name: str, other: str, concurrency: int, metric: str) -> float:
    """Returns the median of the ratios of two contenders in each repeat.

    A machine that slows down half-way slows both contenders of a repeat.
    """
    return statistics.median(
        getattr(mine, metric) / getattr(theirs, metric)
        for mine, theirs in zip(
            runs[name, concurrency], runs[other, concurrency], strict=True
        )
    )


def medians(measurements: Sequence[Measurement]) -> Measurement:
    """Returns the median of every figure over the repeats; answers are added up."""
    figures = {
        field.name: statistics.median(getattr(one, field.name) for one in measurements)
        for field in fields(Measurement)
    }
    answers = sum(one.answers for one in measurements)
    return Measurement(**{**figures, "answers": answers})


def results_table(runs: Runs) -> Table:
    """Returns a table of medians by concurrency and contender; CPU is ms per answer."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("callers", justify="right")
    table.add_column("server")
    figures = ("rate/s", "low", "high", "p50 ms", "p99 ms", "server CPU", "client CPU")
    for column in figures:
        table.add_column(column, justify="right")
    last = None
    for (name, concurrency), measurements in sorted(
        runs.items(), key=lambda item: item[0][1]
    ):
        middle = medians(measurements)
        rates = [item.rate for item in measurements]
        table.add_row(
            "" if concurrency == last else str(concurrency),
            name,
            f"{middle.rate:,.0f}",
            f"{min(rates):,.0f}",
            f"{max(rates):,.0f}",
            f"{middle.p50:.2f}",
            f"{middle.p99:.2f}",
            f"{middle.server_cpu:.2f}",
            f"{middle.client_cpu:.2f}",
        )
        last = concurrency
    return table


def targets_table(runs: Runs) -> Table:
    """Returns a table of the targets with their ratios and verdicts."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("embedded server's ...")
    for column in ("at", "measured", "target"):
        table.add_column(column, justify="right")
    table.add_column("")
    for target in TARGETS:
        value = ratio(runs, target)
        met = target.met(value)
        table.add_row(
            target.text,
            str(target.concurrency),
            f"{value:.2f}",
            f"{'at least' if target.at_least else 'at most'} {target.bound}",
            "[green]met[/]" if met else "[red]missed[/]",
        )
    most = max(concurrency for _, concurrency in runs)
    alone = "(gRPC's core alone, times the plain way's)"
    table.add_row(
        alone, str(most), f"{_paired(runs, 'core', 'plain', most, 'rate'):.2f}"
    )
    return table


def as_json(runs: Runs, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns all measurements and targets, for programs."""
    return {
        "machine": {
            **describe(("tensorflow", "grpcio", "protobuf")),
            "load": f"{os.getloadavg()[1]:.1f} "
            "(average over five minutes, own included)",
        },
        "settings": dict(settings),
        "results": [
            {
                "server": name,
                "concurrency": concurrency,
                "median": asdict(medians(measurements)),
                "repeats": list(map(asdict, measurements)),
            }
            for (name, concurrency), measurements in runs.items()
        ],
        "targets": [
            {
                **asdict(target),
                "ratio": (value := ratio(runs, target)),
                "met": target.met(value),
            }
            for target in TARGETS
        ],
    }
