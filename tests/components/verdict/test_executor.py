"""Verdict: a run succeeds or fails by the findings of all gates."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from components.evaluator.results import DEMANDS_FILE, Evaluation
from components.verdict.executor import Executor
from contract.demands import AT_LEAST, AT_MOST, Demand
from contract.errors import GateRefusedError

ACCURATE = Demand("Evaluator", "accuracy", "", 0.98, 0.97, AT_LEAST, passed=True)
POOR = Demand("Evaluator", "accuracy", "", 0.11, 0.97, AT_LEAST, champion=0.98)
UNCALIBRATED = Demand("Evaluator", "calibration_error", "ring", 0.2, 0.05, AT_MOST)

Judge = Callable[..., None]


@pytest.fixture
def judge(artifact: Callable[..., Any]) -> Judge:
    """Returns a function that runs the executor on the gates' outputs."""

    def judge(
        pushed: int = 1,
        demands: tuple[Demand, ...] = (ACCURATE,),
        findings: list[str] | None = None,
        overridden: bool = False,
        failures: list[str] | None = None,
        held_back: str = "",
    ) -> None:
        verdict = artifact(standard_artifacts.ExampleAnomalies)
        (Path(verdict.uri) / "verdict.json").write_text(
            json.dumps({"findings": findings or [], "overridden": overridden})
        )
        blessing = artifact(standard_artifacts.InfraBlessing)
        (Path(blessing.uri) / "report.json").write_text(
            json.dumps({"failures": failures or [], "checks": ["a", "b"]})
        )
        version = {"pushed_version": "7"} if pushed else {}
        if held_back:
            version = {"held_back": held_back}
        evaluation = artifact(standard_artifacts.ModelEvaluation)
        content = Evaluation(demands).to_json()
        (Path(evaluation.uri) / DEMANDS_FILE).write_text(content)
        Executor().Do(
            {
                "verdict": [verdict],
                "evaluation": [evaluation],
                "infra_blessing": [blessing],
                "pushed_model": [
                    artifact(standard_artifacts.PushedModel, pushed=pushed, **version)
                ],
            },
            {},
            {},
        )

    return judge


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Returns the lines logged after TFX's own."""
    return [
        message
        for message in caplog.messages
        if message.startswith(("passed", "REFUSED", "overruled", "served"))
    ]


def test_a_pushed_model_is_a_success(
    judge: Judge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    judge()
    assert lines(caplog) == [
        "passed: DataGate: findings: expected ≤ 0, found 0",
        "passed: Evaluator: accuracy: expected ≥ 0.97, found 0.9800",
        "passed: ServingValidator: failed checks: expected ≤ 0, found 0",
        "served as version 7",
    ]


def test_a_refused_model_is_a_failure_with_the_gates_reasons(
    judge: Judge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(GateRefusedError) as caught:
        judge(pushed=0, demands=(ACCURATE, POOR), failures=["describe: no answer"])
    assert caught.value.gate == "Evaluator"
    assert caught.value.reasons == [
        "Evaluator: accuracy: expected ≥ 0.97, found 0.1100, champion 0.9800",
        "ServingValidator: failed checks: expected ≤ 0, found 1: describe: no answer",
    ]
    assert "REFUSED: " + caught.value.reasons[0] in lines(caplog)


def test_a_metric_that_is_new_has_its_line(
    judge: Judge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(GateRefusedError):
        judge(pushed=0, demands=(ACCURATE, UNCALIBRATED))
    assert (
        "REFUSED: Evaluator: calibration error ring: expected ≤ 0.05, found 0.2000"
    ) in lines(caplog)


def test_findings_that_were_overruled_refuse_nothing(
    judge: Judge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    judge(findings=["label: out of range"], overridden=True)
    assert lines(caplog)[0] == "overruled: DataGate: findings: expected ≤ 0, found 1"
    assert lines(caplog)[-1] == "served as version 7"
    with pytest.raises(GateRefusedError) as caught:
        judge(0, (POOR,), ["label: out of range"], True)
    assert caught.value.gate == "Evaluator"
    assert len(caught.value.reasons) == 1


def test_a_model_that_was_rolled_back_from_is_a_refusal_by_the_pusher(
    judge: Judge,
) -> None:
    with pytest.raises(GateRefusedError) as caught:
        judge(pushed=0, held_back="version 7 was rolled back from (worse)")
    assert caught.value.reasons == [
        "Pusher: times that a person took this model back: expected ≤ 0, found 1: "
        "version 7 was rolled back "
        "from (worse)"
    ]


def test_an_unexplained_absence_is_no_refusal(judge: Judge) -> None:
    """Otherwise the fault would stay unnoticed."""
    with pytest.raises(RuntimeError, match="not pushed, although no gate refused"):
        judge(pushed=0)
