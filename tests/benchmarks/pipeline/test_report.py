"""Measurements become medians, paired ratios and verdicts."""

import io

import pytest
from rich.console import Console

from benchmarks.pipeline import report
from benchmarks.pipeline.measurements import Grown, Results


def verdict(results: Results, text: str) -> report.Verdict:
    [found] = [each for each in report.verdicts(results) if each.text.startswith(text)]
    return found


def shown(results: Results) -> list[list[str]]:
    console = Console(width=150, record=True, file=io.StringIO())
    console.print(report.render(results))
    return [line.split() for line in console.export_text().splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("text", "ratio", "met"),
    [
        ("whole run, wall, of the notebook's", 0.4, False),
        ("whole run, wall, of the stock", 0.16, False),
        ("training loop", 0.2, True),
        ("whole run, processor", 0.8, True),
        ("whole run, memory", 1.25, False),
        ("StatisticsGen and Evaluator", 0.5, True),
    ],
)
def test_ratios_are_paired_round_by_round(
    results: Results, text: str, ratio: float, met: bool
) -> None:
    found = verdict(results, text)
    assert found.measured == pytest.approx(ratio)
    assert found.met is met


def test_what_was_not_measured_is_neither_met_nor_missed(results: Results) -> None:
    for each in results.rounds:
        del each["stock"]
    found = verdict(results, "whole run, wall, of the stock")
    assert (found.measured, found.met) == (None, None)


def test_a_round_that_lacks_one_of_two_is_no_pair(results: Results) -> None:
    del results.rounds[0]["notebook"]
    results.rounds[1]["notebook"].seconds = 800
    assert verdict(results, "whole run, wall, of the notebook").measured == 0.2


def grown(images: int, seconds: float, **memory: float) -> Grown:
    return Grown(
        images=images,
        seconds=seconds,
        components={"StatisticsGen": seconds / 2},
        peaks_mb={name: mb + 100 for name, mb in memory.items()} | {"run": 700},
        live_mb=memory,
    )


def test_growth_is_judged_from_the_size_before_the_largest(results: Results) -> None:
    by_times = {
        1: grown(70, 1, taskmanager=1),
        4: grown(280, 10, taskmanager=50),
        16: grown(1120, 20, taskmanager=60),
    }
    results.growth = {"flink": by_times}
    of_growth = [v for v in report.verdicts(results) if v.text.startswith("flink")]
    assert {v.text.split(": ")[1].split(" at ")[0]: v.measured for v in of_growth} == {
        "whole run, time of an image": pytest.approx(0.5),
        "run, memory": 1.0,
        "taskmanager, live heap, memory": pytest.approx(1.2),
    }
    assert [v.met for v in of_growth] == [True, True, False]


def test_the_tables_hold_medians_ranges_and_verdicts(results: Results) -> None:
    results.growth = {"in process": {1: grown(70, 7), 4: grown(280, 14)}}
    rows = shown(results)

    assert ["processor", "a", "slow", "one"] in rows
    assert ["rounds", "2"] in rows
    figures = ["notebook", "300.0", "200.0", "400.0", "450.0", "1,000", "285.0", "7.60"]
    assert [*figures, "0.9800"] in rows
    assert ["StatisticsGen", "13.5", "(9.0)", "27.0", "(18.0)"] in rows
    assert ["whole", "run,", "us", "an", "image", "100,000", "50,000"] in rows
    assert ["run,", "peak", "MB", "700", "700"] in rows
    assert rows[-1][-1] == "met"
    assert [row[-1] for row in rows if row[2:4] == ["memory,", "of"]] == ["missed"]


def test_an_empty_file_shows_the_targets_alone() -> None:
    rows = shown(Results(machine={}, settings={}))
    assert all(row[-2:] == ["not", "measured"] for row in rows[2:])
    assert len(rows) == 2 + 6
