"""Writes the schema of the examples' task."""

import os
from typing import Any

from google.protobuf import text_format
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.task_schema_gen.schema import complete, parse_judgement
from contract import nodes
from contract.task import read_task

JUDGEMENT_KEY = "judgement"

SCHEMA_FILE = "schema.pbtxt"


class Executor(base_executor.BaseExecutor):
    """Completes the judgement by the task."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the `schema` artifact; see `TaskSchemaGen`.

        Raises:
            BadInputError: The judgement is no schema for images and labels.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_uri(input_dict[nodes.EXAMPLES])
        task = read_task(examples)
        assert task is not None, "ImageExampleGen writes the task"
        judgement = parse_judgement(exec_properties[JUDGEMENT_KEY], "data.schema")
        io_utils.write_string_file(
            os.path.join(
                artifact_utils.get_single_uri(output_dict[nodes.SCHEMA]), SCHEMA_FILE
            ),
            text_format.MessageToString(complete(judgement, task)),
        )
