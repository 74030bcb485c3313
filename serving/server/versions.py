"""Finds the versions of a model to serve, from the file system and the policy.

Source: tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc.
One thing differs: a version folder without `saved_model.pb` is ignored until the file
exists, so that an unfinished copy is not an error.
"""

import logging
import os
import re
from collections.abc import Collection, Sequence
from typing import Any

import tensorflow as tf

from serving.server.errors import Code, ServingError, invalid_argument
from serving.server.flags import Options
from serving.server.session import SAVED_MODEL_FILES
from serving.server.tflite_runtime import TFLITE_FILE

_log = logging.getLogger(__name__)

# absl::SimpleAtoi of an int64: digits, with leading zeros and a plus sign allowed.
_NUMBER = re.compile(r"\+?[0-9]+")
_MAX_VERSION = 2**63 - 1


def list_versions(name: str, base_path: str) -> dict[int, str]:
    """Returns the numbered folders under `base_path`, by number.

    Raises:
        ServingError: NOT_FOUND, the folder is missing or cannot be read.
    """
    try:
        children = tf.io.gfile.listdir(base_path)
    except (tf.errors.OpError, OSError) as error:
        message = getattr(error, "message", None) or str(error)
        raise ServingError(
            Code.NOT_FOUND,
            f"Could not find base path {base_path} for servable {name} with error "
            f"{message}",
        ) from error
    found: dict[int, str] = {}
    for child in sorted(children):
        folder = child.rstrip("/")
        if not _NUMBER.fullmatch(folder) or int(folder) > _MAX_VERSION:
            continue
        version, path = int(folder), os.path.join(base_path, folder)
        if version in found:
            _log.warning(
                "Duplicate version %d of servable %s: %s is used, %s is not",
                version,
                name,
                path,
                found[version],
            )
        found[version] = path
    return found


def model_files(options: Options) -> tuple[str, ...]:
    """Returns the files of which a version folder must have at least one."""
    tflite = (TFLITE_FILE,) if options.prefer_tflite_model else ()
    return (*tflite, *SAVED_MODEL_FILES)


def fingerprint(path: str, files: Sequence[str]) -> tuple[int, int] | None:
    """Returns time (ns) and size (bytes) of the first existing file, or None."""
    for file in files:
        try:
            stat = tf.io.gfile.stat(os.path.join(path, file))
        except tf.errors.OpError:
            continue
        return int(stat.mtime_nsec), int(stat.length)
    return None


def choose(name: str, policy: Any, versions: dict[int, str]) -> dict[int, str]:
    """Applies a `ServableVersionPolicy` to the existing versions.

    Returns:
        The versions to serve, highest first.
    """
    kind = policy.WhichOneof("policy_choice")
    numbers = sorted(versions, reverse=True)
    if kind == "specific":
        wanted = set(policy.specific.versions)
        for missing in sorted(wanted - set(numbers)):
            _log.warning(
                "Version %d of servable %s, which was requested to be served as a "
                "specific version in the servable's version policy, was not found in "
                "the file system",
                missing,
                name,
            )
        numbers = [number for number in numbers if number in wanted]
    elif kind != "all":
        numbers = numbers[: max(1, policy.latest.num_versions)]
    return {number: versions[number] for number in numbers}


def poll(config: Any, loaded: Collection[int], files: Sequence[str]) -> dict[int, str]:
    """Returns the versions of a model that should be served now.

    Args:
        config: its `ModelConfig`.
        loaded: versions that are already served; they stay eligible while their
            folder exists, even if its file is being replaced.
        files: the files of which a version folder must have at least one.

    Raises:
        ServingError: NOT_FOUND, the base path is missing.
    """
    present = list_versions(config.name, config.base_path)
    complete = {
        version: path
        for version, path in present.items()
        if version in loaded
        or any(tf.io.gfile.exists(os.path.join(path, file)) for file in files)
    }
    if not complete:
        _log.warning(
            "No versions of servable %s found under base path %s. Did you forget to "
            "name your leaf directory as a number (eg. '/1/')?",
            config.name,
            config.base_path,
        )
    return choose(config.name, config.model_version_policy, complete)


def check_config(config: Any, running: Any = None) -> None:
    """Checks a `ModelServerConfig` before any of it is applied.

    Raises:
        ServingError: INVALID_ARGUMENT, with the texts of server_core.cc.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid_argument(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only "
            "ModelConfigList is currently supported"
        )
    names: set[str] = set()
    platforms = {
        model.name: model.model_platform
        for model in (running.model_config_list.config if running else ())
    }
    for model in config.model_config_list.config:
        if not model.name:
            raise invalid_argument("A model of the config list has no name")
        if model.name in names:
            raise invalid_argument(
                f"Illegal to list model {model.name} multiple times in config list"
            )
        names.add(model.name)
        if not model.base_path:
            raise invalid_argument(f"Model {model.name} has no base_path")
        if "://" not in model.base_path and not os.path.isabs(model.base_path):
            raise invalid_argument(
                f"Expected model {model.name} to have an absolute path or URI; got "
                f"base_path()={model.base_path}"
            )
        if model.model_platform and model.model_type:
            raise invalid_argument(
                "Illegal setting both ModelServerConfig::model_type (deprecated) and "
                "ModelServerConfig::model_platform."
            )
        platform = model.model_platform or (
            "tensorflow" if model.model_type == 1 else ""
        )
        if platform != "tensorflow":
            raise invalid_argument(
                f"Expected model {model.name} to have model_platform 'tensorflow', "
                f"found '{platform}'"
            )
        before = platforms.get(model.name)
        if before is not None and before != model.model_platform:
            raise invalid_argument(
                "Only supports changing the model platform of a model by removing it "
                f"first; model {model.name}: {before} to {model.model_platform}"
            )
        for label, version in model.version_labels.items():
            if not label:
                raise invalid_argument(
                    f"Model {model.name} gives version {version} an empty label"
                )
