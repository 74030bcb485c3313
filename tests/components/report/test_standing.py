"""A run's state follows from the findings of its gates and the push."""

from collections.abc import Callable
from typing import Any

import pytest

from components.data_gate.checks import Finding
from components.report.standing import (
    PENDING,
    PUSHED,
    REFUSED,
    UNCHANGED,
    Verdict,
    of_data,
    of_gates,
    of_push,
)
from contract.demands import AT_LEAST, AT_MOST, Demand

FINDING = Finding("eval", "label", "too many threes")
DATA = Demand("DataGate", "findings", "", 0, 0, AT_MOST, passed=True)
OVERRULED = Demand("DataGate", "findings", "", 1, 0, AT_MOST, overruled=True)
PASSED = Demand("Evaluator", "accuracy", "", 0.98, 0.97, AT_LEAST, 0.975, passed=True)
FAILED = Demand("Evaluator", "accuracy", "8", 0.91, 0.93, AT_LEAST, 0.94)
BROKEN = Demand("ServingValidator", "failed_checks", "", 1.0, 0.0, AT_MOST)


def test_clean_data_lets_the_run_go_on() -> None:
    stands = of_data([], overruled=False)
    assert (stands.kind, stands.gates, stands.reasons) == (PENDING, (DATA,), ())


def test_a_finding_stops_it_with_the_reason() -> None:
    stands = of_data([FINDING], overruled=False)
    assert (stands.kind, stands.headline) == (REFUSED, "Refused by DataGate")
    assert stands.reasons == ("split eval, feature label: too many threes",)
    [demand] = stands.gates
    assert (demand.value, demand.refused) == (1, True)


def test_a_finding_that_is_overruled_lets_it_go_on_and_stays_on_record() -> None:
    stands = of_data([FINDING], overruled=True)
    assert (stands.kind, stands.gates) == (PENDING, (OVERRULED,))


def test_all_gates_passed_awaits_the_push() -> None:
    stands = of_gates([OVERRULED, PASSED])
    assert (stands.kind, stands.gates) == (PENDING, (OVERRULED, PASSED))


def test_the_first_gate_that_refused_is_named() -> None:
    stands = of_gates([DATA, PASSED, FAILED, BROKEN])
    assert (stands.kind, stands.headline) == (REFUSED, "Refused by Evaluator")
    assert stands.gates == (DATA, PASSED, FAILED, BROKEN)


@pytest.mark.parametrize(
    ("already_served", "kind", "headline"),
    [
        (False, PUSHED, "Pushed as version 17"),
        (True, UNCHANGED, "Nothing changed: version 17 is served"),
    ],
)
def test_a_push_is_the_end(
    pushed_model: Callable[..., Any], already_served: bool, kind: str, headline: str
) -> None:
    pushed = pushed_model(17, already_served)["pushed_model"]
    stands = of_push(of_gates([DATA, PASSED]), pushed)
    assert stands == Verdict(kind, headline, (), (DATA, PASSED), "17")


def test_without_a_push_the_gates_verdict_stays(
    pushed_model: Callable[..., Any],
) -> None:
    refused = of_gates([DATA, FAILED])
    assert of_push(refused, pushed_model(None)["pushed_model"]) == refused
