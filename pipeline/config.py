"""The configuration of a run: typed, validated, frozen.

The sections have defaults. A TOML file overrides them, and single settings
(`section.key=value`, the runner's flags) override both.
"""

import os
import tomllib
from collections.abc import Callable, Sequence
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, Field, ValidationError

from contract.errors import BadInputError
from contract.special_files import file_only
from pipeline.beam import Beam
from pipeline.data_settings import Data
from pipeline.gate_settings import Gates
from pipeline.monitoring_settings import Monitoring
from pipeline.notify import Notify
from pipeline.section import Section
from pipeline.training.settings import Training
from pipeline.watching import Watch
from serving.client.channel import DEFAULT_ADDRESS


class Storage(Section):
    """How much of earlier runs is kept on this machine.

    Attributes:
        keep_runs: Number of the model's newest runs. At each push, only the artifacts
            that they made or reused are kept; None keeps all, until
            `local_runner.py clean`.
        keep_versions: Number of the model's versions that are kept at each push: those
            that are served, then the newest; None keeps all, until
            `version_store prune`.
    """

    keep_runs: int | None = Field(None, ge=1)
    keep_versions: int | None = Field(None, ge=1)


class Push(Section):
    """How a model that passed the gates is served.

    Attributes:
        arrive_as: `stable`: for all callers; `canary`: beside the stable version, for
            callers that ask for the label canary, until a user promotes or withdraws it
            (`python -m version_store`).
        server: gRPC address of the servers. Before a version is labelled, each address
            of the name is asked whether its server has this version. No server is asked
            while no version is labelled.
    """

    arrive_as: Literal["stable", "canary"] = "stable"
    server: str = DEFAULT_ADDRESS


class Config(Section):
    """All settings of a run."""

    data: Data = Data()
    training: Training = Training()
    gates: Gates = Gates()
    beam: Beam = Beam()
    storage: Storage = Storage()
    notify: Notify = Notify()
    monitoring: Monitoring = Monitoring()
    push: Push = Push()
    watch: Watch = Watch()

    def with_gate_defaults(self, **bounds: float) -> Self:
        """Returns a copy with other default bounds; bounds that were set stay."""
        unset = {
            k: v for k, v in bounds.items() if k not in self.gates.model_fields_set
        }
        return self.model_copy(update={"gates": self.gates.model_copy(update=unset)})


FORMER_SETTINGS = {"gates.min_digit_accuracy": "gates.min_class_accuracy"}
"""Names of settings in version 0.1, which are still accepted, and their new names."""


