"""ServingValidator in the wiring."""

from typing import Any

from tfx.types import channel, standard_artifacts

from components.serving_validator.component import ServingValidator


def validator(**options: Any) -> ServingValidator:
    return ServingValidator(
        model=channel.Channel(type=standard_artifacts.Model),
        model_run=channel.Channel(type=standard_artifacts.ModelRun),
        examples=channel.Channel(type=standard_artifacts.Examples),
        **options,
    )


def test_the_node_id_is_legal_on_kubeflow() -> None:
    assert validator().id == "ServingValidator"


def test_the_blessing_is_one_that_the_pusher_knows() -> None:
    assert validator().outputs["blessing"].type is standard_artifacts.InfraBlessing


def test_the_timeout_reaches_the_executor() -> None:
    assert validator().exec_properties["timeout_seconds"] == 300
    found = validator(timeout_seconds=7).exec_properties
    assert found["timeout_seconds"] == 7
