"""The demands that are shown, with advice for those that were not met."""

import pytest

from components.evaluator.judgement import CHAMPION_FALL
from components.report.gates import MOST_FAILED, refusals, shown, what_to_do
from contract.demands import AT_LEAST, AT_MOST, Demand


def of_class(name: str, value: float | None, metric: str = "accuracy") -> Demand:
    passed = value is not None and value >= 0.5
    return Demand("Evaluator", metric, name, value, 0.5, AT_LEAST, passed=passed)


OVERALL = Demand("Evaluator", "accuracy", "", 0.9, 0.97, AT_LEAST)


def test_classes_that_all_passed_are_told_by_the_worst() -> None:
    rows = shown([OVERALL, of_class("a", 0.9), of_class("b", 0.6), of_class("c", 0.7)])
    assert [(row.demand.slice, row.worst_of) for row in rows] == [("", 0), ("b", 3)]


def test_less_is_better_where_the_bound_is_above() -> None:
    demands = [
        Demand("Evaluator", "log_loss", name, value, 2.0, AT_MOST, passed=True)
        for name, value in (("a", 0.1), ("b", 0.9))
    ]
    assert [row.demand.slice for row in shown(demands)] == ["b"]


def test_every_class_that_failed_is_shown_worst_first() -> None:
    rows = shown([of_class("a", 0.4), of_class("b", 0.6), of_class("c", None)])
    assert [(row.demand.slice, row.worst_of) for row in rows] == [("c", 3), ("a", 0)]


def test_of_very_many_the_rest_is_counted() -> None:
    rows = shown([of_class(str(n), n / 1000) for n in range(MOST_FAILED + 8)])
    assert len(rows) == MOST_FAILED
    assert [row.more for row in rows] == [0] * (MOST_FAILED - 1) + [8]


def test_each_metric_is_folded_by_itself() -> None:
    demands = [of_class(n, 0.9, m) for m in ("accuracy", "top_5") for n in "ab"]
    assert [row.demand.metric for row in shown(demands)] == ["accuracy", "top_5"]


def test_a_refusal_is_a_demand_with_all_classes_that_failed() -> None:
    found = refusals(
        [OVERALL, of_class("a", 0.4), of_class("b", 0.9), of_class("c", 0.3)]
    )
    assert [(one.demand.slice, one.others) for one in found] == [
        ("", ()),
        ("c", ("a",)),
    ]


def test_what_is_overruled_is_no_refusal() -> None:
    demand = Demand("DataGate", "findings", "", 3, 0, AT_MOST, overruled=True)
    assert refusals([demand]) == []
    assert what_to_do([demand]) == []


@pytest.mark.parametrize(
    ("gate", "metric", "of_class", "direction", "flag"),
    [
        ("DataGate", "findings", "", AT_MOST, "--allow-anomalies"),
        ("Evaluator", "accuracy", "", AT_LEAST, "--min-accuracy"),
        ("Evaluator", "accuracy", "8", AT_LEAST, "--min-class-accuracy"),
        ("Evaluator", "accuracy_change", "", AT_LEAST, "--max-champion-loss"),
        ("Evaluator", CHAMPION_FALL, "", AT_LEAST, "--allow-champion-fall"),
        ("Evaluator", "macro_f1", "", AT_LEAST, "min of macro_f1 in [[gates.metrics]]"),
        ("Evaluator", "log_loss", "", AT_MOST, "max of log_loss in [[gates.metrics]]"),
        ("Evaluator", "log_loss_change", "", AT_MOST, "max_champion_loss of log_loss"),
        ("ServingValidator", "failed_checks", "", AT_MOST, "log"),
    ],
)
def test_each_refusal_has_its_way_out(
    gate: str, metric: str, of_class: str, direction: str, flag: str
) -> None:
    [advice] = what_to_do([Demand(gate, metric, of_class, 0.0, 0.0, direction)])
    assert flag in advice


def test_the_same_advice_is_given_once() -> None:
    assert len(what_to_do([of_class("a", 0.1), of_class("b", 0.2)])) == 1


def test_a_long_name_is_cut_on_the_screen() -> None:
    [row] = shown([of_class("a" * 200, 0.9)])
    assert row.text == f"accuracy {'a' * 37}... (worst of 1)"
    assert row.demand.slice == "a" * 200
