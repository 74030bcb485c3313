"""Builds the schema of a task's examples from a curated schema and the task."""

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from contract.errors import BadInputError
from contract.features import IMAGE, LABEL
from contract.task import Task

_FROM_TASK = ("shape", "int_domain", "type")

TRAINING, SERVING = "TRAINING", "SERVING"
"""The schema's environments: data with labels, and requests to a server."""


def parse_judgement(text: str, name: str) -> schema_pb2.Schema:
    """Parses a curated schema, which must not have the fields from the task.

    Raises:
        BadInputError: The text is not a schema, has no feature `image` or `label`, or
            has fields that come from the task.
    """
    try:
        schema = text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise BadInputError(
            f"{name}: expected a schema in text format, found: "
            f"{' '.join(str(error).split())}"
        ) from error
    names = sorted(feature.name for feature in schema.feature)
    if set(names) != {IMAGE, LABEL}:
        raise BadInputError(
            f"{name}: expected the features {IMAGE} and {LABEL}, found "
            f"{', '.join(names) or 'none'}"
        )
    for twice in {feature for feature in names if names.count(feature) > 1}:
        raise BadInputError(
            f"{name}: expected each feature once, found {twice} more than once"
        )
    for feature in schema.feature:
        said = [key for key in _FROM_TASK if feature.HasField(key)]
        if said:
            raise BadInputError(
                f"{name}: {feature.name}: {said[0]}: expected nothing, as the task "
                "says it: take it out"
            )
    return schema


def complete(judgement: schema_pb2.Schema, task: Task) -> schema_pb2.Schema:
    """Returns the complete schema of a task's examples.

    The image has the task's shape and values from 0 to 255. The label is the index of a
    class, and is not expected in requests to a server.
    """
    schema = schema_pb2.Schema()
    schema.CopyFrom(judgement)
    if not schema.default_environment:
        schema.default_environment.extend((TRAINING, SERVING))
    for feature in schema.feature:
        feature.type = schema_pb2.INT
        feature.int_domain.min = 0
        if feature.name == IMAGE:
            feature.int_domain.max = 255
            sizes: tuple[int, ...] = task.shape
        else:
            feature.int_domain.max = len(task.classes) - 1
            # With this TFDV counts each label instead of averaging labels.
            feature.int_domain.is_categorical = True
            sizes = (1,)
            if not (feature.in_environment or feature.not_in_environment):
                feature.not_in_environment.append(SERVING)
        for size in sizes:
            feature.shape.dim.add(size=size)
    return schema
