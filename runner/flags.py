"""The flags of `local_runner.py` that say what a run is: for every command alike."""

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from contract.errors import BadInputError
from pipeline.config import Config, load_config

_Command = TypeVar("_Command", bound=Callable[..., Any])

_SETTINGS = {
    "data": "data.path",
    "dataset": "data.dataset",
    "name": "data.name",
    "classes": "data.classes",
    "noun": "data.noun",
    "background": "data.background",
    "schema": "data.schema",
    "prefix": "data.prefix",
    "transpose": "data.transpose",
    "resize": "data.resize",
    "colour": "data.colour",
    "image_size": "data.image_size",
    "label": "data.label",
    "split": "data.split",
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "seed": "training.seed",
    "min_accuracy": "gates.min_accuracy",
    "min_class_accuracy": "gates.min_class_accuracy",
    "min_digit_accuracy": "gates.min_digit_accuracy",
    "max_champion_loss": "gates.max_champion_loss",
    "allow_anomalies": "gates.allow_anomalies",
    "allow_champion_fall": "gates.allow_champion_fall",
    "replace_task": "gates.replace_task",
    "beam_runner": "beam.runner",
    "beam_workers": "beam.workers",
    "beam_running_mode": "beam.running_mode",
}
"""The setting that each flag is."""

_OPTIONS = (
    click.option(
        "--data",
        metavar="PATH",
        help="Labelled images: IDX files, an npz, a folder of pictures for each class, "
        "CSV or Parquet; see docs/your-own-data.md.",
    ),
    click.option(
        "--dataset",
        metavar="auto|mnist|digits",
        help="Without --data: which one to take. auto is mnist, or the embedded digits "
        "where no mirror answers.",
    ),
    click.option("--name", help="Name of the model. [made from the data's]"),
    click.option(
        "--classes",
        metavar="A,B,...|FILE",
        help="Names of the classes, label 0 first; a file has one a line. "
        "[as the data says]",
    ),
    click.option("--noun", help="What an image shows, as letter. [image]"),
    click.option(
        "--background",
        metavar="0-255|none",
        help="Value of the pixels where nothing is drawn. [looked for]",
    ),
    click.option(
        "--prefix", help="Only files whose names begin so, as emnist-letters."
    ),
    click.option(
        "--transpose",
        is_flag=True,
        default=None,
        help="Exchange rows and columns of each image, as EMNIST's need.",
    ),
    click.option(
        "--resize", metavar="WxH", help="The size that images are brought to."
    ),
    click.option(
        "--colour", metavar="auto|grey|rgb", help="What pictures are brought to."
    ),
    click.option(
        "--image-size",
        metavar="WxH[x3]",
        help="Of images that stand as rows of numbers. [square]",
    ),
    click.option(
        "--label", metavar="COLUMN", help="Of a table: where the labels stand."
    ),
    click.option(
        "--split",
        metavar="auto|last|stratified",
        help="How rows are held out. [auto: the last ones, or each class's share]",
    ),
    click.option("--schema", metavar="FILE", help="A schema of one's own."),
    click.option("--epochs", type=int, help="Passes over the training rows. [25]"),
    click.option("--batch-size", type=int, help="Rows a step. [32]"),
    click.option("--seed", type=int, help="The same seed gives the same weights. [1]"),
    click.option("--min-accuracy", type=float, help="Gate. [0.97; digits: 0.93]"),
    click.option(
        "--min-class-accuracy",
        type=float,
        help="Gate, for each class alone. [0.93; digits: 0.75]",
    ),
    click.option("--min-digit-accuracy", type=float, hidden=True),
    click.option(
        "--max-champion-loss",
        type=float,
        help="Gate: accuracy that a model may lose against the served one. [0.005]",
    ),
    click.option(
        "--allow-anomalies",
        is_flag=True,
        default=None,
        help="Go on in spite of what DataGate finds; it is kept on record.",
    ),
    click.option(
        "--allow-champion-fall",
        is_flag=True,
        default=None,
        help="Go on where the served model fails on this data; kept on record.",
    ),
    click.option(
        "--replace-task",
        is_flag=True,
        default=None,
        help="Push under the name of a model that has another task.",
    ),
    click.option(
        "--beam-runner",
        metavar="NAME",
        help="Who runs StatisticsGen, Transform and Evaluator. [DirectRunner]",
    ),
    click.option(
        "--beam-workers", type=int, help="Of DirectRunner; 0: one a core. [1]"
    ),
    click.option(
        "--beam-running-mode",
        metavar="in_memory|multi_threading|multi_processing",
        help="Of DirectRunner. [in_memory]",
    ),
    click.option("--config", "config_path", metavar="FILE", help="Settings, as TOML."),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Any setting of the configuration, as data.shard_rows=500; may be "
        "repeated.",
    ),
    click.option("--output", default="output", show_default=True, help="Folder."),
)


def configuring(command: _Command) -> _Command:
    """Gives a command the flags of a run; `configuration` reads them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def configuration(
    config_path: str | None,
    settings: Sequence[str],
    flags: dict[str, Any],
) -> Config:
    """Returns what the flags ask for.

    Args:
        config_path: Of a TOML file, or None.
        settings: Texts `section.key=value`, over the file.
        flags: The other flags, over both; None: not given.

    Raises:
        BadInputError: One of them cannot be used.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    if (classes := given.get("classes")) is not None:
        given["classes"] = _classes(classes)
    return load_config(
        config_path,
        [*settings, *((_SETTINGS[name], value) for name, value in given.items())],
        note=lambda line: click.echo(f"note: {line}", err=True),
    )


def _classes(text: str) -> list[str]:
    """Returns the names in a text with commas, or in the lines of a file."""
    if not os.path.isfile(text):
        return [name.strip() for name in text.split(",")]
    try:
        with open(text, encoding="utf-8-sig") as stream:
            return [line.strip() for line in stream if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise BadInputError(f"--classes: {text}: cannot be read: {reason}") from error
