"""KFP's launcher: downloads the inputs, runs the command, uploads the outputs.

Source: backend/src/v2/component/launcher_v2.go. The volumes are those that the
compiler of Argo workflows makes (backend/src/v2/compiler/argocompiler/container.go):
scratch folders for the three stores, so that a non-root user can write there.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kubeflow.emulation.rules import (
    LAST_LINE,
    OPENS_BY_ENVIRONMENT,
    OTHER_BUCKET,
    POD_EXIT_CODE,
    SCRATCH,
    STORE_IN_ARTIFACTS,
)
from tests.kubeflow.emulation.store import ObjectStore

Json = dict[str, Any]

USER = 65532
_ROOTS = {"minio://": "minio", "s3://": "s3", "gs://": "gcs"}


@dataclass(frozen=True)
class Ended:
    """The end of a pod: exit code, log, and the outputs as recorded."""

    exit_code: int
    log: str
    artifacts: dict[str, Json]


@dataclass(frozen=True)
class Launcher:
    """Runs containers with an engine, `podman` or `docker`.

    Attributes:
        engine: The executable.
        store: The store of the artifacts.
        scratch: A folder for data that lasts as long as a pod.
    """

    engine: str
    store: ObjectStore
    scratch: Path

    def run(
        self,
        name: str,
        version: str,
        root: str,
        container: Json,
        executor_input: Json,
        volumes: Mapping[str, str],
        *,
        has_secret: bool,
    ) -> Ended:
        """Runs one node.

        Args:
            name: Name of the pod.
            version: KFP's version.
            root: The pipeline root.
            container: The executor's container specification.
            executor_input: The driver's output.
            volumes: Folders on this machine by path in the pod.
            has_secret: Whether its environment has another store's credentials.
        """
        if reason := _unreachable(version, root, executor_input, has_secret):
            return Ended(*_failed(version, "", reason), {})
        pod = self.scratch / name
        for folder in (*_ROOTS.values(), "tmp"):
            (pod / folder).mkdir(parents=True)
        for listed in executor_input["inputs"]["artifacts"].values():
            uri = listed["artifacts"][0]["uri"]
            if (local := _local(pod, uri)) is not None:
                self.store.download(uri, local)
        for listed in executor_input["outputs"]["artifacts"].values():
            local = _local(pod, listed["artifacts"][0]["uri"])
            assert local is not None, "a pipeline root is in an object store"
            local.parent.mkdir(parents=True, exist_ok=True)
        output_file = executor_input["outputs"]["outputFile"]
        written = pod / output_file.lstrip("/")
        written.parent.mkdir(parents=True, exist_ok=True)
        _give(pod, SCRATCH.at(version))

        done = self._contain(name, pod, container, executor_input, volumes)
        recorded: dict[str, Json] = {}
        if done.returncode == 0:
            output = json.loads(written.read_text()) if written.exists() else {}
            recorded = self._collect(pod, version, executor_input, output)
        shutil.rmtree(pod)
        if done.returncode:
            reason = f"exit status {done.returncode}"
            return Ended(*_failed(version, done.stdout, reason), {})
        return Ended(0, done.stdout, recorded)

    def _contain(
        self,
        name: str,
        pod: Path,
        container: Json,
        executor_input: Json,
        volumes: Mapping[str, str],
    ) -> subprocess.CompletedProcess[str]:
        """Runs the command under the rules of the restricted profile, and stricter."""
        command = [self.engine, "run", "--rm", "--name", name]
        command += ["--user", f"{USER}:{USER}", "--read-only", "--cap-drop", "all"]
        command += ["--security-opt", "no-new-privileges", "--network", "none"]
        resources = container["resources"]
        command += ["--memory", f"{resources['memoryLimit']}g"]
        # Commands that run longer than the node's deadline are stopped here too.
        mounts = {f"/{folder}": str(pod / folder) for folder in _ROOTS.values()}
        mounts |= {"/tmp": str(pod / "tmp"), **volumes}
        for inside, outside in mounts.items():
            command += ["--volume", f"{outside}:{inside}"]
        for variable in container.get("env", []):
            command += ["--env", f"{variable['name']}={variable['value']}"]
        text = json.dumps(executor_input)
        command += ["--entrypoint", container["command"][0], container["image"]]
        command += container["command"][1:]
        command += [argument.replace("{{$}}", text) for argument in container["args"]]
        return subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            check=False,
        )

    def _collect(
        self, pod: Path, version: str, executor_input: Json, output: Json
    ) -> dict[str, Json]:
        """Uploads the files at the outputs' paths; see uploadOutputArtifacts."""
        recorded = {}
        for key, listed in executor_input["outputs"]["artifacts"].items():
            artifact = dict(listed["artifacts"][0])
            said = output.get("artifacts", {}).get(key, {}).get("artifacts", [{}])[0]
            artifact["uri"] = said.get("uri") or artifact["uri"]
            artifact["metadata"] = {
                # RecordArtifact adds these, and later inputs have them.
                "store_session_info": STORE_IN_ARTIFACTS.at(version),
                **said.get("metadata", {}),
                "display_name": key,
            }
            local = _local(pod, artifact["uri"])
            # A URI with a scheme unknown to the launcher counts as uploaded.
            if local is not None and local.exists():
                self.store.upload(local, artifact["uri"])
            recorded[key] = artifact
        return recorded


def _local(pod: Path, uri: str) -> Path | None:
    """Returns LocalPathForURI below the pod's scratch; None for other schemes."""
    for scheme, folder in _ROOTS.items():
        if uri.startswith(scheme):
            return pod / folder / uri.removeprefix(scheme)
    return None


def _failed(version: str, log: str, reason: str) -> tuple[int, str]:
    """Returns exit code and log of a pod that failed."""
    last = LAST_LINE.at(version).format(reason=reason)
    return POD_EXIT_CODE.at(version), f"{log}{last}\n"


def _unreachable(
    version: str, root: str, executor_input: Json, has_secret: bool
) -> str:
    """Returns the launcher's message about an input that it cannot open, if any."""
    for key, listed in executor_input["inputs"]["artifacts"].items():
        uri = listed["artifacts"][0]["uri"]
        scheme = uri.partition("://")[0]
        opens = has_secret and scheme in OPENS_BY_ENVIRONMENT.at(version)
        if uri.split("/")[:3] != root.split("/")[:3] and not opens:
            says: str = OTHER_BUCKET.at(version)[scheme]
            return says.format(key=key, uri=uri)
    return ""


def _give(folder: Path, mode: int) -> None:
    """Gives the files in the scratch volumes to the pod's user, as its launcher would.

    The volumes themselves belong to root.
    """
    for volume in folder.iterdir():
        volume.chmod(mode)
        for parent, folders, names in os.walk(volume):
            for name in (*folders, *names):
                os.chown(Path(parent, name), USER, USER)
