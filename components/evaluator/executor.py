"""Computes the metrics with TFX's executor or without Beam, and blesses the model."""

import json
import os
from typing import Any

from google.protobuf import json_format

# TFMA 0.52 no longer exports this from its top-level package.
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.components.evaluator import constants, executor
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, json_utils, path_utils

from components.beam import in_process
from components.evaluator import results, without_beam
from components.evaluator.judgement import Champion, ChampionRule, Numbers, judge
from components.executing import Artifacts, single
from contract import nodes, progress, properties
from contract.bounds import Bound
from contract.metric import make_metric
from contract.task import Task, task_of_examples

BOUNDS_KEY = "bounds"
MAX_CHAMPION_FALL_KEY = "max_champion_fall"
ALLOW_CHAMPION_FALL_KEY = "allow_champion_fall"


class Executor(executor.Executor):
    """Evaluates both models, and blesses the candidate if it meets its demands."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the `evaluation` and `blessing` artifacts; see `Evaluator`."""
        inputs, outputs = single(input_dict), single(output_dict)
        baseline = inputs[standard_component_specs.BASELINE_MODEL_KEY]
        champion = baseline.get_string_custom_property(properties.CHAMPION_VERSION)
        if not champion:
            # Without this input TFX evaluates the candidate alone.
            input_dict = {
                key: artifacts
                for key, artifacts in input_dict.items()
                if key != standard_component_specs.BASELINE_MODEL_KEY
            }
        folder = outputs[nodes.EVALUATION].uri
        task = task_of_examples(inputs[nodes.EXAMPLES].uri)
        if in_process(self._beam_pipeline_args):
            self._log_startup(input_dict, output_dict, exec_properties)
            _evaluate(single(input_dict), exec_properties, task, folder)
        else:
            super().Do(input_dict, output_dict, exec_properties)

        values = results.read_values(folder)
        bounds = [Bound(**b) for b in json.loads(exec_properties[BOUNDS_KEY])]
        demands = judge(
            task,
            bounds,
            {b.name: make_metric(b.path, b.options).direction for b in bounds},
            _of_model(values, results.CANDIDATE),
            _champion(values, baseline) if champion else None,
            ChampionRule(
                exec_properties[MAX_CHAMPION_FALL_KEY],
                bool(exec_properties[ALLOW_CHAMPION_FALL_KEY]),
            ),
        )
        evaluation = results.Evaluation(
            tuple(demands),
            champion,
            baseline.get_string_custom_property(properties.LEFT_OUT),
            _listed(values, task),
        )
        io_utils.write_string_file(
            os.path.join(folder, results.DEMANDS_FILE), evaluation.to_json()
        )
        _bless(
            outputs[nodes.BLESSING],
            inputs[nodes.MODEL],
            blessed=not any(demand.refused for demand in demands),
        )
        if refused := sum(demand.refused for demand in demands):
            progress.tell_refused(f"{refused} of {len(demands)} demands are not met")


def _evaluate(
    inputs: Artifacts,
    exec_properties: dict[str, Any],
    task: Task,
    folder: str,
) -> None:
    models = {
        results.CANDIDATE: nodes.MODEL,
        results.CHAMPION: standard_component_specs.BASELINE_MODEL_KEY,
    }
    without_beam.evaluate(
        json_format.Parse(
            exec_properties[standard_component_specs.EVAL_CONFIG_KEY],
            config_pb2.EvalConfig(),
        ),
        {
            name: path_utils.serving_model_path(inputs[key].uri)
            for name, key in models.items()
            if key in inputs
        },
        [
            artifact_utils.get_split_uri([inputs[nodes.EXAMPLES]], split)
            for split in json_utils.loads(
                exec_properties[standard_component_specs.EXAMPLE_SPLITS_KEY]
            )
        ],
        task,
        folder,
    )


def _listed(values: results.Values, task: Task) -> tuple[dict[str, Any], ...]:
    """Returns all values with the names of the classes; overall values come first."""

    def order(item: tuple[tuple[str, str, int | None], Any]) -> tuple[str, str, int]:
        metric, model, label = item[0]
        return metric, model, -1 if label is None else label

    return tuple(
        {
            "metric": metric,
            "model": model,
            "slice": "" if label is None else task.classes[label],
            "value": value,
        }
        for (metric, model, label), value in sorted(values.items(), key=order)
    )


def _of_model(values: results.Values, model: str) -> Numbers:
    return {
        (metric, label): value
        for (metric, of_model, label), value in values.items()
        if of_model == model
    }


def _champion(values: results.Values, baseline: types.Artifact) -> Champion:
    then = baseline.get_float_custom_property(properties.CHAMPION_ACCURACY)
    return Champion(
        _of_model(values, results.CHAMPION),
        # MLMD's float properties have no empty value; a missing one is 0.
        then if then > 0 else None,
    )


def _bless(blessing: types.Artifact, model: types.Artifact, *, blessed: bool) -> None:
    """Writes a blessing in TFX's format.

    See tfx/components/evaluator/executor.py, after `run_validation`.
    """
    blessing.set_string_custom_property(
        constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri
    )
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id
    )
    name = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
    blessing.set_int_custom_property(properties.BLESSED, int(blessed))
