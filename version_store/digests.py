"""Computes SHA-256 digests over the files of a model or of a version."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping

from contract.task import TASK_FILE
from version_store.versions import STATISTICS_FOLDER

MANIFEST_FILE = "manifest.json"
MODEL_CARD_FILE = "model_card.md"

_VARIABLES = "variables/"
"""Folder of a SavedModel, `tf.saved_model.VARIABLES_DIRECTORY`."""

_NOT_THE_MODEL = (MANIFEST_FILE, MODEL_CARD_FILE, STATISTICS_FOLDER, TASK_FILE)


def file_digests(folder: str) -> dict[str, str]:
    """Returns the digest of each file, by its path in the folder, with `/`."""
    return {
        os.path.relpath(path, folder).replace(os.sep, "/"): _of_file(path).hex()
        for path in _files(folder)
    }


def model_digest(folder: str) -> str:
    """Returns the digest over the names and contents of a model's files.

    A version has the digest of its model: the files that a push adds to the model are
    left out.
    """
    digest = hashlib.sha256()
    for path in _files(folder):
        name = os.path.relpath(path, folder)
        if name.split(os.sep)[0] not in _NOT_THE_MODEL:
            digest.update(name.encode() + b"\0" + _of_file(path))
    return digest.hexdigest()


def weights_digest(files: Mapping[str, str]) -> str:
    """Returns the digest over a SavedModel's variables; empty if there are none.

    Training that is repeated gives equal variables, while `fingerprint.pb` has an id
    that is drawn at random, and the graph's names may differ.

    Args:
        files: Digest of each file by its path; see `file_digests`.
    """
    variables = sorted(
        (name, of_file)
        for name, of_file in files.items()
        if name.startswith(_VARIABLES)
    )
    if not variables:
        return ""
    return hashlib.sha256(json.dumps(variables).encode()).hexdigest()


def folder_digest(folder: str) -> str:
    """Returns the digest over the names and contents of all files of a folder."""
    digest = hashlib.sha256()
    for name, of_file in file_digests(folder).items():
        digest.update(f"{name}\0{of_file}\n".encode())
    return digest.hexdigest()


def without_waiting(path: str, flags: int) -> int:
    """Opens a file without blocking: a named pipe without a writer reads as empty."""
    return os.open(path, flags | os.O_NONBLOCK)


def _files(folder: str) -> Iterator[str]:
    """Yields the paths of all files, in an order that depends on the names alone."""
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            yield os.path.join(root, name)


def _of_file(path: str) -> bytes:
    with open(path, "rb", opener=without_waiting) as stream:
        return hashlib.file_digest(stream, "sha256").digest()
