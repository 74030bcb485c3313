"""Prepares the requests, runs the probe, and blesses the model or not."""

import json
import logging
import os
import tempfile
from typing import Any

import numpy as np
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.executing import Artifacts, BaseExecutor
from components.image_example_gen.examples import read_rows, read_serialized
from components.serving_validator import process
from components.serving_validator.requests import Requests
from contract import nodes, progress, properties
from contract.features import TEST
from contract.model_run import ANSWER_BATCH, load_answers, load_novelty
from contract.task import task_of_split

TIMEOUT_KEY = "timeout_seconds"

REPORT_FILE = "report.json"

# Names as in TFX (tfx/components/infra_validator/executor.py).
_BLESSED_FILE, _NOT_BLESSED_FILE = "INFRA_BLESSED", "INFRA_NOT_BLESSED"


class Executor(BaseExecutor):
    """Blesses a model whose answers in a new process equal those in the Trainer."""

    def run(
        self, inputs: Artifacts, outputs: Artifacts, parameters: dict[str, Any]
    ) -> None:
        """Writes the `blessing` artifact; see `ServingValidator`.

        Raises:
            RuntimeError: The machine, not the model, made the probe fail.
            OSError: The same.
        """
        model = path_utils.serving_model_path(inputs[nodes.MODEL].uri)
        run = inputs[nodes.MODEL_RUN].uri
        test = artifact_utils.get_split_uri([inputs[nodes.EXAMPLES]], TEST)
        report = probe(
            model,
            _requests(test, load_answers(run)[:ANSWER_BATCH], load_novelty(run)),
            timeout_seconds=parameters[TIMEOUT_KEY],
        )

        blessing = outputs[nodes.BLESSING]
        blessed = not report["failures"]
        blessing.set_int_custom_property(properties.BLESSED, int(blessed))
        verdict = _BLESSED_FILE if blessed else _NOT_BLESSED_FILE
        io_utils.write_string_file(os.path.join(blessing.uri, verdict), "")
        io_utils.write_string_file(
            os.path.join(blessing.uri, REPORT_FILE), json.dumps(report, indent=2)
        )
        if not blessed:
            progress.tell_refused(report["failures"][0])


def probe(model: str, requests: Requests, timeout_seconds: int) -> process.Report:
    """Runs the probe of a model in a separate process.

    Returns:
        `checks` that passed and `failures`; `process` says which exits of the process
        count as a failure.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "requests.npz")
        requests.save(path)
        for _ in range(2):
            try:
                with process.take() as asked:
                    return asked.ask(model, path, timeout_seconds)
            except process.CrashedError as error:
                logging.warning("%s", error)
                crash = f"{error}, twice"
        return {"checks": [], "failures": [crash]}


def _requests(
    split_uri: str, probabilities: np.ndarray, novelty: np.ndarray
) -> Requests:
    """Returns the first rows of a split, in the order of the trainer's answers."""
    task = task_of_split(split_uri)
    rows = len(probabilities)
    return Requests(
        images=read_rows(split_uri, task, rows).images,
        examples=list(read_serialized(split_uri, rows).as_numpy_iterator()),
        probabilities=probabilities,
        novelty=novelty,
        task=task.to_json(),
    )
