"""The flags that configure a run, shared by several commands of `local_runner.py`."""

import functools
import os
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import click

from components.image_example_gen import spans
from components.image_example_gen.contents import is_ours
from contract.errors import BadInputError
from contract.options import CONFIG, OUTPUT, Command, ModelOption, any_setting
from contract.special_files import read_text
from pipeline.config import FORMER_SETTINGS, Config, load_config
from pipeline.data_settings import Data
from runner.workspace import Workspace

_DEFAULTS = Config()
_IN_NAMES = "__"
"""Replaces the dot of a setting where a Python identifier is needed."""


def _flag(setting: str, text: str = "", name: str = "", **more: Any) -> Command:
    """Returns the flag of a setting, with the setting's type and default.

    Args:
        setting: The setting as `section.key`.
        text: The help text, with the default in brackets where the setting's own
            default is not clear enough.
        name: Name of the flag; empty for the setting's key.
        more: Further arguments of `click.option`.
    """
    section, _, key = FORMER_SETTINGS.get(setting, setting).partition(".")
    fields = type(getattr(_DEFAULTS, section)).model_fields.items()
    [field] = [one for own, one in fields if key in (own, one.alias)]
    kind = field.annotation
    if kind is bool:
        more |= {"is_flag": True, "default": None}
    elif kind in (int, float):
        more.setdefault("type", kind)
    elif get_origin(kind) is Literal:
        more["metavar"] = "|".join(get_args(kind))
    if "[" not in text and field.default and kind is not bool:
        text += f" [{field.default}]"
    name = name or setting.partition(".")[2].replace("_", "-")
    place = setting.replace(".", _IN_NAMES)
    return click.option(f"--{name}", place, help=text, **more)


_OPTIONS = (
    _flag(
        "data.path",
        "File or folder with labelled images: IDX files, an npz, one folder of "
        "pictures per class, CSV or Parquet; see docs/your-own-data.md.",
        name="data",
        metavar="PATH",
    ),
    _flag(
        "data.dataset",
        "Data set to use without --data. auto downloads MNIST and, if no mirror "
        "answers, uses the digits that come with scikit-learn.",
    ),
    _flag(
        "data.name",
        "Name of the model. [made from the name of the data]",
        name="model",
        cls=ModelOption,
    ),
    _flag(
        "data.classes",
        "Names of the classes, beginning with label 0, or a file with one name per "
        "line. [the names in the data]",
        metavar="A,B,...|FILE",
    ),
    _flag(
        "data.noun", "Singular noun for what an image shows, such as letter. [image]"
    ),
    _flag(
        "data.background",
        "Pixel value of the empty background, or none. [found from the data]",
        metavar="0-255|none",
    ),
    _flag(
        "data.prefix",
        "Use only files whose names begin with this text, such as emnist-letters.",
    ),
    _flag(
        "data.transpose", "Exchange rows and columns of each image, as EMNIST requires."
    ),
    _flag(
        "data.resize",
        "Resize every image to this width and height, in pixels. [not resized]",
        metavar="WxH",
    ),
    _flag(
        "data.colour", "Convert pictures to grey or RGB; auto keeps them as they are."
    ),
    _flag(
        "data.image_size",
        "Width and height of images that are stored as rows of numbers; x3 for RGB. "
        "[square]",
        metavar="WxH[x3]",
    ),
    _flag(
        "data.label",
        "Column of a table that holds the labels. [found by its name]",
        metavar="COLUMN",
    ),
    _flag(
        "data.skip_unreadable",
        "Leave out pictures that cannot be read, instead of stopping.",
    ),
    _flag(
        "data.split",
        "How to choose the rows for evaluation: last takes the last rows, stratified "
        "the same share of each class, auto decides from the data. [auto]",
    ),
    _flag(
        "data.schema",
        "Your own schema for the data checks. [the built-in one]",
        metavar="FILE",
    ),
    _flag("training.epochs", "Number of passes over the training rows."),
    _flag("training.batch_size", "Number of rows per training step."),
    _flag(
        "training.seed",
        "Seed of the random numbers; the same seed gives the same weights.",
    ),
    _flag(
        "gates.min_accuracy",
        "Gate: lowest accuracy of a model that is pushed. [0.97; digits: 0.93]",
    ),
    _flag(
        "gates.min_class_accuracy",
        "Gate: lowest accuracy on each single class. [0.93; digits: 0.75]",
    ),
    _flag("gates.min_digit_accuracy", hidden=True),
    _flag(
        "gates.max_champion_loss",
        "Gate: largest loss of accuracy against the served model.",
    ),
    _flag(
        "gates.allow_anomalies",
        "Continue although DataGate finds anomalies; the findings are recorded.",
    ),
    _flag(
        "gates.allow_champion_fall",
        "Continue although the served model's accuracy has fallen on this data; this "
        "is recorded.",
    ),
    _flag(
        "gates.replace_task",
        "Allow a push under the name of a served model with another task.",
    ),
    _flag(
        "beam.runner",
        "Beam runner of StatisticsGen, Transform and Evaluator.",
        name="beam-runner",
        metavar="NAME",
    ),
    _flag(
        "beam.workers",
        "Number of DirectRunner workers; 0 means one per CPU core.",
        name="beam-workers",
        type=int,
    ),
    _flag(
        "beam.running_mode",
        "How DirectRunner runs its workers.",
        name="beam-running-mode",
    ),
    CONFIG,
    any_setting(
        "Change any setting, for example data.shard_rows=500; may be repeated."
    ),
    OUTPUT,
)


