"""The flags that configure a run, shared by several commands of `local_runner.py`."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import click

from contract.errors import BadInputError
from pipeline.config import FORMER_SETTINGS, Config, load_config
from runner.workspace import Workspace

Command = Callable[..., Any]

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


CONFIG = click.option(
    "--config", "config_path", metavar="FILE", help="Settings, as TOML."
)


def any_setting(text: str) -> Command:
    """Returns the flag that takes any setting."""
    return click.option(
        "--set", "settings", multiple=True, metavar="SECTION.KEY=VALUE", help=text
    )


_OPTIONS = (
    _flag(
        "data.path",
        "Labelled images: IDX files, an npz, a folder of pictures for each class, "
        "CSV or Parquet; see docs/your-own-data.md.",
        name="data",
        metavar="PATH",
    ),
    _flag(
        "data.dataset",
        "Without --data: which one to take. auto is mnist, or the embedded digits "
        "where no mirror answers.",
    ),
    _flag("data.name", "Name of the model. [made from the data's]"),
    _flag(
        "data.classes",
        "Names of the classes, label 0 first; a file has one a line. "
        "[as the data says]",
        metavar="A,B,...|FILE",
    ),
    _flag("data.noun", "What an image shows, as letter. [image]"),
    _flag(
        "data.background",
        "Value of the pixels where nothing is drawn. [looked for]",
        metavar="0-255|none",
    ),
    _flag("data.prefix", "Only files whose names begin so, as emnist-letters."),
    _flag(
        "data.transpose", "Exchange rows and columns of each image, as EMNIST's need."
    ),
    _flag("data.resize", "The size that images are brought to.", metavar="WxH"),
    _flag("data.colour", "What pictures are brought to."),
    _flag(
        "data.image_size",
        "Of images that stand as rows of numbers. [square]",
        metavar="WxH[x3]",
    ),
    _flag("data.label", "Of a table: where the labels stand.", metavar="COLUMN"),
    _flag("data.skip_unreadable", "Leave out pictures that cannot be read."),
    _flag(
        "data.split",
        "How rows are held out. [auto: the last ones, or each class's share]",
    ),
    _flag("data.schema", "A schema of one's own.", metavar="FILE"),
    _flag("training.epochs", "Passes over the training rows."),
    _flag("training.batch_size", "Rows a step."),
    _flag("training.seed", "The same seed gives the same weights."),
    _flag("gates.min_accuracy", "Gate. [0.97; digits: 0.93]"),
    _flag(
        "gates.min_class_accuracy",
        "Gate, for each class alone. [0.93; digits: 0.75]",
    ),
    _flag("gates.min_digit_accuracy", hidden=True),
    _flag(
        "gates.max_champion_loss",
        "Gate: accuracy that a model may lose against the served one.",
    ),
    _flag(
        "gates.allow_anomalies",
        "Go on in spite of what DataGate finds; it is kept on record.",
    ),
    _flag(
        "gates.allow_champion_fall",
        "Go on where the served model fails on this data; kept on record.",
    ),
    _flag(
        "gates.replace_task", "Push under the name of a model that has another task."
    ),
    _flag(
        "beam.runner",
        "Who runs StatisticsGen, Transform and Evaluator.",
        name="beam-runner",
        metavar="NAME",
    ),
    _flag(
        "beam.workers",
        "Of DirectRunner; 0: one a core.",
        name="beam-workers",
        type=int,
    ),
    _flag("beam.running_mode", "Of DirectRunner.", name="beam-running-mode"),
    CONFIG,
    any_setting(
        "Any setting of the configuration, as data.shard_rows=500; may be repeated."
    ),
    click.option("--output", default="output", show_default=True, help="Folder."),
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
        return command(Asked(config, output), **{name: flags[name] for name in own})

    given: Command = wrapper
    for option in reversed(_OPTIONS):
        given = option(given)
    return given


def _classes(text: str) -> list[str]:
    """Returns the names in a comma-separated text, or in the lines of a file."""
    if not os.path.isfile(text):
        return [name.strip() for name in text.split(",")]
    try:
        with open(text, encoding="utf-8-sig") as stream:
            return [line.strip() for line in stream if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise BadInputError(f"--classes: {text}: cannot be read: {reason}") from error
