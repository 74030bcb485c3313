"""Copies the version that is being served into the pipeline's artifacts."""

import logging
import os
import tempfile
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.pusher import versions
from pipeline.errors import BadInputError

MODEL_KEY = "model"
STATISTICS_KEY = "statistics"
MODELS_KEY = "models"
VERSION_KEY = "version"

LATEST = "latest"
NONE = "none"

VERSION_PROPERTY = "champion_version"
"""Custom property of both outputs: the version, or empty for no champion."""

_SPLIT_PREFIX = "Split-"
_NO_CHAMPION_FILE = "NO_CHAMPION"


class Executor(base_executor.BaseExecutor):
    """Finds the champion and hands it on, or says that there is none."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the `model` and `statistics` artifacts; see `Champion`.

        Raises:
            BadInputError: The version asked for by number is not there; or Pusher,
                which mounts the same folder, could not write there.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(output_dict[MODEL_KEY])
        statistics = artifact_utils.get_single_instance(output_dict[STATISTICS_KEY])
        base = exec_properties[MODELS_KEY]
        _check_writable(base)
        version = _resolve(base, exec_properties[VERSION_KEY])

        for artifact in (model, statistics):
            artifact.set_string_custom_property(
                VERSION_PROPERTY, "" if version is None else str(version)
            )
        statistics.split_names = artifact_utils.encode_split_names([])
        if version is None:
            logging.info("no champion: nothing is served from %s", base)
            for artifact in (model, statistics):
                # A file, as object stores keep no empty folders.
                io_utils.write_string_file(
                    os.path.join(artifact.uri, _NO_CHAMPION_FILE), ""
                )
            return

        served = versions.version_path(base, version)
        io_utils.copy_dir(served, path_utils.serving_model_dir(model.uri))
        statistics_folder = os.path.join(served, versions.STATISTICS_FOLDER)
        if fileio.exists(statistics_folder):
            io_utils.copy_dir(statistics_folder, statistics.uri)
            statistics.split_names = artifact_utils.encode_split_names(
                sorted(
                    name.rstrip("/").removeprefix(_SPLIT_PREFIX)
                    for name in fileio.listdir(statistics_folder)
                )
            )
        else:
            # A version that this pipeline did not push: a baseline for the
            # Evaluator, nothing to measure drift against.
            logging.warning("version %d carries no statistics", version)
            io_utils.write_string_file(
                os.path.join(statistics.uri, _NO_CHAMPION_FILE), ""
            )


def _check_writable(base: str) -> None:
    """Finds out before training what Pusher would find out after it."""
    folder = os.path.abspath(base)
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    try:
        # By doing it: a network's server may know more than the mode says.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadInputError(
            f"{folder}: expected a folder of models that user {os.geteuid()}, group "
            f"{os.getegid()}, may write to, as a model is pushed there, found: "
            f'{error.strerror}: on Kubernetes see docs/deploy.md, "The volume"'
        ) from error


def _resolve(base: str, version: str) -> int | None:
    """Returns the version that is meant, or None where there is no champion."""
    if version == NONE:
        return None
    if version == LATEST:
        return versions.latest_version(base)
    there = versions.list_versions(base)
    if not version.isdecimal() or int(version) not in there:
        raise BadInputError(
            f"champion version {version}: expected a version under {base}, found "
            f"{', '.join(map(str, there)) or 'none'}"
        )
    return int(version)
