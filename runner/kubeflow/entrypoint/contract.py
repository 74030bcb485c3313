"""Between KFP's launcher and TFX's executors, as pure functions over JSON.

The launcher (kubeflow/pipelines: backend/src/v2/component/launcher_v2.go) fetches
a node's inputs to local folders, runs the command with an `ExecutorInput` that
names the remote URIs, and uploads what lies at the outputs' local paths. Two
things keep a stock TFX container from living with that: the inputs' types arrive
empty (`ToRuntimeArtifact` in backend/src/v2/metadata/client.go), and TFX would
read the remote URIs itself, for which it has no filesystem. So types are restored
from the component's own definition, and URIs become the launcher's local paths on
the way in and remote again on the way out; the launcher takes a URI that it does
not know for a finished upload and would skip the file.
"""

import copy
import os
from typing import Any

from contract import nodes

Json = dict[str, Any]

# launcher_v2.go: LocalPathForURI.
_LOCAL_ROOTS = {"gs://": "/gcs/", "minio://": "/minio/", "s3://": "/s3/"}

_SESSION = "store_session_info"


def is_remote(uri: str) -> bool:
    """Tells whether the launcher keeps a local copy of what is at the URI."""
    return uri.startswith(tuple(_LOCAL_ROOTS))


def local_path(uri: str) -> str:
    """Returns where the launcher puts, and looks for, what is at the URI.

    Other URIs are returned as they are: the launcher leaves those alone as well.
    """
    for scheme, root in _LOCAL_ROOTS.items():
        if uri.startswith(scheme):
            return root + uri.removeprefix(scheme)
    return uri


def to_local(
    executor_input: Json, inputs_spec: Json, outputs_spec: Json
) -> tuple[Json, dict[str, str]]:
    """Returns what TFX is to be given.

    Args:
        executor_input: A `pipeline_spec.ExecutorInput`, as the launcher passes it.
        inputs_spec: The component's `ComponentInputsSpec`, with the types that
            the launcher leaves empty.
        outputs_spec: Its `ComponentOutputsSpec`, with TFX's types where the
            compiled pipeline has KFP's.

    Returns:
        The same with types and local paths, reduced to the artifacts of the
        specification; and each output's remote URI by key.
    """
    local = copy.deepcopy(executor_input)
    inputs = local.setdefault("inputs", {})
    outputs = local.setdefault("outputs", {})
    remote = {
        key: artifact["uri"]
        for key, listed in outputs.get("artifacts", {}).items()
        for artifact in listed["artifacts"]
    }
    for side, spec in ((inputs, inputs_spec), (outputs, outputs_spec)):
        types = spec.get("artifacts", {})
        listed = side.get("artifacts", {})
        side["artifacts"] = {key: listed[key] for key in listed if key in types}
        for key, artifacts in side["artifacts"].items():
            for artifact in artifacts.get("artifacts", []):
                artifact["type"] = types[key]["artifactType"]
                # TFX looks an artifact up by its name, which not every KFP fills.
                artifact["name"] = artifact.get("name") or artifact["uri"]
                artifact["uri"] = _folder(local_path(artifact["uri"]))
    return local, remote


def _folder(path: str) -> str:
    """Returns the folder that TFX is to find an artifact in.

    That is the path itself, but for a page, of which `to_remote` named the file.
    """
    return os.path.dirname(path) if path.endswith(".html") else path


def output_types(executor_input: Json) -> dict[str, str]:
    """Returns the outputs' types, as the compiled pipeline has them, by key."""
    return {
        key: artifact.get("type", {}).get("schemaTitle", "")
        for key, listed in executor_input["outputs"].get("artifacts", {}).items()
        for artifact in listed["artifacts"]
    }


def to_remote(
    executor_output: Json, remote: dict[str, str], types: dict[str, str]
) -> Json:
    """Returns what the launcher is to be given.

    A property that is a local path is that of an artifact, as which model was
    evaluated, and becomes its URI. A page for KFP's user interface, which opens the
    URI itself, is its one file; the other artifacts are TFX's folders. Of metrics
    only numbers are left: KFP shows each property as one, TFX's version too, and
    takes what is none for 0 (backend/src/v2/metadata/client.go,
    FormatScalarMetricArtifacts).

    KFP adds to each artifact how the user interface reaches its store
    (backend/src/v2/metadata/client.go, RecordArtifact, `store_session_info`), if
    it does not say so itself, and that comes back with the inputs of each later
    node, into Argo's workflow, which has to stay below 1 MiB. Only a page needs it:
    the rest are folders for TFX. Empty, it means the interface's own credentials.

    Args:
        executor_output: A `pipeline_spec.ExecutorOutput`, as TFX wrote it.
        remote: Each output's remote URI by key.
        types: Each output's type by key; see `output_types`.
    """
    result = copy.deepcopy(executor_output)
    for key, listed in result.get("artifacts", {}).items():
        for artifact in listed.get("artifacts", []):
            folder = local_path(remote[key])
            artifact["uri"] = remote[key]
            metadata = _remote(artifact.get("metadata", {}))
            if types[key] == nodes.METRICS_TYPE:
                metadata = {
                    name: value
                    for name, value in metadata.items()
                    if isinstance(value, float | int)
                }
            artifact["metadata"] = metadata
            if types[key] == nodes.HTML_TYPE:
                # Beside it may be pictures of requests, which stay in the pod.
                [page] = [name for name in os.listdir(folder) if name.endswith(".html")]
                artifact["uri"] = f"{remote[key].rstrip('/')}/{page}"
            else:
                metadata[_SESSION] = ""
    return result


def _remote(value: Any) -> Any:
    """Returns a property with URIs in the place of local paths."""
    if isinstance(value, str):
        for scheme, root in _LOCAL_ROOTS.items():
            if value.startswith(root):
                return scheme + value.removeprefix(root)
    if isinstance(value, dict):
        return {key: _remote(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_remote(part) for part in value]
    return value
