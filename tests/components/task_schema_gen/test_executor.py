"""TaskSchemaGen in the wiring, and its output."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.types import channel, standard_artifacts
from tfx.utils import io_utils

from components.image_example_gen import digits
from components.task_schema_gen.component import TaskSchemaGen
from components.task_schema_gen.executor import Executor
from components.task_schema_gen.schema import complete, parse_judgement
from contract.errors import BadInputError
from pipeline.schema import judgement
from tests.tasks import write_task


def generator(text: str = "") -> TaskSchemaGen:
    examples = channel.Channel(type=standard_artifacts.Examples)
    return TaskSchemaGen(examples=examples, judgement=text)


def test_the_node_id_is_legal_on_kubeflow() -> None:
    assert generator().id == "TaskSchemaGen"


def test_another_judgement_is_no_cache_hit() -> None:
    assert generator("a").exec_properties != generator("b").exec_properties


def generate(artifact: Callable[..., Any], text: str) -> Any:
    """Runs the executor; returns the artifact of the schema."""
    examples = artifact(standard_artifacts.Examples)
    write_task(examples.uri, digits.TASK)
    schema = artifact(standard_artifacts.Schema)
    Executor().Do({"examples": [examples]}, {"schema": [schema]}, {"judgement": text})
    return schema


def test_it_writes_the_schema_of_the_examples_task(
    artifact: Callable[..., Any],
) -> None:
    schema = generate(artifact, judgement())
    assert [path.name for path in Path(schema.uri).iterdir()] == ["schema.pbtxt"]
    # Read in the way of TFX's own nodes.
    found = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema.uri))
    assert found == complete(parse_judgement(judgement(), "schema.pbtxt"), digits.TASK)


def test_a_judgement_that_cannot_be_used_is_bad_input(
    artifact: Callable[..., Any],
) -> None:
    with pytest.raises(BadInputError, match=r"^data\.schema: expected a schema"):
        generate(artifact, "{")
