"""The baseline that TFX's Evaluator gets: the champion, or none."""

from collections.abc import Callable
from typing import Any

import pytest
from tfx.components.evaluator import executor as tfx_executor
from tfx.types import standard_artifacts

from components.evaluator.executor import Executor

Calls = list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What TFX's executor was called with."""
    calls: Calls = []
    monkeypatch.setattr(
        tfx_executor.Executor, "Do", lambda self, *given: calls.append(given)
    )
    return calls


@pytest.fixture
def inputs(artifact: Callable[..., Any]) -> Callable[[str], dict[str, Any]]:
    def inputs(champion_version: str) -> dict[str, Any]:
        return {
            "model": [artifact(standard_artifacts.Model)],
            "examples": [artifact(standard_artifacts.Examples)],
            "baseline_model": [
                artifact(standard_artifacts.Model, champion_version=champion_version)
            ],
        }

    return inputs


def test_a_champion_is_the_baseline(
    calls: Calls, inputs: Callable[[str], dict[str, Any]]
) -> None:
    given = inputs("1700000000")
    Executor().Do(given, {"evaluation": []}, {"eval_config": "{}"})
    assert calls == [(given, {"evaluation": []}, {"eval_config": "{}"})]


def test_without_a_champion_there_is_no_baseline(
    calls: Calls, inputs: Callable[[str], dict[str, Any]]
) -> None:
    given = inputs("")
    Executor().Do(given, {"evaluation": []}, {"eval_config": "{}"})
    expected = {key: given[key] for key in ("model", "examples")}
    assert calls == [(expected, {"evaluation": []}, {"eval_config": "{}"})]


def test_the_callers_inputs_are_left_as_they_are(
    calls: Calls, inputs: Callable[[str], dict[str, Any]]
) -> None:
    given = inputs("")
    Executor().Do(given, {}, {})
    assert sorted(given) == ["baseline_model", "examples", "model"]
