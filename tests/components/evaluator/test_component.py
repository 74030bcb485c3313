"""Evaluator in the wiring: TFX's component with our own executor."""

import sys
from pathlib import Path

import pytest
from tfx.types import channel, standard_artifacts

from components.evaluator.component import Evaluator
from components.evaluator.executor import Executor
from contract.bounds import Bound
from contract.errors import BadInputError
from pipeline.gate_settings import Gates, MetricBound


def evaluator(bounds: list[Bound] | None = None) -> Evaluator:
    model = channel.Channel(type=standard_artifacts.Model)
    return Evaluator(
        examples=channel.Channel(type=standard_artifacts.Examples),
        model=model,
        baseline_model=model,
        schema=channel.Channel(type=standard_artifacts.Schema),
        example_splits=["test"],
        bounds=Gates().bounds() if bounds is None else bounds,
        max_champion_fall=0.1,
    )


def test_the_node_id_is_legal_on_kubeflow() -> None:
    assert evaluator().id == "Evaluator"


def test_our_executor_runs_and_gets_the_beam_options() -> None:
    node = evaluator().with_beam_pipeline_args(["--direct_num_workers=1"])
    assert node.executor_spec.executor_class is Executor
    assert node.executor_spec.beam_pipeline_args == ["--direct_num_workers=1"]


def test_the_baseline_is_connected_whether_or_not_there_is_one() -> None:
    assert "baseline_model" in evaluator().inputs


@pytest.mark.parametrize(
    "gates",
    [
        Gates(min_accuracy=0.5),
        Gates(max_champion_loss=0),
        Gates(metrics=(MetricBound(name="macro_f1", min=0.5),)),
    ],
)
def test_other_bounds_are_no_cache_hit(gates: Gates) -> None:
    assert evaluator(gates.bounds()).exec_properties != evaluator().exec_properties


def test_two_metrics_of_one_name_are_bad_input() -> None:
    """Otherwise only one would be measured, and both bounds checked against it."""
    other = "tests.components.evaluator.own_metric.accuracy"
    with pytest.raises(BadInputError, match="accuracy: expected one metric of that"):
        Gates(metrics=(MetricBound(name=other, min=0.1),)).bounds()


def test_an_edited_metric_of_ones_own_is_no_cache_hit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is beside the data and in no package."""
    metric = tmp_path / "metric_of_hers.py"
    source = "from contract.metric import Metric\nclass Mine(Metric): "
    metric.write_text(source + "direction = 'at_least'")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "metric_of_hers", raising=False)

    def code() -> str:
        bound = MetricBound(name="metric_of_hers.Mine", min=0.5).bound()
        return str(evaluator([bound]).exec_properties["code"])

    before = code()
    assert code() == before
    metric.write_text(source + "direction = 'at_least'  # edited")
    assert code() != before
