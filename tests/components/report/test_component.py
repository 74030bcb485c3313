"""The component as the pipeline sees it."""

import re
from typing import Any

import pytest
from tfx import types
from tfx.types import standard_artifacts
from tfx.utils import import_utils

from components.artifact import HTML
from components.report import page
from components.report.component import Report


def channel(kind: type) -> Any:
    return types.Channel(type=kind)


@pytest.fixture
def report() -> Report:
    return Report("mnist", allow_anomalies=True, so_far=channel(HTML))


def test_only_what_is_given_is_waited_for(report: Report) -> None:
    assert set(report.inputs) == {"so_far"}
    data = Report(
        "mnist",
        allow_anomalies=False,
        examples=channel(standard_artifacts.Examples),
        statistics=channel(standard_artifacts.ExampleStatistics),
    )
    assert set(data.inputs) == {"examples", "statistics"}


def test_its_output_can_be_found_again_by_its_name(report: Report) -> None:
    """A container on Kubeflow knows nothing of the type but the name."""
    assert report.outputs["page"].type is HTML
    assert import_utils.import_class_by_path(HTML.TYPE_NAME) is HTML


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
    named = Report("mnist", allow_anomalies=False, so_far=channel(HTML), run="mnist-1")
    assert named.exec_properties["run"] == "mnist-1"
