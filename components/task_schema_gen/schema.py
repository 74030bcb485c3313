"""The schema of a task's examples: a person's judgement, and what the task says."""

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from contract.errors import BadInputError
from contract.features import IMAGE, LABEL
from contract.task import Task

_FROM_TASK = ("shape", "int_domain", "type")

TRAINING, SERVING = "TRAINING", "SERVING"
"""The schema's environments: of data with labels, and of what a server is asked."""


def parse_judgement(text: str, name: str) -> schema_pb2.Schema:
    """Reads a schema that leaves out what the task says.

    Raises:
        BadInputError: It is none, has no feature `image` or `label`, or says
            itself what the task says.
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
    """Returns the schema that a task's examples are held to.

    The image has the task's shape and values from 0 to 255; the label is the place
    of one of its classes, and nobody expects it of what a server is asked.
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
            # So that TFDV counts each label, and does not average them.
            feature.int_domain.is_categorical = True
            sizes = (1,)
            if not (feature.in_environment or feature.not_in_environment):
                feature.not_in_environment.append(SERVING)
        for size in sizes:
            feature.shape.dim.add(size=size)
    return schema
