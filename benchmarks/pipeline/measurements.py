"""The measurements, and the results file to which rounds are added."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.errors import BadInputError


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Facts(_Model):
    """The facts of a training; the first four must be equal for all contenders.

    Attributes:
        steps: Number of training steps.
        parameters: Number of the model's parameters.
        optimizer: Class of the optimiser.
        learning_rate: Learning rate of the optimiser.
        test_accuracy: Accuracy on the test split.
        fit_seconds: Time of the training loop alone, including the validation after
            each epoch.
    """

    steps: int
    parameters: int
    optimizer: str
    learning_rate: float
    test_accuracy: float
    fit_seconds: float


class Measured(_Model):
    """One run of one contender, as a whole process.

    Attributes:
        seconds: Wall time.
        cpu_seconds: User and system time of the process and its descendants.
        peak_mb: Largest resident memory of all of them together, in MB.
        components: Wall seconds by component; empty for the notebook.
        components_cpu: Processor seconds of the process itself, by component.
        facts: Facts of the training.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    components: dict[str, float] = Field(default_factory=dict)
    components_cpu: dict[str, float] = Field(default_factory=dict)
    facts: Facts


class Grown(_Model):
    """One run at one size of the data.

    Attributes:
        images: Number of images in all splits.
        seconds: Wall time of the whole process.
        components: Wall seconds by component.
        peaks_mb: Peak memory of each process, in MB.
        live_mb: For each Java process, the largest heap that a collection left, in MB.
    """

    images: int
    seconds: float
    components: dict[str, float]
    peaks_mb: dict[str, float]
    live_mb: dict[str, float] = Field(default_factory=dict)


class Results(_Model):
    """Everything in a results file.

    Attributes:
        machine: Description of the machine.
        settings: Fingerprint of the data, and number of epochs.
        rounds: For each round, the measurements by contender. Some may be missing.
        growth: Runs by the place of Beam's work, and by how often the data is repeated.
    """

    machine: dict[str, str]
    settings: dict[str, Any]
    rounds: list[dict[str, Measured]] = Field(default_factory=list)
    growth: dict[str, dict[int, Grown]] = Field(default_factory=dict)

    def of(self, contender: str) -> list[Measured]:
        """Returns every run of a contender, oldest first."""
        return [each[contender] for each in self.rounds if contender in each]

    def pairs(self, one: str, other: str) -> list[tuple[Measured, Measured]]:
        """Returns the runs of two contenders from the rounds that have both."""
        return [
            (each[one], each[other])
            for each in self.rounds
            if one in each and other in each
        ]

    def save(self, path: Path) -> None:
        """Writes the file atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".tmp")
        beside.write_text(self.model_dump_json(indent=1) + "\n")
        beside.replace(path)


def load(path: Path) -> Results:
    """Reads a results file.

    Raises:
        BadInputError: The file does not exist, or is no results file.
    """
    try:
        return Results.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadInputError(
            f"{path}: expected a results file: {error.strerror}"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInputError(
            f"{path}: expected a results file of this benchmark: {where}: "
            f"{first['msg']}"
        ) from error


def load_or_begin(
    path: Path, machine: dict[str, str], settings: dict[str, Any]
) -> Results:
    """Reads the results file, or begins new results if there is none.

    Raises:
        BadInputError: The file is for other data, settings or versions.
    """
    if not path.exists():
        return Results(machine=machine, settings=settings)
    found = load(path)
    for what, expected, there in (
        ("settings", settings, found.settings),
        ("machine", machine, found.machine),
    ):
        for key, value in expected.items():
            if there.get(key) != value:
                raise BadInputError(
                    f"{path}: holds rounds with {what} {key}: {there.get(key)}, and "
                    f"now it is {value}: name another file with --json"
                )
    return found
