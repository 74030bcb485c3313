"""Champion in the wiring."""

from typing import Any

from tfx.types import channel, standard_artifacts

from components.champion.component import Champion


def champion(**options: Any) -> Champion:
    examples = channel.Channel(type=standard_artifacts.Examples)
    return Champion(examples=examples, models="models/mnist", **options)


def test_the_node_id_is_legal_on_kubeflow() -> None:
    assert champion().id == "Champion"


def test_the_outputs_are_a_model_and_statistics() -> None:
    assert {key: channel.type for key, channel in champion().outputs.items()} == {
        "model": standard_artifacts.Model,
        "statistics": standard_artifacts.ExampleStatistics,
    }


def test_by_default_it_is_the_latest_and_no_other_task_is_replaced() -> None:
    properties = champion().exec_properties
    assert (properties["version"], properties["replace_task"]) == ("latest", 0)


def test_another_champion_is_no_cache_hit() -> None:
    first, second = (champion(version=version) for version in ("1", "2"))
    assert first.exec_properties != second.exec_properties
