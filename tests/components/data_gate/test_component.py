"""DataGate in the wiring."""

from typing import Any

from tfx.types import channel, standard_artifacts

from components.data_gate.component import DataGate


def gate(**options: Any) -> DataGate:
    statistics = channel.Channel(type=standard_artifacts.ExampleStatistics)
    return DataGate(
        examples=channel.Channel(type=standard_artifacts.Examples),
        statistics=statistics,
        schema=channel.Channel(type=standard_artifacts.Schema),
        anomalies=channel.Channel(type=standard_artifacts.ExampleAnomalies),
        champion_statistics=statistics,
        **options,
    )


def test_the_node_id_is_legal_on_kubeflow() -> None:
    assert gate().id == "DataGate"


def test_the_verdict_is_an_artifact() -> None:
    assert gate().outputs["verdict"].type is standard_artifacts.ExampleAnomalies


def test_nothing_is_overridden_unless_asked_for() -> None:
    assert gate().exec_properties["allow_anomalies"] == 0


def test_another_bound_on_duplicates_is_no_cache_hit() -> None:
    assert gate(max_duplicates=0.5).exec_properties != gate().exec_properties


def test_an_override_is_no_cache_hit_of_a_run_without() -> None:
    assert gate(allow_anomalies=True).exec_properties != gate().exec_properties
