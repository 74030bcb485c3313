"""A model's folder as a server sees it: numbered versions, each whole.

    <models>/<model name>/<version>/saved_model.pb, variables/, assets.extra/
                                    manifest.json, statistics/

A version is a folder named by a positive integer with a `saved_model.pb` in it;
servers take the highest (tensorflow/serving
sources/storage_path/file_system_storage_path_source.cc). Everything else there
is ours or nobody's, and is ignored by them.
"""

import hashlib
import json
import os
import time
import uuid
from typing import Any

from tfx.dsl.io import fileio
from tfx.utils import io_utils

MANIFEST_FILE = "manifest.json"
STATISTICS_FOLDER = "statistics"
_SAVED_MODEL = "saved_model.pb"
_BESIDE = ".incoming-"


def list_versions(base: str) -> list[int]:
    """Returns the versions that a server could load, lowest first."""
    return sorted(_folders(base))


def latest_version(base: str) -> int | None:
    """Returns the version that a server with default settings serves."""
    versions = list_versions(base)
    return versions[-1] if versions else None


def version_path(base: str, version: int) -> str:
    """Returns the folder of a version."""
    return os.path.join(base, _folders(base).get(version, str(version)))


def read_manifest(base: str, version: int) -> dict[str, Any]:
    """Returns what the Pusher wrote about a version; empty if it is not ours."""
    path = os.path.join(version_path(base, version), MANIFEST_FILE)
    if not fileio.exists(path):
        return {}
    with fileio.open(path, "r") as stream:
        content: dict[str, Any] = json.load(stream)
    return content


def model_digest(folder: str) -> str:
    """Returns the SHA-256 over the names and contents of a model's files."""
    digest = hashlib.sha256()
    for root, folders, files in fileio.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(root, name)
            digest.update(os.path.relpath(path, folder).encode() + b"\0")
            with fileio.open(path, "rb") as stream:
                digest.update(hashlib.sha256(stream.read()).digest())
    return digest.hexdigest()


def push(base: str, model: str, statistics: str, manifest: dict[str, Any]) -> int:
    """Adds a version: written beside, then renamed.

    Args:
        base: The model's folder; made if need be.
        model: SavedModel to copy.
        statistics: Statistics artifact of the data it was trained on; travels
            with the version, so that the next run can measure drift.
        manifest: Facts to write into the version.

    Returns:
        The version: the time in seconds since 1970, or one more than the
        highest there is, so that the newest is always what is served.
    """
    fileio.makedirs(base)
    beside = os.path.join(base, f"{_BESIDE}{uuid.uuid4().hex}")
    io_utils.copy_dir(model, beside)
    io_utils.copy_dir(statistics, os.path.join(beside, STATISTICS_FOLDER))

    version = max(int(time.time()), (latest_version(base) or 0) + 1)
    io_utils.write_string_file(
        os.path.join(beside, MANIFEST_FILE),
        json.dumps({"version": version, **manifest}, indent=2),
    )
    fileio.rename(beside, version_path(base, version))
    return version


def discard_incomplete(base: str) -> None:
    """Removes what a killed push left; only while nobody else can be pushing."""
    if not fileio.exists(base):
        return
    for entry in fileio.listdir(base):
        if entry.startswith(_BESIDE):
            fileio.rmtree(os.path.join(base, entry))


def _folders(base: str) -> dict[int, str]:
    """Returns the folders of versions by number; `00000123` is one, too."""
    if not fileio.exists(base):
        return {}
    return {
        int(name): name
        for name in (entry.rstrip("/") for entry in fileio.listdir(base))
        if name.isdecimal() and fileio.exists(os.path.join(base, name, _SAVED_MODEL))
    }