@dataclass(frozen=True)
class Asked:
    """The values of a run's flags.

    Attributes:
        config: The settings. Flags overrule `--set`, which overrules the file.
        output: The output folder, as the user wrote it.
    """

    config: Config
    output: str

    @property
    def workspace(self) -> Workspace:
        """The workspace in the output folder."""
        return Workspace(os.path.abspath(self.output))


def configuring(command: Command) -> Command:
    """Adds the flags of a run to a command, which gets an `Asked` as first argument.

    The command raises BadInputError where a flag's value cannot be used.
    """
    own = {parameter.name for parameter in getattr(command, "__click_params__", ())}

    @functools.wraps(command)
    def wrapper(
        config_path: str | None, settings: tuple[str, ...], output: str, **flags: Any
    ) -> Any:
        given = {
            name.replace(_IN_NAMES, "."): value
            for name, value in flags.items()
            if name not in own and value is not None
        }
        if os.path.exists(output) and not os.path.isdir(output):
            raise BadInputError(
                f"--output: {output}: expected a folder, found a file: choose another"
            )
        if not given.get("data.noun", "image").strip():
            raise BadInputError("--noun: expected a word, as letter; found nothing")
        if (classes := given.get("data.classes")) is not None:
            given["data.classes"] = _classes(classes)
        config = load_config(
            config_path,
            [*settings, *given.items()],
            note=lambda line: click.echo(f"note: {line}", err=True),
        )
        _check_apart(config.data, output)
        return command(Asked(config, output), **{name: flags[name] for name in own})

    given: Command = wrapper
    for option in reversed(_OPTIONS):
        given = option(given)
    return given


def _check_apart(data: Data, output: str) -> None:
    """Refuses an output folder in the data, where its files would be read as data.

    Spans and a prefix choose other files, and those in `.name` are no data.
    """
    if data.path is None or data.prefix or spans.is_pattern(data.path):
        return
    above, below = os.path.realpath(data.path), os.path.realpath(output)
    within = os.path.isdir(above) and os.path.commonpath((above, below)) == above
    if within and is_ours(os.path.relpath(below, above)):
        raise BadInputError(
            f"--output: {output}: expected a folder outside of the data, as what is "
            f"written there would be read as data; found it in {data.path}: choose "
            "another with --output"
        )


def _classes(text: str) -> list[str]:
    """Returns the names in a comma-separated text, or in the lines of a file."""
    if not os.path.isfile(text):
        return [name.strip() for name in text.split(",")]
    lines = read_text(text, f"--classes: {text}").split("\n")
    return [line.strip() for line in lines if line.strip()]
