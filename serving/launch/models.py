"""Finding the model that was pushed."""

import re
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from serving.client.protocol import SavedModel
from serving.launch.errors import LaunchError

MODELS = Path("output/models")
"""Where the pipeline pushes models to, as ``NAME/VERSION``."""


@dataclass(frozen=True, slots=True)
class Model:
    """A pushed model.

    Attributes:
        name: Its folder's name, and its name on the server.
        base_path: The folder that holds its versions.
        version: The newest version.
        tensorflow: The TensorFlow that wrote that version, such as ``2.16.2``.
    """

    name: str
    base_path: Path
    version: int
    tensorflow: str


def find_model(models: Path, name: str | None) -> Model:
    """Find the model to serve: the one named, or the one pushed last.

    Raises:
        LaunchError: Nothing was pushed, or not under that name.
    """
    found: dict[str, dict[int, Path]] = {}
    for file in models.glob("*/*/saved_model.pb"):
        if file.parent.name.isdecimal():
            versions = found.setdefault(file.parent.parent.name, {})
            versions[int(file.parent.name)] = file
    if not found:
        raise LaunchError(f"no model was pushed to {models} yet: run `make run` first")
    if name is None:
        name = max(found, key=lambda key: max(found[key]))
    elif name not in found:
        raise LaunchError(
            f"no model {name!r} was pushed to {models}, "
            f"found: {', '.join(sorted(found))}"
        )
    version = max(found[name])
    file = found[name][version]
    return Model(name, file.parent.parent.resolve(), version, tensorflow_of(file))


def tensorflow_of(saved_model: Path) -> str:
    """The version of TensorFlow that wrote a ``saved_model.pb``.

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
