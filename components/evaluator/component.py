"""The component: inputs, parameters, outputs."""

import json
from collections.abc import Sequence
from typing import Any

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.types import standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from components.declaration import Component
from components.evaluator import executor
from components.evaluator.results import eval_config
from contract import nodes, properties
from contract.bounds import Bound
from contract.code import code_digest, own_digest


class Evaluator(Component, BaseBeamComponent):
    """TFX's Evaluator for the numbers, with a decision of our own.

    On Kubeflow the graph is fixed before anybody knows whether a champion exists, so
    the baseline is always connected and the executor looks whether it is one. TFMA's
    thresholds compare in binary floating point, know no metric of a class alone and
    nothing of a champion that fails on the new data; so the demands are ours.

    Most of TFMA's time on one machine is Beam's own work and the hand-over of single
    rows, so there its computations are fed with batches, without Beam; as soon as
    another runner is named, TFX's executor does all of it.

    Inputs: `examples`; `model`, from Trainer; `baseline_model`, from Champion;
    `schema`, of the examples. Parameters: `max_champion_fall`, how much accuracy the
    champion may have lost on this data since it was pushed; `allow_champion_fall`, to
    go on where it lost more, which is recorded; and what the constructor names.

    Output `evaluation`: TFMA's results, and `demands.json`: every demand with its
    value, bound and verdict. Output `blessing`: as TFX's Evaluator writes it.
    """

    EXECUTOR = executor.Executor
    INPUTS = {
        nodes.EXAMPLES: standard_artifacts.Examples,
        nodes.MODEL: standard_artifacts.Model,
        standard_component_specs.BASELINE_MODEL_KEY: standard_artifacts.Model,
        nodes.SCHEMA: standard_artifacts.Schema,
    }
    # Those of TFX's own have its keys and types.
    PARAMETERS = {
        standard_component_specs.EVAL_CONFIG_KEY: (
            standard_component_specs.EvaluatorSpec.PARAMETERS[
                standard_component_specs.EVAL_CONFIG_KEY
            ].type
        ),
        standard_component_specs.EXAMPLE_SPLITS_KEY: str,
        executor.BOUNDS_KEY: str,
        executor.MAX_CHAMPION_FALL_KEY: float,
        executor.ALLOW_CHAMPION_FALL_KEY: int,
    }
    OUTPUTS = {
        nodes.EVALUATION: standard_artifacts.ModelEvaluation,
        nodes.BLESSING: standard_artifacts.ModelBlessing,
    }
    DEFAULTS = {executor.ALLOW_CHAMPION_FALL_KEY: False}

    def __init__(
        self, example_splits: Sequence[str], bounds: Sequence[Bound], **given: Any
    ) -> None:
        code = code_digest(executor.__name__) + "".join(
            own_digest(path) for path in sorted({bound.path for bound in bounds})
        )
        super().__init__(
            **given,
            **{
                standard_component_specs.EXAMPLE_SPLITS_KEY: json_utils.dumps(
                    list(example_splits)
                ),
                standard_component_specs.EVAL_CONFIG_KEY: eval_config(bounds),
                executor.BOUNDS_KEY: json.dumps([bound.as_dict() for bound in bounds]),
                properties.CODE: code,
            },
        )
