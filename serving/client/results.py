"""The server's answers as immutable values."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from contract.task import Task, names_text


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The servable that a request is for.

    Attributes:
        name: The model's name on the server.
        version: An exact version, or None.
        label: A version label such as ``stable``, or None. With neither, the
            server answers with its newest version.
    """

    name: str
    version: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        """Refuses a specification that no server can answer.

        Raises:
            ValueError: The name is empty, the version negative, or both version and
                label are given.
        """
        if not self.name:
            raise ValueError("the model's name is empty")
        if self.version is not None and self.label is not None:
            raise ValueError("choose a version or a label, not both")
        if self.version is not None and self.version < 0:
            raise ValueError(f"a version is 0 or greater, got {self.version}")

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.name} version {self.version}"
        if self.label is not None:
            return f"{self.name} label {self.label}"
        return self.name


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one Predict call.

    Attributes:
        outputs: Output alias to array.
        model: The model's name, as the server echoes it.
        version: The version that answered.
        signature: The signature that ran.
    """

    outputs: Mapping[str, np.ndarray]
    model: str
    version: int
    signature: str


@dataclass(frozen=True, slots=True)
class ServedTask:
    """The task of a version, and where it is known from.

    Attributes:
        task: Size and classes of its images.
        model: The model's name.
        version: The version that the task belongs to.
        told: Whether the model described it with its `describe` signature; otherwise it
            was derived from the shapes of `serving_default`, and class names are
            labels.
        tells_novelty: Whether the model has the signature `novelty`.
    """

    task: Task
    model: str
    version: int
    told: bool = True
    tells_novelty: bool = False

    @property
    def note(self) -> str:
        """Returns a note for the user if the task was derived; else an empty text."""
        if self.told:
            return ""
        return (
            f"{self.model} version {self.version} does not state its task (it has no "
            "`describe` signature): its classes are called "
            f"{names_text(self.task.classes, 3)}, and all pictures, also drawings, are "
            f"fitted to {self.task.size_text} as they are; train and push the model "
            "again to get class names and centred drawings"
        )


@dataclass(frozen=True, slots=True)
class ClassAnswer:
    """The model's answer for one image.

    Attributes:
        probabilities: One float for each class, by label; they add up to 1.
        model: The model's name.
        version: The version that answered.
        task: That version's task, which names the classes.
        novelty: Distance of the image from everything that the model has learnt; None
            if it was not requested.
        is_novel: Whether the distance is so large that the image is not of this task.
    """

    probabilities: tuple[float, ...]
    model: str
    version: int
    task: Task
    novelty: float | None = None
    is_novel: bool | None = None

    @property
    def class_id(self) -> int:
        """The label of the most probable class; the lowest of equal ones."""
        return self.best(1)[0][0]

    @property
    def name(self) -> str:
        """The name of the most probable class."""
        return self.task.classes[self.class_id]

    @property
    def probability(self) -> float:
        """The probability of the most probable class."""
        return self.best(1)[0][1]

    def best(self, count: int) -> list[tuple[int, float]]:
        """Returns the `count` most probable labels with their probabilities."""
        ranked = sorted(enumerate(self.probabilities), key=lambda pair: -pair[1])
        return ranked[:count]

    @property
    def digit(self) -> int:
        """The label; its name in version 0.1."""
        warnings.warn(
            "ClassAnswer.digit is deprecated: use class_id, or name",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.class_id


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """The state of one version of a model.

    Attributes:
        version: The version.
        state: START, LOADING, AVAILABLE, UNLOADING or END.
        error_code: ``OK``, or the name of the status code it failed with.
        error_message: Empty when it did not fail.
    """

    version: int
    state: str
    error_code: str = "OK"
    error_message: str = ""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output of a signature.

    Attributes:
        dtype: TensorFlow's name of the element type, such as ``uint8``.
        shape: None where the rank is unknown; None inside for an unknown size.
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return "any shape"
        sides = ("?" if side is None else str(side) for side in self.shape)
        return f"[{', '.join(sides)}]"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature of a model: its inputs and outputs by alias."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    method_name: str = ""


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """A model's signatures, with the version that answered."""

    model: str
    version: int
    signatures: Mapping[str, Signature] = field(default_factory=dict)
