"""Finds the pushed model."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from contract.errors import BrokenError
from contract.version_number import version_number
from serving.client.protocol import SavedModel

MODELS = Path("output/models")
"""Where the pipeline pushes models to, as ``NAME/VERSION``."""


class LaunchError(BrokenError):
    """No model can be served; the message gives the reason in one line."""


@dataclass(frozen=True, slots=True)
class Model:
    """A pushed model.

    Attributes:
        name: Name of its folder, and of the model on the server.
        base_path: The folder that holds its versions.
        version: The newest version.
        tensorflow: The TensorFlow that wrote that version, such as ``2.16.2``.
        config: The configuration file that names the served versions and their
            labels; None: the newest version is served.
    """

    name: str
    base_path: Path
    version: int
    tensorflow: str
    config: Path | None = None


def find_model(models: Path, name: str | None) -> Model:
    """Finds the model to serve: the one with this name, or the one pushed last.

    Raises:
        LaunchError: No model was pushed, or none with that name.
    """
    found = _pushed(models)
    if not found and models.is_dir() and not os.access(models, os.R_OK | os.X_OK):
        raise LaunchError(f"{models}: cannot be read: permission denied")
    if not found:
        raise LaunchError(f"no model was pushed to {models} yet: run `make run` first")
    if name is None:
        name = max(found, key=lambda key: max(found[key]))
    elif name not in found:
        raise LaunchError(
            f"no model {name!r} was pushed to {models}, "
            f"found: {', '.join(sorted(found))}"
        )
    return _model(name, found[name])


def find_others(model: Model) -> tuple[list[Model], list[str]]:
    """Finds the models that were pushed beside a model.

    Returns:
        The models; and for each that cannot be served a line with the reason.
    """
    others: list[Model] = []
    problems: list[str] = []
    for name, found in _pushed(model.base_path.parent).items():
        if name != model.name:
            try:
                others.append(_model(name, found))
            except LaunchError as error:
                problems.append(f"{name} is not served: {error}")
    return others, problems


def _model(name: str, found: dict[int, Path]) -> Model:
    version = max(found)
    file = found[version]
    return Model(name, file.parent.parent.resolve(), version, tensorflow_of(file))


def _pushed(models: Path) -> dict[str, dict[int, Path]]:
    """Returns the SavedModels in a folder of models, by model name and version."""
    found: dict[str, dict[int, Path]] = {}
    for folder in _folders(models):
        for place in _folders(folder) if folder.is_dir() else ():
            saved = place / "saved_model.pb"
            number = version_number(place.name)
            if number is not None and os.path.isfile(saved):
                found.setdefault(folder.name, {})[number] = saved
    return found


def _folders(folder: Path) -> list[Path]:
    """Lists a folder; without read permission (`lost+found`) the list is empty.

    Raises:
        LaunchError: The folder cannot be read for another reason.
    """
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, PermissionError):
        return []
    except OSError as error:
        raise LaunchError(f"{folder}: cannot be read: {error.strerror}") from error


def tensorflow_of(saved_model: Path) -> str:
    """Returns the version of TensorFlow that wrote a ``saved_model.pb``.

    Raises:
        LaunchError: The file cannot be read as a SavedModel.
    """
    try:
        graphs = SavedModel.FromString(saved_model.read_bytes()).meta_graphs
    except (OSError, DecodeError) as error:
        raise LaunchError(f"{saved_model}: cannot be read: {error}") from error
    version = graphs[0].meta_info_def.tensorflow_version if graphs else ""
    if not re.match(r"\d+\.\d+", version):
        raise LaunchError(f"{saved_model}: expected a SavedModel, found another file")
    return version
