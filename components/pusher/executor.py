"""TFX's Pusher with a push that is all or nothing."""

import logging
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.types import artifact_utils

from components.champion.executor import VERSION_PROPERTY
from components.mnist_example_gen.executor import FINGERPRINT_KEY
from components.pusher import versions

EXAMPLES_KEY = "examples"
STATISTICS_KEY = "statistics"
CHAMPION_KEY = "champion"
PUSHED_MODEL_KEY = "pushed_model"
MODELS_KEY = "models"
RUN_KEY = "run"
RECIPE_KEY = "recipe"

PUSHED_PROPERTY = "pushed"
PUSHED_VERSION_PROPERTY = "pushed_version"
ALREADY_SERVED_PROPERTY = "already_served"


class Executor(executor.Executor):
    """Pushes a blessed model unless it is what is served already."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the `pushed_model` artifact; see `Pusher`."""
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict[PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        base = exec_properties[MODELS_KEY]
        model = self.GetModelPath(input_dict)
        digest = versions.model_digest(model)

        version = versions.latest_version(base)
        already_served = (
            version is not None
            and versions.read_manifest(base, version).get("model_digest") == digest
        )
        if version is None or not already_served:
            examples = artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY])
            champion = artifact_utils.get_single_instance(input_dict[CHAMPION_KEY])
            version = versions.push(
                base,
                model,
                artifact_utils.get_single_uri(input_dict[STATISTICS_KEY]),
                {
                    "model_digest": digest,
                    "data_fingerprint": examples.get_string_custom_property(
                        FINGERPRINT_KEY
                    ),
                    "champion": champion.get_string_custom_property(VERSION_PROPERTY),
                    "run": exec_properties[RUN_KEY],
                    "recipe": exec_properties[RECIPE_KEY],
                },
            )
        logging.info(
            "version %d %s",
            version,
            "is served already" if already_served else "pushed",
        )
        destination = versions.version_path(base, version)
        self._MarkPushed(pushed, destination, str(version))
        pushed.set_int_custom_property(ALREADY_SERVED_PROPERTY, int(already_served))
