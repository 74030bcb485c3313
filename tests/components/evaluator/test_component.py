"""Evaluator in the wiring: TFX's, with an executor of our own."""

from tensorflow_model_analysis.proto import config_pb2
from tfx.types import channel, standard_artifacts

from components.evaluator.component import Evaluator
from components.evaluator.executor import Executor


def evaluator() -> Evaluator:
    model = channel.Channel(type=standard_artifacts.Model)
    return Evaluator(
        examples=channel.Channel(type=standard_artifacts.Examples),
        model=model,
        baseline_model=model,
        eval_config=config_pb2.EvalConfig(),
    )


def test_the_node_id_is_legal_on_kubeflow() -> None:
    assert evaluator().id == "Evaluator"


def test_our_executor_runs_and_gets_the_beam_options() -> None:
    node = evaluator().with_beam_pipeline_args(["--direct_num_workers=1"])
    assert node.executor_spec.executor_class is Executor
    assert node.executor_spec.beam_pipeline_args == ["--direct_num_workers=1"]


def test_the_baseline_is_connected_whether_or_not_there_is_one() -> None:
    assert "baseline_model" in evaluator().inputs
