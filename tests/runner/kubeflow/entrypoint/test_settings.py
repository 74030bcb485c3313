"""A run's own parameters, in a node's exec properties."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from contract.errors import BadInputError
from pipeline.config import Config, load_config
from runner.kubeflow import specification
from runner.kubeflow.entrypoint.settings import apply

AROUND = specification.surroundings(Config(), "mnist", "mnist", "")
ORIGIN = {"config": Config().model_dump(mode="json"), "around": asdict(AROUND)}


def compiled(node: str) -> dict[str, Any]:
    """The node's exec properties as compiled."""
    return dict(specification.exec_properties(Config(), AROUND)[node])


def test_a_run_that_asks_for_nothing_changes_nothing_and_imports_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: object) -> None:
        pytest.fail("computed all the same")

    monkeypatch.setattr(specification, "exec_properties", fail)
    parameters = {"custom_config": "as compiled", "run_time_epochs": 25.0}
    apply(parameters, "Trainer", ORIGIN)
    assert parameters == {"custom_config": "as compiled"}


def test_the_trainer_gets_the_runs_epochs_within_its_json() -> None:
    parameters = {**compiled("Trainer"), "run_time_epochs": 3.0, "run_time_seed": 9}
    apply(parameters, "Trainer", ORIGIN)
    told = json.loads(parameters["custom_config"])["training"]
    assert (told["epochs"], told["seed"]) == (3, 9)
    before = compiled("Trainer")
    assert set(parameters) == set(before)
    unchanged = {key for key in before if parameters[key] == before[key]}
    assert set(before) - unchanged == {"custom_config"}


def test_it_is_what_the_compiler_would_have_written() -> None:
    parameters = {**compiled("Evaluator"), "run_time_min_accuracy": 0.5}
    apply(parameters, "Evaluator", ORIGIN)
    config = load_config(settings=["gates.min_accuracy=0.5"])
    assert parameters == specification.exec_properties(config, AROUND)["Evaluator"]


def test_what_kfp_filled_in_stays() -> None:
    parameters = {**compiled("Pusher"), "run": "mnist-abc", "run_time_epochs": 3}
    apply(parameters, "Pusher", ORIGIN)
    assert parameters["run"] == "mnist-abc"
    assert parameters["recipe"] != compiled("Pusher")["recipe"]


def test_an_impossible_value() -> None:
    with pytest.raises(BadInputError, match=r"setting training\.epochs: "):
        apply({"run_time_epochs": 0}, "Trainer", ORIGIN)
