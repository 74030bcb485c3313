"""Reads and writes `models.config`, the servers' model configuration file.

It is TensorFlow Serving's `ModelServerConfig` in text format
(tensorflow_serving/config/model_server_config.proto), for `--model_config_file` with
`--model_config_file_poll_wait_seconds`. It lies beside the models on their volume, so
that a push or a rollback can change the served versions without access to the servers.
It is replaced in one step: a reader sees the old file or the new one.
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
from contract.special_files import file_only

FILE = "models.config"
POLL_SECONDS = 5
"""Seconds between reads by our servers (`--model_config_file_poll_wait_seconds`)."""

_LOCK = ".models.config.lock"
_LOCK_SECONDS = 60.0
_HEADER = """\
# tensorflow.serving.ModelServerConfig. Pushes and `python -m version_store` write
# versions and labels here; other fields stay as they are.
"""


def path_in(models: str) -> str:
    """Returns the path of the configuration file in a folder of models."""
    return os.path.join(models, FILE)


def read(path: str) -> model_server_config_pb2.ModelServerConfig:
    """Reads a configuration file.

    Raises:
        BadInputError: The file cannot be read.
    """
    try:
        with open(path, encoding="utf-8", opener=file_only) as stream:
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
    """Returns a model's `ModelConfig`; None if the file does not have the model."""
    for one in config.model_config_list.config:
        if one.name == model:
            return one
    return None


@contextmanager
def changed(models: str, model: str) -> Iterator[Any]:
    """Yields a model's `ModelConfig` for changes; writes the file afterwards.

    A model that is not in the file is added without a policy, so its highest version
    is served. Without a change nothing is written.

    Args:
        models: The folder of the models; servers must find it under the same path.
        model: Name of the model.

    Raises:
        BadInputError: The existing file cannot be read.
        OSError: The file cannot be written.
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
    """Enters a model with its local path, if need be; returns the file's path.

    Raises:
        BadInputError: The existing file cannot be read.
        OSError: A change is needed, and the file cannot be written.
    """
    path = path_in(models)
    known = find(read(path), model) if os.path.exists(path) else None
    # No write without need: a folder that is mounted read-only works as well.
    if known is None or known.base_path != base_path(models, model):
        with changed(models, model) as config:
            config.base_path = base_path(models, model)
    return path


def enter(models: str, model: str) -> None:
    """Enters a new model in an existing file, so that running servers load it.

    Nothing is done without a file, or if no model in it has the path that it has here:
    then the servers have the folder under another path.

    Raises:
        BadInputError: The existing file cannot be read.
        OSError: The file cannot be written.
    """
    path = path_in(models)
    known = read(path).model_config_list.config if os.path.exists(path) else []
    if any(one.name == model for one in known):
        return
    if any(one.base_path == base_path(models, one.name) for one in known):
        with changed(models, model):
            pass


def base_path(models: str, model: str) -> str:
    """Returns the folder of a model's versions, as the servers are told."""
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
