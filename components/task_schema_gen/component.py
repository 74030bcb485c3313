"""The component: input, parameter, output."""

from tfx.types import standard_artifacts

from components.declaration import Component
from components.task_schema_gen import executor
from contract import nodes


class TaskSchemaGen(Component):
    """Writes the schema that the examples are held to.

    TFX's SchemaGen infers everything from the data, and so finds nothing wrong with
    it; ImportSchemaGen takes a file that says everything, and so knows one task
    only. Here a person's judgement (presence, bounds of drift and skew) stands in
    the file, and sizes and domains come from the task.

    Input `examples`: from ImageExampleGen, with the task. Parameter `judgement`: a
    schema in text format without what the task says.

    Output `schema`: one file, `schema.pbtxt`.
    """

    EXECUTOR = executor.Executor
    INPUTS = {nodes.EXAMPLES: standard_artifacts.Examples}
    PARAMETERS = {executor.JUDGEMENT_KEY: str}
    OUTPUTS = {nodes.SCHEMA: standard_artifacts.Schema}
