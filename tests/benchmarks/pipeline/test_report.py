"""Measurements become medians, paired ratios and verdicts."""

import io

import pytest
from rich.console import Console

from benchmarks.pipeline import report
from benchmarks.pipeline.measurements import Grown, NodeGrowth, Results


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
        ("whole run, of the notebook's", 0.4, True),
        ("whole run, of the stock", 0.16, True),
        ("training loop", 0.2, True),
        ("a re-run", 1.4, False),
        ("ingest", 3.0, True),
        ("all other components", 15.0, True),
        ("peak memory of the run", 1500, True),
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
    found = verdict(results, "whole run, of the stock")
    assert (found.measured, found.met) == (None, None)


def test_a_round_that_lacks_one_of_two_is_no_pair(results: Results) -> None:
    del results.rounds[0]["notebook"]
    results.rounds[1]["notebook"].seconds = 800
    assert verdict(results, "whole run, of the notebook").measured == 0.2


def test_accuracies_are_compared_over_the_seeds_that_both_have(
    results: Results,
) -> None:
    results.accuracies = {
        "notebook": {1: 0.978, 2: 0.980, 3: 0.5},
        "pipeline": {1: 0.977, 2: 0.978},
    }
    found = verdict(results, "accuracy below")
    assert found.measured == pytest.approx(0.15)
    assert found.met is False


def grown(images: int, seconds: float, peak_mb: float) -> Grown:
    node = NodeGrowth(seconds=seconds, peak_mb=peak_mb, added_mb=10)
    nodes = ("ImageExampleGen", "StatisticsGen", "Transform", "Trainer", "Evaluator")
    return Grown(
        images=images,
        epochs=1,
        seconds=9,
        peak_mb=peak_mb,
        nodes=dict.fromkeys(nodes, node),
    )


def test_growth_compares_time_per_image_and_memory_at_both_ends(
    results: Results,
) -> None:
    results.growth = {
        1: grown(70, 7, 100),
        4: grown(280, 1, 900),
        16: grown(1120, 56, 140),
    }
    times = verdict(results, "StatisticsGen, seconds per image at 16 times")
    memory = verdict(results, "StatisticsGen, peak memory at 16 times")
    assert times.measured == pytest.approx(0.5)
    assert memory.measured == pytest.approx(1.4)
    assert (times.met, memory.met) == (True, False)


def test_the_tables_hold_medians_ranges_and_verdicts(results: Results) -> None:
    results.accuracies = {"notebook": {1: 0.978}, "pipeline": {1: 0.977}}
    results.growth = {1: grown(70, 7, 100)}
    rows = shown(results)

    assert ["processor", "a", "slow", "one"] in rows
    assert ["rounds", "2"] in rows
    figures = ["notebook", "300.0", "200.0", "400.0", "450.0", "1,000", "285.0", "7.60"]
    assert [*figures, "0.9800"] in rows
    assert ["StatisticsGen", "13.5"] in rows
    assert ["pipeline", "0.9770", "0.9770"] in rows
    assert ["StatisticsGen", "7.0", "100000", "100", "10"] in rows
    assert rows[-1][-1] == "met"
    assert [row[-1] for row in rows if row[:2] == ["a", "re-run"]] == ["missed"]


def test_an_empty_file_shows_the_targets_alone() -> None:
    rows = shown(Results(machine={}, settings={}))
    assert all(row[-2:] == ["not", "measured"] for row in rows[2:])
    assert len(rows) == 2 + 8
