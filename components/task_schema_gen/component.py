"""The component: input, parameter, output."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.task_schema_gen import executor
from contract import nodes, properties
from contract.code import code_digest


class TaskSchemaGenSpec(types.ComponentSpec):
    """What goes in and out of TaskSchemaGen."""

    PARAMETERS = {
        executor.JUDGEMENT_KEY: ExecutionParameter(type=str),
        properties.CODE: ExecutionParameter(type=str),
    }
    INPUTS = {nodes.EXAMPLES: ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {nodes.SCHEMA: ChannelParameter(type=standard_artifacts.Schema)}


class TaskSchemaGen(base_component.BaseComponent):
    """Writes the schema that the examples are held to.

    TFX's SchemaGen infers everything from the data, and so finds nothing wrong with
    it; ImportSchemaGen takes a file that says everything, and so knows one task
    only. Here a person's judgement (presence, bounds of drift and skew) stands in
    the file, and sizes and domains come from the task.

    Output `schema`: one file, `schema.pbtxt`.
    """

    SPEC_CLASS = TaskSchemaGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, examples: types.BaseChannel, judgement: str) -> None:
        """Construct the component.

        Args:
            examples: From ImageExampleGen, with the task.
            judgement: A schema in text format without what the task says.
        """
        super().__init__(
            spec=TaskSchemaGenSpec(
                examples=examples,
                judgement=judgement,
                code=code_digest(executor.__name__),
                schema=types.Channel(type=standard_artifacts.Schema),
            )
        )
