"""What was measured, and the file that keeps it: rounds are added to it."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.errors import BadInputError


class ResultsError(BadInputError):
    """A results file is not one, or is about something else."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Facts(_Model):
    """What a training was: the same for all contenders, or they do not compare.

    Attributes:
        steps: Updates of the weights.
        parameters: Numbers that are trained.
        optimizer: Its class.
        learning_rate: Its step size.
        test_accuracy: Share of the test split answered rightly.
        fit_seconds: The training loop alone, validation after each epoch included.
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
        components: Wall seconds by component, where there are any.
        components_cpu: Processor seconds of the process itself, likewise.
        facts: Of its training.
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
        images: In all splits together.
        seconds: The whole process.
        components: Wall seconds by component.
        peaks_mb: The most memory of each process.
        live_mb: Of each Java process, the most of its heap that a collection left.
    """

    images: int
    seconds: float
    components: dict[str, float]
    peaks_mb: dict[str, float]
    live_mb: dict[str, float] = Field(default_factory=dict)


class Results(_Model):
    """Everything in a results file.

    Attributes:
        machine: What it was measured on.
        settings: What was measured: fingerprint of the data, epochs.
        rounds: By round: contender to what it took. A round may lack some.
        growth: By where Beam ran, and the number of times the data was repeated.
    """

    machine: dict[str, str]
    settings: dict[str, Any]
    rounds: list[dict[str, Measured]] = Field(default_factory=list)
    growth: dict[str, dict[int, Grown]] = Field(default_factory=dict)

    def of(self, contender: str) -> list[Measured]:
        """Every run of a contender, oldest first."""
        return [each[contender] for each in self.rounds if contender in each]

    def pairs(self, one: str, other: str) -> list[tuple[Measured, Measured]]:
        """The runs of two contenders that lay side by side in a round."""
        return [
            (each[one], each[other])
            for each in self.rounds
            if one in each and other in each
        ]

    def save(self, path: Path) -> None:
        """Writes the file anew, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".tmp")
        beside.write_text(self.model_dump_json(indent=1) + "\n")
        beside.replace(path)


def load(path: Path) -> Results:
    """Reads a results file.

    Raises:
        ResultsError: There is none, or it is no results file.
    """
    try:
        return Results.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ResultsError(
            f"{path}: expected a results file: {error.strerror}"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ResultsError(
            f"{path}: expected a results file of this benchmark: {where}: "
            f"{first['msg']}"
        ) from error


def load_or_begin(
    path: Path, machine: dict[str, str], settings: dict[str, Any]
) -> Results:
    """Reads the file to add to, or begins a new one.

    Raises:
        ResultsError: The file there is about other data, settings or versions.
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
                raise ResultsError(
                    f"{path}: holds rounds with {what} {key}: {there.get(key)}, and "
                    f"now it is {value}: name another file with --json"
                )
    return found
