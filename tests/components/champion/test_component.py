"""Champion in the wiring."""

from tfx.types import standard_artifacts

from components.champion.component import Champion


def test_the_node_id_is_legal_on_kubeflow() -> None:
    assert Champion(models="models/mnist").id == "Champion"


def test_the_outputs_are_a_model_and_statistics() -> None:
    outputs = Champion(models="models/mnist").outputs
    assert {key: channel.type for key, channel in outputs.items()} == {
        "model": standard_artifacts.Model,
        "statistics": standard_artifacts.ExampleStatistics,
    }


def test_by_default_it_is_the_latest() -> None:
    assert Champion(models="models/mnist").exec_properties["version"] == "latest"


def test_another_champion_is_no_cache_hit() -> None:
    first, second = (Champion(models="m", version=version) for version in ("1", "2"))
    assert first.exec_properties != second.exec_properties
