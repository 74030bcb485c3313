"""The run-time parameters: settings that a run of a compiled pipeline may change."""

from dataclasses import dataclass
from typing import Any

from pipeline.config import Config, load_config

DATA = "data"
"""The parameter that names the data set; not a setting of `Config`."""

PREFIX = "run_time_"
"""Prefix of a node's input for a run-time parameter; no exec property begins so."""


@dataclass(frozen=True)
class Parameter:
    """A run-time parameter that is a setting of the configuration.

    Attributes:
        name: Name in the user interface and in `submit`.
        setting: Section and key in `Config`.
        type: KFP's name of the type (kfp-pipeline-spec: `ParameterType`).
        description: Description in the user interface.
    """

    name: str
    setting: str
    type: str
    description: str

    def value(self, config: Config) -> int | float | bool:
        """Returns the setting's value."""
        section, _, key = self.setting.partition(".")
        return getattr(getattr(config, section), key)


PARAMETERS = (
    Parameter("epochs", "training.epochs", "NUMBER_INTEGER", "Passes over the data."),
    Parameter("batch_size", "training.batch_size", "NUMBER_INTEGER", "Rows a step."),
    Parameter("learning_rate", "training.learning_rate", "NUMBER_DOUBLE", "Adam's."),
    Parameter("seed", "training.seed", "NUMBER_INTEGER", "Of weights and order."),
    Parameter(
        "min_accuracy",
        "gates.min_accuracy",
        "NUMBER_DOUBLE",
        "Gate: share of the test split that has to be answered rightly.",
    ),
    Parameter(
        "min_class_accuracy",
        "gates.min_class_accuracy",
        "NUMBER_DOUBLE",
        "Gate: the same for each class alone.",
    ),
    Parameter(
        "max_champion_loss",
        "gates.max_champion_loss",
        "NUMBER_DOUBLE",
        "Gate: accuracy that may be lost against the model being served.",
    ),
    Parameter(
        "allow_anomalies",
        "gates.allow_anomalies",
        "BOOLEAN",
        "Go on in spite of what DataGate finds; kept on record.",
    ),
)


def with_values(config: Config, values: dict[str, Any]) -> Config:
    """Returns the configuration with the parameters' values in it.

    Args:
        config: The compiled configuration.
        values: Values by parameter name; whole numbers may be floats, as in JSON.

    Raises:
        BadInputError: A value is impossible.
    """
    settings: list[tuple[str, Any]] = [
        (f"{section}.{key}", value)
        for section, of_section in config.model_dump(mode="json", by_alias=True).items()
        for key, value in of_section.items()
        if value is not None
    ]
    for parameter in PARAMETERS:
        if parameter.name in values:
            value = values[parameter.name]
            whole = parameter.type == "NUMBER_INTEGER" and float(value).is_integer()
            settings.append((parameter.setting, int(value) if whole else value))
    return load_config(settings=settings)


def another_value(parameter: Parameter, config: Config) -> int | float | bool:
    """Returns another legal value of a parameter, to see which nodes it changes."""
    value = parameter.value(config)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value / 2 if value else 0.5