def load_config(
    path: str | None = None,
    settings: Sequence[str | tuple[str, Any]] = (),
    note: Callable[[str], None] = lambda line: None,
) -> Config:
    """Reads the configuration.

    Args:
        path: A TOML file with the sections of `Config`; None for the defaults.
        settings: Texts `section.key=value`, or pairs of both. They override the file,
            and later ones override earlier ones.
        note: Called with a message about each setting that has a new name.

    Raises:
        BadInputError: There is no such file, it is no TOML, or a key or a value is
            wrong; one line that names the file or setting, the key and the problem.
    """
    content: dict[str, Any] = {}
    origin: dict[str, str] = {}
    if path is not None:
        try:
            with open(path, encoding="utf-8-sig", opener=file_only) as stream:
                content = tomllib.loads(stream.read())
        except OSError as error:
            raise BadInputError(
                f"{path or '--config'}: cannot be read: {error.strerror}"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInputError(f"{path}: expected TOML, found: {error}") from error
    for former, name in FORMER_SETTINGS.items():
        section, _, key = former.partition(".")
        of_section = content.get(section)
        if isinstance(of_section, dict) and key in of_section:
            of_section.setdefault(name.partition(".")[2], of_section.pop(key))
            note(f"{path}: {former} is called {name} now")
    if path is not None:
        _find_beside(os.path.dirname(path), content)
    for setting in settings:
        dotted, value = _parse(setting) if isinstance(setting, str) else setting
        if dotted in FORMER_SETTINGS:
            note(f"setting {dotted} is called {FORMER_SETTINGS[dotted]} now")
        section, _, key = FORMER_SETTINGS.get(dotted, dotted).partition(".")
        of_section = content.setdefault(section, {})
        if not isinstance(of_section, dict):
            raise BadInputError(
                f"{path}: {section}: expected a section [{section}], "
                f"found {of_section!r}"
            )
        of_section[key] = value
        origin[f"{section}.{key}"] = origin[section] = f"setting {dotted}"
    try:
        config = Config.model_validate(content)
        # Errors in the metrics of bounds are found now, and not after the training.
        config.gates.bounds()
        return config
    except ValidationError as error:
        first = error.errors()[0]
        dotted = ".".join(str(part) for part in first["loc"][:2])
        where = origin.get(dotted, f"{path}: {dotted}")
        raise BadInputError(f"{where}: {_explain(dotted, first)}") from error


def _find_beside(folder: str, content: dict[str, Any]) -> None:
    """Makes references to the user's code beside the TOML file relative to here."""
    training, gates = content.get("training"), content.get("gates")
    metrics = gates.get("metrics") if isinstance(gates, dict) else None
    naming = [(training, "model")]
    naming += [(one, "name") for one in metrics] if isinstance(metrics, list) else []
    for section, key in naming:
        if not isinstance(section, dict) or not isinstance(section.get(key), str):
            continue
        reference = section[key]
        file, colon, _ = reference.partition(".py:")
        if colon and os.path.isfile(os.path.join(folder, f"{file}.py")):
            section[key] = os.path.join(folder, reference)


def _parse(setting: str) -> tuple[str, Any]:
    """Splits `section.key=value`; the value is read as TOML, else as plain text."""
    dotted, equals, text = setting.partition("=")
    if not equals or dotted.count(".") != 1:
        inner = dotted.count(".") > 1
        form = '{key="text"}, as training.schedule={kind="cosine"}'
        raise BadInputError(
            f"setting {setting}: expected section.key="
            + (form if inner else "value, as training.epochs=5")
        )
    try:
        return dotted, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return dotted, text


def _explain(dotted: str, error: Any) -> str:
    """Returns pydantic's error in terms of the setting that the user wrote."""
    loc = error["loc"]
    # An error inside a setting is named by the inner key.
    inner = [part for part in loc[2:] if isinstance(part, str)]
    key = f"{inner[-1]}: " if inner else ""
    if error["type"] == "extra_forbidden":
        fields = _section_at(loc[:-1]).model_fields.items()
        names = ", ".join(field.alias or name for name, field in fields)
        return f"{key}unknown key, expected one of {names}"
    if error["type"] == "model_type":
        return f"expected a section [{dotted}], found {error['input']!r}"
    if error["type"] == "value_error":
        text, value = str(error["ctx"]["error"]), error["input"]
        is_section = isinstance(value, dict)
        found = "" if is_section or "found" in text else f", found {value!r}"
        return f"{key}{text}{found}"
    if error["type"] == "string_pattern_mismatch":
        field = _section_at(loc[:-1]).model_fields[loc[-1]]
        if field.description:
            return f"expected {field.description}; found {error['input']!r}"
    text = error["msg"].removeprefix("Input ").removeprefix("String ")
    text = text.replace("a valid tuple", "an array")
    return f"{key}{text}, found {error['input']!r}"


def _section_at(loc: Sequence[str | int]) -> type[BaseModel]:
    """Returns the class of a section, or of a section inside another."""
    section: type[BaseModel] = Config
    for part in loc:
        if isinstance(part, str):
            section = _section_in(section.model_fields[part].annotation)
    return section


def _section_in(annotation: Any) -> type[BaseModel]:
    """Returns the section class in a type, which may be optional or a tuple of it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(
        _section_in(inner)
        for inner in get_args(annotation)
        if inner not in (type(None), ...)
    )
