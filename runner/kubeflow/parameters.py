"""What may change from one run of a compiled pipeline to the next."""

from dataclasses import dataclass
from typing import Any

from pipeline.config import Config, load_config

DATA = "data"
"""The parameter that names the data set; not a setting of `Config`."""

PREFIX = "run_time_"
"""A node's own input for a parameter; no exec property begins like that."""


@dataclass(frozen=True)
class Parameter:
    """A run-time parameter that is a setting of the configuration.

    Attributes:
        name: As the user interface and `submit` show it.
        setting: Section and key in `Config`.
        type: KFP's name of the type (kfp-pipeline-spec: `ParameterType`).
        description: For the user interface.
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
        config: What was compiled.
        values: By parameter name; numbers may be floats, as JSON's are.

    Raises:
        BadInputError: An unknown name or an impossible value.
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
    """Returns a legal value that is not the configuration's, to see what it changes."""
    value = parameter.value(config)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value / 2 if value else 0.5
