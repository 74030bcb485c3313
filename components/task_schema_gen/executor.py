"""Writes the schema of the examples' task."""

import os
from typing import Any

from google.protobuf import text_format
from tfx.utils import io_utils

from components.executing import Artifacts, BaseExecutor
from components.task_schema_gen.schema import complete, parse_judgement
from contract import nodes
from contract.task import task_of_examples

JUDGEMENT_KEY = "judgement"

SCHEMA_FILE = "schema.pbtxt"


class Executor(BaseExecutor):
    """Completes the curated schema with the task's values."""

    def run(
        self, inputs: Artifacts, outputs: Artifacts, parameters: dict[str, Any]
    ) -> None:
        """Writes the `schema` artifact; see `TaskSchemaGen`.

        Raises:
            BadInputError: The judgement is not a schema for images and labels.
        """
        task = task_of_examples(inputs[nodes.EXAMPLES].uri)
        judgement = parse_judgement(parameters[JUDGEMENT_KEY], "data.schema")
        io_utils.write_string_file(
            os.path.join(outputs[nodes.SCHEMA].uri, SCHEMA_FILE),
            text_format.MessageToString(complete(judgement, task)),
        )
