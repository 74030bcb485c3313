"""The component: inputs, parameters, outputs."""

import json
from collections.abc import Sequence
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import json_utils

from components.evaluator import executor
from components.evaluator.results import eval_config
from contract import nodes, properties
from contract.bounds import Bound
from contract.code import code_digest


class EvaluatorSpec(types.ComponentSpec):
    """What goes in and out of Evaluator; the keys are those of TFX's own."""

    PARAMETERS: dict[str, Any] = {
        standard_component_specs.EVAL_CONFIG_KEY: (
            standard_component_specs.EvaluatorSpec.PARAMETERS[
                standard_component_specs.EVAL_CONFIG_KEY
            ]
        ),
        standard_component_specs.EXAMPLE_SPLITS_KEY: ExecutionParameter(type=str),
        executor.BOUNDS_KEY: ExecutionParameter(type=str),
        executor.MAX_CHAMPION_FALL_KEY: ExecutionParameter(type=float),
        executor.ALLOW_CHAMPION_FALL_KEY: ExecutionParameter(type=int),
        properties.CODE: ExecutionParameter(type=str),
    }
    INPUTS = {
        nodes.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
        nodes.MODEL: ChannelParameter(type=standard_artifacts.Model),
        standard_component_specs.BASELINE_MODEL_KEY: ChannelParameter(
            type=standard_artifacts.Model
        ),
        nodes.SCHEMA: ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {
        nodes.EVALUATION: ChannelParameter(type=standard_artifacts.ModelEvaluation),
        nodes.BLESSING: ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class Evaluator(base_beam_component.BaseBeamComponent):
    """TFX's Evaluator for the numbers, with a decision of our own.

    On Kubeflow the graph is fixed before anybody knows whether a champion exists, so
    the baseline is always connected and the executor looks whether it is one. TFMA's
    thresholds compare in binary floating point, know no metric of a class alone and
    nothing of a champion that fails on the new data; so the demands are ours.

    Most of TFMA's time on one machine is Beam's own work and the hand-over of single
    rows, so there its computations are fed with batches, without Beam; as soon as
    another runner is named, TFX's executor does all of it.

    Output `evaluation`: TFMA's results, and `demands.json`: every demand with its
    value, bound and verdict. Output `blessing`: as TFX's Evaluator writes it.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        baseline_model: types.BaseChannel,
        schema: types.BaseChannel,
        example_splits: Sequence[str],
        bounds: Sequence[Bound],
        max_champion_fall: float,
        allow_champion_fall: bool = False,
    ) -> None:
        """Construct the component.

        Args:
            examples: From ExampleGen.
            model: From Trainer.
            baseline_model: From Champion.
            schema: Of the examples.
            example_splits: On which the models are measured.
            bounds: What the model is held to.
            max_champion_fall: How much accuracy the champion may have lost on this
                data since it was pushed.
            allow_champion_fall: Go on where it lost more; it is recorded.
        """
        code = code_digest(executor.__name__) + "".join(
            code_digest(path.rpartition(".")[0])
            for path in sorted({bound.path for bound in bounds})
        )
        super().__init__(
            spec=EvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                schema=schema,
                example_splits=json_utils.dumps(list(example_splits)),
                eval_config=eval_config(bounds),
                bounds=json.dumps([bound.as_dict() for bound in bounds]),
                max_champion_fall=max_champion_fall,
                allow_champion_fall=int(allow_champion_fall),
                code=code,
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
