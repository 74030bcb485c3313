"""How settings look to a person, wherever they are shown."""

from collections.abc import Mapping
from typing import Any

_OF_OFFERED = ("hidden_units",)
"""Settings that only the networks of `pipeline.model` are made by."""


def of_setting(value: Any) -> str:
    """Returns a setting's value on one line: `64, 32`, `patience 3, monitor loss`."""
    if value is None or value in ("", [], (), {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(of_setting, value))
    if isinstance(value, Mapping):
        named = {str(key).replace("_", " "): one for key, one in value.items()}
        return ", ".join(f"{key} {of_setting(one)}" for key, one in named.items())
    return str(value)


def of_training(training: Mapping[str, Any]) -> dict[str, str]:
    """Returns the settings of a training by their names; only those that were used.

    Args:
        training: Section `training` of the configuration, as JSON has it.
    """
    has_own = "." in str(training.get("model", ""))
    return {
        key.replace("_", " "): (
            _of_schedule(value)
            if key == "schedule" and isinstance(value, Mapping)
            else of_setting(value)
        )
        for key, value in training.items()
        if not (has_own and key in _OF_OFFERED)
    }


def _of_schedule(schedule: Mapping[str, Any]) -> str:
    """Returns a schedule by its kind, and what belongs to that."""
    own = {
        "cosine": ("warmup_epochs", "final"),
        "exponential": ("factor",),
        "piecewise": ("epochs", "factors"),
        "plateau": ("factor", "patience", "minimum"),
    }.get(str(schedule.get("kind")), ())
    options = of_setting({key: schedule[key] for key in own if key in schedule})
    kind = str(schedule.get("kind"))
    return f"{kind}, {options}" if own else kind
