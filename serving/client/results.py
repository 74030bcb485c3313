"""What a server answered, as plain immutable values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which servable a request is for.

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
        """Refuse what no server could answer.

        Raises:
          ValueError: No name, a negative version, or both version and label.
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
class DigitAnswer:
    """What the model reads in one image.

    Attributes:
      probabilities: Ten floats, one for each digit, that add up to 1.
      model: The model's name.
      version: The version that answered.
    """

    probabilities: tuple[float, ...]
    model: str
    version: int

    @property
    def digit(self) -> int:
        """The most probable digit."""
        return self.best(1)[0][0]

    @property
    def probability(self) -> float:
        """The probability of `digit`."""
        return self.best(1)[0][1]

    def best(self, count: int) -> list[tuple[int, float]]:
        """The `count` most probable digits with their probabilities, best first."""
        ranked = sorted(enumerate(self.probabilities), key=lambda pair: -pair[1])
        return ranked[:count]


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
