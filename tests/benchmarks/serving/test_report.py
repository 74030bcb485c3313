"""Measurements become medians, paired ratios and verdicts."""

import io
import json

import pytest
from rich.console import Console

from benchmarks.serving import report
from benchmarks.serving.contenders import NAMES
from benchmarks.serving.load import Measurement


def measured(rate: float, p50: float = 1.0) -> Measurement:
    return Measurement(rate, p50, 2 * p50, int(rate), 0.5, 0.25)


def runs(
    embedded: list[float], plain: list[float], limit: list[float]
) -> dict[tuple[str, int], list[Measurement]]:
    # Here alone and logged are as fast as embedded, and core is as fast as limit.
    of_each = (embedded, embedded, embedded, plain, limit, limit)
    rates = dict(zip(NAMES, of_each, strict=True))
    return {
        (name, concurrency): [measured(rate, 1000 / rate) for rate in rates[name]]
        for concurrency in (1, 8, 32)
        for name in NAMES
    }


def test_ratios_are_paired_repeat_by_repeat() -> None:
    # the machine halved its speed after the first repeat
    slowed = runs([900, 450, 450], [300, 150, 150], [1500, 750, 750])
    times_plain, share_of_limit, latency, times_logged = report.TARGETS
    assert report.ratio(slowed, times_logged) == 1.0
    assert report.ratio(slowed, times_plain) == 3.0
    assert report.ratio(slowed, share_of_limit) == pytest.approx(0.6)
    assert report.ratio(slowed, latency) == pytest.approx(1 / 0.6)


def test_a_median_is_not_moved_by_one_bad_repeat() -> None:
    middle = report.medians([measured(100), measured(1), measured(102)])
    assert middle.rate == 100
    assert middle.answers == 203


@pytest.mark.parametrize(
    ("embedded", "met"),
    [
        ([900] * 3, [True, True, False, True]),
        ([1400] * 3, [True, True, True, True]),
    ],
)
def test_verdicts_follow_the_targets(embedded: list[float], met: list[bool]) -> None:
    outcome = report.as_json(runs(embedded, [300] * 3, [1500] * 3), {"repeats": 3})
    assert [target["met"] for target in outcome["targets"]] == met
    assert outcome["settings"] == {"repeats": 3}
    assert json.loads(json.dumps(outcome)) == outcome
    assert [
        (item["server"], item["concurrency"], item["median"]["rate"])
        for item in outcome["results"][:5]
        if item["server"] not in ("alone", "logged", "core")
    ] == [("embedded", 1, embedded[0]), ("plain", 1, 300), ("limit", 1, 1500)]


def test_the_tables_say_met_or_missed() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(report.results_table(runs([900], [301], [1500])))
    console.print(report.targets_table(runs([900], [301], [1500])))
    text = console.export_text()
    rows = [line.split() for line in text.splitlines() if line.strip()]
    assert rows[1][:5] == ["1", "embedded", "900", "900", "900"]
    assert [row[0] for row in rows[2:7]] == list(NAMES[1:])
    verdicts = ["missed", "met", "missed", "met", "4.98"]
    assert [row[-1] for row in rows[-5:]] == verdicts
    assert rows[-5][-5:-1] == ["2.99", "at", "least", "3.0"]
