"""Finds the versions in a model's folder as a server does.

    <models>/<model name>/<version>/saved_model.pb, variables/, assets.extra/
                                    manifest.json, model_card.md, statistics/

A version is a folder named by a positive integer with a `saved_model.pb` in it;
servers take the highest (tensorflow/serving
sources/storage_path/file_system_storage_path_source.cc). Servers ignore everything
else in the folder.

The folder is on a mounted file system, on Kubernetes on a volume: an object store has
no rename, so a reader could see a version that is incomplete.
"""

import os

from contract.version_number import version_number

STATISTICS_FOLDER = "statistics"
SAVED_MODEL = "saved_model.pb"


def list_versions(base: str, *, whole: bool = True) -> list[int]:
    """Returns the versions, lowest first; `whole`: only those that a server loads."""
    return sorted(_folders(base, whole=whole))


def latest_version(base: str) -> int | None:
    """Returns the highest version; a server with default settings serves it."""
    versions = list_versions(base)
    return versions[-1] if versions else None


def version_path(base: str, version: int) -> str:
    """Returns the folder of a version."""
    folders = {**_folders(base, whole=False), **_folders(base)}
    return os.path.join(base, folders.get(version, str(version)))


def folder_size(folder: str) -> int:
    """Returns the bytes of all files in a folder."""
    return sum(
        os.lstat(os.path.join(root, name)).st_size
        for root, _, files in os.walk(folder)
        for name in files
    )


def _folders(base: str, *, whole: bool = True) -> dict[int, str]:
    """Returns the folders of versions by number; `00000123` counts as 123."""
    if not os.path.isdir(base):
        return {}
    numbered = ((version_number(name), name) for name in os.listdir(base))
    return {
        number: name
        for number, name in numbered
        if number is not None
        and (
            os.path.exists(os.path.join(base, name, SAVED_MODEL))
            if whole
            else os.path.isdir(os.path.join(base, name))
        )
    }
