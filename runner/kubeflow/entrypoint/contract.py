"""Translates between KFP's launcher and TFX's executors, by pure functions on JSON.

The launcher (kubeflow/pipelines: backend/src/v2/component/launcher_v2.go) fetches
a node's inputs to local folders, runs the command with an `ExecutorInput` that
names the remote URIs, and uploads the files at the outputs' local paths. A stock TFX
container fails with that for two reasons: the inputs' types arrive empty
(`ToRuntimeArtifact` in backend/src/v2/metadata/client.go), and TFX would read the
remote URIs itself, for which it has no filesystem. So the types are restored from
the component's own definition. URIs become the launcher's local paths in the input and
remote again in the output, because the launcher would take an unknown URI for a
finished upload and skip the file.
"""

import copy
import os
from typing import Any

from contract import nodes

Json = dict[str, Any]

# launcher_v2.go: LocalPathForURI.
_LOCAL_ROOTS = {"gs://": "/gcs/", "minio://": "/minio/", "s3://": "/s3/"}

_SESSION = "store_session_info"
_TFX_VERSION = "tfx_version"


def is_remote(uri: str) -> bool:
    """Tells whether the launcher keeps a local copy of the content of a URI."""
    return uri.startswith(tuple(_LOCAL_ROOTS))


def local_path(uri: str) -> str:
    """Returns the launcher's local path for a URI.

    Returns other URIs unchanged, as the launcher does not copy them.
    """
    for scheme, root in _LOCAL_ROOTS.items():
        if uri.startswith(scheme):
            return root + uri.removeprefix(scheme)
    return uri


def to_local(
    executor_input: Json, inputs_spec: Json, outputs_spec: Json, tfx_version: str
) -> tuple[Json, dict[str, str]]:
    """Returns the input for TFX.

    Args:
        executor_input: A `pipeline_spec.ExecutorInput`, as the launcher passes it.
        inputs_spec: The component's `ComponentInputsSpec`, with the types that
            the launcher leaves empty.
        outputs_spec: The component's `ComponentOutputsSpec`, with TFX's types where
            the compiled pipeline has KFP's.
        tfx_version: The installed version, by which TFX knows the layout of an
            artifact's folder. `to_remote` leaves it out.

    Returns:
        The input with types and local paths, and only with artifacts of the
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
                # TFX finds an artifact by its name, which some KFP versions omit.
                artifact["name"] = artifact.get("name") or artifact["uri"]
                metadata = artifact.setdefault("metadata", {})
                metadata.setdefault(_TFX_VERSION, tfx_version)
                artifact["uri"] = _folder(local_path(artifact["uri"]))
    return local, remote


def _folder(path: str) -> str:
    """Returns the folder of an artifact for TFX.

    It is the path itself, except for a page, where `to_remote` has named the file.
    """
    return os.path.dirname(path) if path.endswith(".html") else path


def output_types(executor_input: Json) -> dict[str, str]:
    """Returns the outputs' types in the compiled pipeline, by key."""
    return {
        key: artifact.get("type", {}).get("schemaTitle", "")
        for key, listed in executor_input["outputs"].get("artifacts", {}).items()
        for artifact in listed["artifacts"]
    }


def to_remote(
    executor_output: Json, remote: dict[str, str], types: dict[str, str]
) -> Json:
    """Returns the output for the launcher.

    A property with a local path, as the path of the evaluated model, gets the
    artifact's URI instead. The URI of a page is that of its one file, because KFP's
    user interface opens the URI itself; the other artifacts are TFX's folders. Metrics
    keep only numbers: KFP shows each property as a number, and shows 0 for a property
    that is none (backend/src/v2/metadata/client.go, FormatScalarMetricArtifacts).

    KFP adds to each artifact how the user interface reaches its store
    (backend/src/v2/metadata/client.go, RecordArtifact, `store_session_info`), unless
    the artifact has that property. It would come back with the inputs of each later
    node, into Argo's workflow, which must stay below 1 MiB. Only a page needs it, as
    the others are folders for TFX; these get an empty text, which stands for the
    interface's own credentials. TFX's version, which is that of the image, is left out
    for the same reason; `to_local` adds it again.

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
            metadata.pop(_TFX_VERSION, None)
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
    """Returns a property with URIs instead of local paths."""
    if isinstance(value, str):
        for scheme, root in _LOCAL_ROOTS.items():
            if value.startswith(root):
                return scheme + value.removeprefix(root)
    if isinstance(value, dict):
        return {key: _remote(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_remote(part) for part in value]
    return value
