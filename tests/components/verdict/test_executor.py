"""Verdict: the success or failure of a run, out of what every gate found."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from components.verdict import executor
from components.verdict.executor import Executor
from contract.demands import GateResult
from contract.errors import GateRefusedError
from pipeline.config import Gates

ACCURATE = GateResult("Evaluator", "accuracy", "0.98", ">= 0.97", "", passed=True)
POOR = GateResult("Evaluator", "accuracy", "0.11", ">= 0.97", "0.98", passed=False)

Judge = Callable[..., None]


@pytest.fixture
def judge(artifact: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Runs the executor on what the gates have left.

    What the Evaluator leaves is TFMA's own format, held to by the tests of
    `components.evaluator.results`.
    """

    def judge(
        pushed: int = 1,
        evaluation: GateResult = ACCURATE,
        findings: list[str] | None = None,
        overridden: bool = False,
        failures: list[str] | None = None,
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
        monkeypatch.setattr(executor, "read_bounds", lambda folder: Gates())
        monkeypatch.setattr(executor, "read_gates", lambda folder, gates: [evaluation])
        Executor().Do(
            {
                "verdict": [verdict],
                "evaluation": [artifact(standard_artifacts.ModelEvaluation)],
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
    """What it said after TFX's own lines."""
    return [
        message
        for message in caplog.messages
        if message.startswith(("passed", "REFUSED", "served"))
    ]


def test_a_pushed_model_is_a_success(
    judge: Judge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    judge()
    assert lines(caplog) == [
        "passed: DataGate: findings: expected none, found 0",
        "passed: Evaluator: accuracy: expected >= 0.97, found 0.98",
        "passed: ServingValidator: answers: expected as trainer, found 2 checks",
        "served as version 7",
    ]


def test_a_refused_model_is_a_failure_with_the_gates_reasons(
    judge: Judge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(GateRefusedError) as caught:
        judge(pushed=0, evaluation=POOR, failures=["digit 3: no answer"])
    assert caught.value.gate == "Evaluator"
    assert caught.value.reasons == [
        "Evaluator: accuracy: expected >= 0.97, found 0.11, champion 0.98",
        "ServingValidator: answers: expected as trainer, found digit 3: no answer",
    ]
    assert "REFUSED: " + caught.value.reasons[0] in lines(caplog)


def test_anomalies_that_were_overridden_refuse_nothing(
    judge: Judge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    judge(findings=["label: out of range"], overridden=True)
    assert lines(caplog)[-1] == "served as version 7"
    with pytest.raises(GateRefusedError) as caught:
        judge(0, POOR, ["label: out of range"], True)
    assert caught.value.gate == "Evaluator"
    assert len(caught.value.reasons) == 1


def test_an_unexplained_absence_is_no_refusal(judge: Judge) -> None:
    """Else nobody would look for the fault."""
    with pytest.raises(RuntimeError, match="not pushed, although no gate refused"):
        judge(pushed=0)
