"""Declares the component `Evaluator`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
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
    """Computes metrics like TFX's Evaluator, and decides by our own demands.

    On Kubeflow the graph is fixed before it is known whether a champion exists. So the
    baseline is always connected, and the executor checks whether it is a champion.
    TFMA's thresholds are not used: they compare in binary floating point, have no
    metric of a single class, and do not detect a champion that fails on the new data.

    On one machine TFMA spends most of its time on Beam's own work and on passing single
    rows. There its computations get batches, without Beam. With any other Beam runner,
    TFX's executor does all the work.

    Inputs: `examples`; `model`, from Trainer; `baseline_model`, from Champion;
    `schema`, of the examples. Parameters: `max_champion_fall`, how much accuracy the
    champion may have lost on this data since it was pushed; `allow_champion_fall`,
    whether to go on if it lost more (this is recorded); and the constructor's
    arguments.

    Output `evaluation`: TFMA's results, and `demands.json`: every demand with its
    value, bound and verdict. Output `blessing`: in the format of TFX's Evaluator.
    """

    EXECUTOR = executor.Executor
    INPUTS = {
        nodes.EXAMPLES: standard_artifacts.Examples,
        nodes.MODEL: standard_artifacts.Model,
        standard_component_specs.BASELINE_MODEL_KEY: standard_artifacts.Model,
        nodes.SCHEMA: standard_artifacts.Schema,
    }
    # Parameters of TFX's Evaluator keep its keys and types.
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
                executor.BOUNDS_KEY: json.dumps([asdict(bound) for bound in bounds]),
                properties.CODE: code,
            },
        )
