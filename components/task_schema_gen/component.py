"""Declares the component `TaskSchemaGen`."""

from tfx.types import standard_artifacts

from components.declaration import Component
from components.task_schema_gen import executor
from contract import nodes


class TaskSchemaGen(Component):
    """Writes the schema with which the examples are validated.

    TFX's SchemaGen infers everything from the data, so the data never violates it.
    ImportSchemaGen imports a complete file, which fits one task only. Here the user's
    curated part (presence, bounds of drift and skew) comes from a file, and sizes and
    domains come from the task.

    Input `examples`: from ImageExampleGen, with the task. Parameter `judgement`: the
    curated schema in text format, without the fields from the task.

    Output `schema`: one file, `schema.pbtxt`.
    """

    EXECUTOR = executor.Executor
    INPUTS = {nodes.EXAMPLES: standard_artifacts.Examples}
    PARAMETERS = {executor.JUDGEMENT_KEY: str}
    OUTPUTS = {nodes.SCHEMA: standard_artifacts.Schema}
