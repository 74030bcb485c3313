"""The component's declaration in the pipeline."""

import re
from typing import Any

import pytest
from tfx import types
from tfx.types import standard_artifacts

from components.artifact import HTML, ClassificationMetrics, Metrics
from components.report import page
from components.report.component import Report


def channel(kind: type) -> Any:
    return types.Channel(type=kind)


@pytest.fixture
def report() -> Report:
    return Report(model_name="mnist", allow_anomalies=True, so_far=channel(HTML))


def test_only_what_is_given_is_waited_for(report: Report) -> None:
    assert set(report.inputs) == {"so_far"}
    data = Report(
        model_name="mnist",
        allow_anomalies=False,
        examples=channel(standard_artifacts.Examples),
        statistics=channel(standard_artifacts.ExampleStatistics),
    )
    assert set(data.inputs) == {"examples", "statistics"}


def test_only_where_a_model_was_judged_there_are_numbers(report: Report) -> None:
    assert {key: made.type for key, made in report.outputs.items()} == {"page": HTML}
    judged = Report(
        model_name="mnist",
        allow_anomalies=False,
        examples=channel(standard_artifacts.Examples),
        model_run=channel(standard_artifacts.ModelRun),
        evaluation=channel(standard_artifacts.ModelEvaluation),
    )
    assert {key: made.type for key, made in judged.outputs.items()} == {
        "page": HTML,
        "metrics": Metrics,
        "classification": ClassificationMetrics,
    }


def test_its_parameters_hold_what_is_overruled_the_code_and_the_templates(
    report: Report,
) -> None:
    properties = report.exec_properties
    assert properties["model_name"] == "mnist"
    assert properties["allow_anomalies"] == 1
    assert re.fullmatch("[0-9a-f]{32}", properties["code"])
    assert properties["code"].endswith(page.templates_digest())


def test_a_run_is_only_named_where_it_is_given(report: Report) -> None:
    assert report.exec_properties.get("run") is None
    named = Report(
        model_name="mnist", allow_anomalies=False, so_far=channel(HTML), run="mnist-1"
    )
    assert named.exec_properties["run"] == "mnist-1"
