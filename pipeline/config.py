"""The configuration of a run: typed, validated, frozen.

Values come from the defaults here, a TOML file over them, and single settings
(`section.key=value`, the runner's flags) over both.
"""

import tomllib
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.errors import BadInputError

MODEL_NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?$"
"""Also a legal name of a Kubeflow pipeline and of a Kubernetes object."""

Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    # Strict: TOML has types of its own, and `epochs = true` is a mistake.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False
    )


class Data(_Section):
    """Which data set, and how it is split.

    Attributes:
        path: Folder with the four IDX files, or an npz; None: see `dataset`.
        dataset: Without a path: `mnist` (cache, then mirrors), `digits` (the
            embedded one), or `auto` (mnist, and digits where it is unreachable).
        name: The model's name; None: `mnist` or `digits`.
        eval_fraction: Share of the training rows, the last ones, held out as
            split `eval`; Keras' `validation_split`.
        shard_rows: Most examples in one file.
    """

    path: str | None = None
    dataset: Literal["auto", "mnist", "digits"] = "auto"
    name: str | None = Field(None, pattern=MODEL_NAME_PATTERN)
    eval_fraction: float = Field(0.2, gt=0, lt=1)
    shard_rows: int = Field(12_000, ge=1)


class Training(_Section):
    """The network and how it is fitted; defaults are the notebook's.

    Attributes:
        epochs: Passes over the training rows.
        batch_size: Rows a step.
        learning_rate: Adam's.
        hidden_units: Widths of the hidden layers.
        seed: Of the initial weights and of the order of rows; the same seed
            gives the same weights, bit by bit.
        cache_mb: Memory for the rows that are gone over in every epoch, in MB
            (MNIST takes 220); what is more is read from a temporary file, with the
            same result.
    """

    epochs: int = Field(25, ge=1)
    batch_size: int = Field(32, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    # Not strict about the sequence itself: TOML and JSON have lists, no tuples.
    hidden_units: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (128, 32), strict=False
    )
    seed: int = Field(1, ge=0, lt=2**32)
    cache_mb: int = Field(256, ge=0)


class Gates(_Section):
    """What a model has to reach on the test split, and who may overrule DataGate.

    Attributes:
        min_accuracy: Lower bound of the share answered rightly.
        min_digit_accuracy: The same for each digit alone.
        max_champion_loss: How much accuracy a new model may lose against the
            one that is served.
        allow_anomalies: Go on in spite of what DataGate finds; kept on record.
    """

    min_accuracy: Share = 0.97
    min_digit_accuracy: Share = 0.93
    max_champion_loss: Share = 0.005
    allow_anomalies: bool = False


_FN_API_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
"""What DirectRunner takes for a batch pipeline in the end. On the way it imports
Google's Pub/Sub, walks the pipeline twice to see which of three runners could run
it, and may fetch one of them, Prism, from the network
(apache_beam/runners/direct/direct_runner.py). By its name: 1.5 s of processor time
less for each of StatisticsGen and Evaluator, and the same runner everywhere."""


class Beam(_Section):
    """Where Beam runs StatisticsGen, Transform and Evaluator.

    One worker in this process is the best on one machine at this size. Measured for
    StatisticsGen on MNIST, two cores beside other work, as seconds of wall and of
    processor time: in_memory 15.4 and 13.5; multi_threading with two workers 14.6 and
    13.2, as they share Python's lock; multi_processing with two 33.7 and some 20, as
    each worker imports TensorFlow again.

    Attributes:
        runner: Beam's runner, such as DirectRunner or FlinkRunner.
        workers: Of the direct runner; 0 is one per core.
        running_mode: Of the direct runner.
        args: Further Beam options, `--key=value` each.
    """

    runner: str = "DirectRunner"
    workers: int = Field(1, ge=0)
    running_mode: Literal["in_memory", "multi_threading", "multi_processing"] = (
        "in_memory"
    )
    args: tuple[str, ...] = Field((), strict=False)

    def pipeline_args(self) -> list[str]:
        """Returns the options as TFX's `beam_pipeline_args`."""
        local = self.runner == "DirectRunner"
        direct = (
            [
                f"--direct_num_workers={self.workers}",
                f"--direct_running_mode={self.running_mode}",
                # Unless told that workers have what they need, TFX packs itself
                # into a source distribution for each Beam node: 3 s and 20 MB
                # left in the temporary folder every time
                # (tfx/utils/dependency_utils.py). Here they are this process.
                "--sdk_container_image=this-environment",
            ]
            if local
            else []
        )
        runner = _FN_API_RUNNER if local else self.runner
        return [f"--runner={runner}", *direct, *self.args]


class Config(_Section):
    """Everything that can be configured about a run."""

    data: Data = Data()
    training: Training = Training()
    gates: Gates = Gates()
    beam: Beam = Beam()

    def with_gate_defaults(self, **bounds: float) -> Self:
        """Returns the same with other default bounds; what was set stays."""
        unset = {
            k: v for k, v in bounds.items() if k not in self.gates.model_fields_set
        }
        return self.model_copy(update={"gates": self.gates.model_copy(update=unset)})


def load_config(
    path: str | None = None, settings: Sequence[str | tuple[str, Any]] = ()
) -> Config:
    """Reads the configuration.

    Args:
        path: A TOML file with the sections of `Config`; None: defaults.
        settings: Texts `section.key=value`, or pairs of both; they win over the
            file, and later ones over earlier.

    Raises:
        BadInputError: No such file, no TOML, an unknown key, an impossible
            value; one line that names file or setting, key and what is wrong.
    """
    content: dict[str, Any] = {}
    origin: dict[str, str] = {}
    if path is not None:
        try:
            with open(path, "rb") as stream:
                content = tomllib.load(stream)
        except OSError as error:
            raise BadInputError(f"{path}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInputError(f"{path}: expected TOML, found: {error}") from error
    for setting in settings:
        dotted, value = _parse(setting) if isinstance(setting, str) else setting
        section, _, key = dotted.partition(".")
        of_section = content.setdefault(section, {})
        if not isinstance(of_section, dict):
            raise BadInputError(
                f"{path}: {section}: expected a section [{section}], "
                f"found {of_section!r}"
            )
        of_section[key] = value
        origin[dotted] = origin[section] = f"setting {dotted}"
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        dotted = ".".join(str(part) for part in first["loc"][:2])
        where = origin.get(dotted, f"{path}: {dotted}")
        raise BadInputError(f"{where}: {_explain(dotted, first)}") from error


def _parse(setting: str) -> tuple[str, Any]:
    """Splits `section.key=value`; the value is read as TOML, or is plain text."""
    dotted, equals, text = setting.partition("=")
    if not equals or dotted.count(".") != 1:
        raise BadInputError(
            f"setting {setting}: expected section.key=value, as training.epochs=5"
        )
    try:
        return dotted, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return dotted, text


def _explain(dotted: str, error: Any) -> str:
    """Returns what pydantic found in the words of the person who typed it."""
    if error["type"] == "extra_forbidden":
        section, _, _key = dotted.partition(".")
        field = Config.model_fields.get(section)
        known = (
            field.annotation.model_fields
            if field is not None and field.annotation is not None
            else Config.model_fields
        )
        return f"unknown key, expected one of {', '.join(known)}"
    if error["type"] == "model_type":
        return f"expected a section [{dotted}], found {error['input']!r}"
    text = error["msg"].removeprefix("Input ").removeprefix("String ")
    text = text.replace("a valid tuple", "an array")
    return f"{text}, found {error['input']!r}"
