"""`models.config`: the servers' model configuration file, beside the models.

It is a `ModelServerConfig` in text format, TensorFlow Serving's own
(tensorflow_serving/config/model_server_config.proto), for `--model_config_file` with
`--model_config_file_poll_wait_seconds`. It lies on the models' volume, so that what
changes versions can change what is served without any access to the servers. It is
replaced whole: whoever reads it sees the old one or the new one.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from filelock import FileLock
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from contract.errors import BadInputError

FILE = "models.config"
POLL_SECONDS = 5
"""How often servers of ours read it (`--model_config_file_poll_wait_seconds`)."""

_LOCK = ".models.config.lock"
_LOCK_SECONDS = 60.0
_HEADER = """\
# tensorflow.serving.ModelServerConfig. Pushes and `python -m version_store` write
# versions and labels here; other fields stay as they are.
"""


def path_in(models: str) -> str:
    """Returns where the file of a folder of models is, or would be."""
    return os.path.join(models, FILE)


def read(path: str) -> model_server_config_pb2.ModelServerConfig:
    """Reads a configuration file.

    Raises:
        BadInputError: It cannot be read.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except OSError as error:
        raise BadInputError(
            f"{path}: expected a server's model configuration, found: {error.strerror}"
        ) from error
    except (UnicodeDecodeError, text_format.ParseError) as error:
        raise BadInputError(
            f"{path}: expected a ModelServerConfig in text format, found: {error}"
        ) from error


def find(config: model_server_config_pb2.ModelServerConfig, model: str) -> Any:
    """Returns the `ModelConfig` of a model; None if the file does not have it."""
    for one in config.model_config_list.config:
        if one.name == model:
            return one
    return None


@contextmanager
def changed(models: str, model: str) -> Iterator[Any]:
    """Yields the `ModelConfig` of a model to be changed; writes the file after that.

    A model that the file does not have is added, without a policy: its highest
    version is served. Where nothing was changed nothing is written.

    Args:
        models: The folder of the models, by the path by which servers find it, too.
        model: Name of the model.

    Raises:
        BadInputError: The file that is there cannot be read.
        OSError: It cannot be written.
    """
    path = path_in(models)
    with FileLock(os.path.join(models, _LOCK), timeout=_LOCK_SECONDS, mode=0o666):
        there = os.path.exists(path)
        config = read(path) if there else model_server_config_pb2.ModelServerConfig()
        before = config.SerializeToString(deterministic=True)
        found = find(config, model)
        if found is None:
            found = config.model_config_list.config.add(
                name=model,
                base_path=base_path(models, model),
                model_platform="tensorflow",
            )
        yield found
        if config.SerializeToString(deterministic=True) != before:
            _write(path, _HEADER + text_format.MessageToString(config))


def ensure(models: str, model: str) -> str:
    """Returns the path of the file, which has the model, by its path here, after that.

    Raises:
        BadInputError: The file that is there cannot be read.
        OSError: It has to be written, and cannot be.
    """
    path = path_in(models)
    known = find(read(path), model) if os.path.exists(path) else None
    # A folder that is mounted for reading only is served as well.
    if known is None or known.base_path != base_path(models, model):
        with changed(models, model) as config:
            config.base_path = base_path(models, model)
    return path


def base_path(models: str, model: str) -> str:
    """Returns where the versions of a model are, as a server has to be told."""
    return os.path.join(os.path.abspath(models), model)


def _write(path: str, text: str) -> None:
    staged = f"{path}.{uuid.uuid4().hex}"
    try:
        with open(staged, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(staged, path)
    except BaseException:
        if os.path.exists(staged):
            os.remove(staged)
        raise
