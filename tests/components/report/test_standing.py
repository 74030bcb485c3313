"""How a run stands, from what its gates found and what became of the push."""

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
    model_gates,
    of_data,
    of_gates,
    of_push,
)
from contract.demands import GateResult
from pipeline.config import Gates

FINDING = Finding("eval", "label", "too many threes")
DATA = GateResult("DataGate", "findings", "0", "none", "", True)
OVERRIDDEN = GateResult("DataGate", "findings", "1", "none", "", False, True)
PASSED = GateResult("Evaluator", "accuracy", "0.98", ">= 0.97", "0.975", True)
FAILED = GateResult("Evaluator", "digit 8", "0.91", ">= 0.93", "0.94", False)
BROKEN = GateResult("ServingValidator", "answers", "no", "as trainer", "", False)


def test_clean_data_lets_the_run_go_on() -> None:
    stands = of_data([], overridden=False)
    assert (stands.kind, stands.gates, stands.reasons) == (PENDING, (DATA,), ())


def test_a_finding_stops_it_with_the_reason() -> None:
    stands = of_data([FINDING], overridden=False)
    assert (stands.kind, stands.headline) == (REFUSED, "Refused by DataGate")
    assert stands.reasons == ("split eval, feature label: too many threes",)
    [gate] = stands.gates
    assert (gate.value, gate.passed, gate.overridden) == ("1", False, False)


def test_a_finding_that_is_overridden_lets_it_go_on_and_stays_on_record() -> None:
    stands = of_data([FINDING], overridden=True)
    assert (stands.kind, stands.gates) == (PENDING, (OVERRIDDEN,))


def test_all_gates_passed_awaits_the_push() -> None:
    stands = of_gates([OVERRIDDEN, PASSED])
    assert (stands.kind, stands.gates) == (PENDING, (OVERRIDDEN, PASSED))


def test_the_first_gate_that_refused_is_named_and_all_reasons_given() -> None:
    stands = of_gates([DATA, PASSED, FAILED, BROKEN])
    assert (stands.kind, stands.headline) == (REFUSED, "Refused by Evaluator")
    assert stands.reasons == (
        "digit 8: expected >= 0.93, found 0.91, champion 0.94",
        "answers: expected as trainer, found no",
    )


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


def test_gates_that_were_not_asked_are_not_there() -> None:
    assert model_gates({}, Gates()) == []
