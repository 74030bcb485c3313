"""Copies the served version into the pipeline's artifacts."""

import logging
import os
import tempfile
from typing import Any

import numpy as np
import tensorflow as tf
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.executing import Artifacts, BaseExecutor
from components.image_example_gen.examples import serialize
from contract import nodes, properties
from contract.errors import BadInputError
from contract.signatures import EXAMPLES_SIGNATURE, PROBABILITIES
from contract.task import Task, task_of_examples
from version_store import versions
from version_store.manifest import ManifestError, read_manifest
from version_store.served import (
    check_name,
    find_served,
    look_at,
    why_not_compared,
)
from version_store.serving_config import serving

MODELS_KEY = "models"
VERSION_KEY = "version"
REPLACE_TASK_KEY = "replace_task"

LATEST = "latest"
NONE = "none"

_SPLIT_PREFIX = "Split-"
_NO_CHAMPION_FILE = "NO_CHAMPION"


class Executor(BaseExecutor):
    """Finds the champion and copies it, or records that there is none."""

    def run(
        self, inputs: Artifacts, outputs: Artifacts, parameters: dict[str, Any]
    ) -> None:
        """Writes the `model` and `statistics` artifacts; see `Champion`.

        Raises:
            BadInputError: The given version does not exist, the served model has
                another task and may not be replaced, or the folder, to which Pusher
                will write, is not writable.
        """
        model = outputs[nodes.MODEL]
        statistics = outputs[nodes.STATISTICS]
        task = task_of_examples(inputs[nodes.EXAMPLES].uri)
        base = parameters[MODELS_KEY].rstrip("/")
        _check_writable(base)
        version = _resolve(base, parameters[VERSION_KEY])
        replace = bool(parameters[REPLACE_TASK_KEY])
        check_name(find_served(base), task, os.path.basename(base), replace)
        left_out = ""
        if version is not None:
            champion = look_at(base, version)
            left_out = why_not_compared(champion, task) or _why_not_asked(
                champion.folder, task
            )
            if left_out:
                left_out = f"no comparison with version {version}: {left_out}"
                logging.warning("%s", left_out)
                version = None

        for artifact in (model, statistics):
            artifact.set_string_custom_property(
                properties.CHAMPION_VERSION, "" if version is None else str(version)
            )
            artifact.set_string_custom_property(properties.LEFT_OUT, left_out)
        statistics.split_names = artifact_utils.encode_split_names([])
        if version is None:
            logging.info("no champion: nothing to compare with in %s", base)
            for artifact in (model, statistics):
                # A file is needed, because object stores keep no empty folders.
                io_utils.write_string_file(
                    os.path.join(artifact.uri, _NO_CHAMPION_FILE), left_out
                )
            return

        folder = versions.version_path(base, version)
        model.set_float_custom_property(
            properties.CHAMPION_ACCURACY, _accuracy_then(folder)
        )
        io_utils.copy_dir(folder, path_utils.serving_model_dir(model.uri))
        statistics_folder = os.path.join(folder, versions.STATISTICS_FOLDER)
        if fileio.exists(statistics_folder):
            io_utils.copy_dir(statistics_folder, statistics.uri)
            statistics.split_names = artifact_utils.encode_split_names(
                sorted(
                    name.rstrip("/").removeprefix(_SPLIT_PREFIX)
                    for name in fileio.listdir(statistics_folder)
                )
            )
        else:
            # This pipeline did not push the version. It is still a baseline for the
            # Evaluator, but drift cannot be measured.
            logging.warning("version %d has no statistics", version)
            io_utils.write_string_file(
                os.path.join(statistics.uri, _NO_CHAMPION_FILE), ""
            )


def _check_writable(base: str) -> None:
    """Checks before the training that Pusher can write to the models' folder."""
    folder = os.path.abspath(base)
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    try:
        # It really writes: on network storage the mode bits do not tell.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadInputError(
            f"{folder}: expected a folder of models that user {os.geteuid()}, group "
            f"{os.getegid()}, may write to, as a model is pushed there, found: "
            f'{error.strerror}: on Kubernetes see docs/deploy.md, "The volume"'
        ) from error


def _resolve(base: str, version: str) -> int | None:
    """Returns the champion's version number; None if there is no champion."""
    if version == NONE:
        return None
    if version == LATEST:
        return serving(base).stable
    there = versions.list_versions(base)
    if not version.isdecimal() or int(version) not in there:
        raise BadInputError(
            f"champion version {version}: expected a version under {base}, found "
            f"{', '.join(map(str, there)) or 'none'}"
        )
    return int(version)


def _why_not_asked(folder: str, task: Task) -> str:
    """Returns why the Evaluator could not use a version; empty if it can.

    Faults that appear only on loading, such as lost weights or an unknown operation,
    would otherwise make the run fail after the training.

    Raises:
        tf.errors.ResourceExhaustedError: This machine has too little memory; the
            version is not at fault.
    """
    example = serialize(np.zeros((1, *task.shape), np.uint8), np.zeros(1, np.int64))
    try:
        asked = tf.saved_model.load(folder).signatures[EXAMPLES_SIGNATURE]
        [name] = asked.structured_input_signature[1]
        found = asked(**{name: tf.constant(example)})[PROBABILITIES].shape
    except tf.errors.ResourceExhaustedError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        return f"its model cannot be run: {type(error).__name__}: {lines[0]}"
    expected = (1, len(task.classes))
    if tuple(found) != expected:
        return f"it answers in the shape {tuple(found)}, and not {expected}"
    return ""


def _accuracy_then(folder: str) -> float:
    """Returns a version's accuracy when it was pushed; -1 if unknown."""
    try:
        manifest = read_manifest(folder)
    except ManifestError as error:
        logging.warning("the champion's accuracy is unknown: %s", error)
        return -1.0
    accuracy = manifest.test_accuracy if manifest else None
    return -1.0 if accuracy is None else accuracy
