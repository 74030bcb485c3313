"""Finds the task of a served version: from its description, or from its shapes.

Our models have a signature `describe` that answers any text with `task.json`. A model
from elsewhere, or from version 0.1 of this project, has none. Then only the shape of
its input `images` and the number of its `probabilities` are known.
"""

from typing import Any

from contract.errors import BadInputError
from contract.signatures import DESCRIBE_SIGNATURE as DESCRIBE
from contract.signatures import IMAGES_SIGNATURE as DEFAULT_SIGNATURE
from contract.signatures import IS_NOVEL, NOVELTY, NOVELTY_SIGNATURE, PROBABILITIES
from contract.task import DEFAULT_NOUN, Task, plain_names
from serving.client.results import ModelMetadata, ServedTask, Signature

IMAGES = "images"
TEXT = "text"
TASK = "task"


class NoTaskError(Exception):
    """The served version cannot classify images; the message is one line."""


def is_told(metadata: ModelMetadata) -> bool:
    """Tells whether a version's `describe` has the inputs and outputs of ours."""
    signature = metadata.signatures.get(DESCRIBE)
    return (
        signature is not None
        and set(signature.inputs) == {TEXT}
        and TASK in signature.outputs
        and signature.inputs[TEXT].dtype == "string"
    )


def tells_novelty(metadata: ModelMetadata) -> bool:
    """Tells whether a version's `novelty` has the inputs and outputs of ours."""
    signature = metadata.signatures.get(NOVELTY_SIGNATURE)
    return (
        signature is not None
        and set(signature.inputs) == {IMAGES}
        and {NOVELTY, IS_NOVEL} <= set(signature.outputs)
    )


def told_task(metadata: ModelMetadata, texts: Any) -> ServedTask:
    """Reads the output `task` of `describe`: one text, as bytes.

    Raises:
        NoTaskError: The output is no task.
    """
    try:
        task = Task.from_json(texts.reshape(-1)[0])
    except (AttributeError, IndexError, UnicodeDecodeError, BadInputError) as error:
        raise NoTaskError(f"signature `{DESCRIBE}`: {error}") from error
    return ServedTask(
        task,
        metadata.model,
        metadata.version,
        tells_novelty=tells_novelty(metadata),
    )


def derived_task(metadata: ModelMetadata, name: str = DEFAULT_SIGNATURE) -> ServedTask:
    """Derives a task from the shapes that a signature declares.

    Raises:
        NoTaskError: The signature takes no images, gives no probabilities, or does not
            declare the number of classes.
    """
    signature = metadata.signatures.get(name)
    if signature is None:
        raise NoTaskError(
            f"expected a signature {name!r}, found: "
            f"{', '.join(metadata.signatures) or 'none'}"
        )
    height, width, channels = _image_sides(name, signature)
    probabilities = signature.outputs.get(PROBABILITIES)
    declared = probabilities and probabilities.shape
    if not declared or len(declared) != 2 or declared[1] is None:
        raise NoTaskError(
            f"signature {name!r}: expected an output {PROBABILITIES!r} of shape "
            f"[?, classes], found: {_texts(signature.outputs)}"
        )
    try:
        task = Task(
            name=metadata.model,
            height=height,
            width=width,
            channels=channels,
            classes=plain_names(declared[1]),
            noun=DEFAULT_NOUN,
        )
    except BadInputError as error:
        raise NoTaskError(f"signature {name!r}: {error}") from error
    return ServedTask(
        task, metadata.model, metadata.version, False, tells_novelty(metadata)
    )


def _image_sides(name: str, signature: Signature) -> tuple[int, int, int]:
    spec = signature.inputs.get(IMAGES)
    if spec is not None and spec.dtype == "uint8" and spec.shape is not None:
        sides = [side for side in spec.shape[1:] if side]
        if len(sides) == len(spec.shape) - 1:
            if len(sides) == 2:
                return sides[0], sides[1], 1
            if len(sides) == 3 and sides[2] == 3:
                return sides[0], sides[1], 3
    raise NoTaskError(
        f"signature {name!r}: expected an input {IMAGES!r} of uint8 and shape "
        f"[?, height, width] or [?, height, width, 3], found: "
        f"{_texts(signature.inputs)}"
    )


def _texts(specs: Any) -> str:
    return (
        ", ".join(f"{alias} {spec.dtype} {spec}" for alias, spec in specs.items())
        or "none"
    )
