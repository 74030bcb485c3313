"""Shares a node's inputs and outputs with a Beam engine's workers in other pods.

The workers cannot see the paths where KFP's launcher puts inputs and looks for outputs.
So such a node works on copies in a folder of a volume that all pods mount at the same
path, and its outputs are copied back.
"""

import copy
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from contract.errors import BadInputError

Json = dict[str, Any]


@contextmanager
def on_volume(node_input: Json, volume: str) -> Iterator[tuple[Json, str]]:
    """Copies the inputs to the volume, and the outputs back if the block succeeds.

    Args:
        node_input: An `ExecutorInput` with local paths; see `contract.to_local`.
        volume: Mount path of the volume.

    Yields:
        The input with paths on the volume, and the folder of this task. All tries of a
        task share that folder, which identifies a job that an earlier try left on the
        engine. Each try works in its own subfolder, to which no such job writes.

    Raises:
        BadInputError: The volume does not exist or cannot be written to.
    """
    task = os.path.join(volume, _name(node_input))
    this_try = os.path.join(task, uuid.uuid4().hex)
    try:
        os.makedirs(this_try)
    except OSError as error:
        raise BadInputError(
            f"{volume}: expected a volume that this node's user, {os.geteuid()} of "
            f"group {os.getegid()}, and an engine's workers may write to, found: "
            f"{error.strerror}"
        ) from error
    shared = copy.deepcopy(node_input)
    try:
        for artifact in _artifacts(shared["inputs"]):
            artifact["uri"] = _copied(artifact["uri"], this_try + artifact["uri"])
        for artifact in _artifacts(shared["outputs"]):
            artifact["uri"] = this_try + artifact["uri"]
        # TFX puts a node's temporary files beside this file; workers need them, too.
        shared["outputs"]["outputFile"] = this_try + node_input["outputs"]["outputFile"]
        os.makedirs(os.path.dirname(shared["outputs"]["outputFile"]), exist_ok=True)
        yield shared, task
        for artifact in _artifacts(node_input["outputs"]):
            _copied(this_try + artifact["uri"], artifact["uri"])
        with open(shared["outputs"]["outputFile"]) as stream:
            written = stream.read()
        with open(node_input["outputs"]["outputFile"], "w") as stream:
            stream.write(written.replace(this_try, ""))
    finally:
        shutil.rmtree(task, ignore_errors=True)


def _name(node_input: Json) -> str:
    """Returns a name that is equal for all tries of a task and unique to the task."""
    uris = sorted(artifact["uri"] for artifact in _artifacts(node_input["outputs"]))
    return hashlib.sha256(json.dumps(uris).encode()).hexdigest()[:16]


def _artifacts(side: Json) -> Iterator[Json]:
    for listed in side.get("artifacts", {}).values():
        yield from listed.get("artifacts", [])


def _copied(source: str, target: str) -> str:
    """Copies a folder or file if it exists; returns the target."""
    if os.path.isdir(source):
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif os.path.exists(source):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
    return target
