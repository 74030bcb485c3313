"""What a node's pod has printed."""

import json

import requests

from contract import http_failures
from runner.kubeflow.api_errors import reason
from runner.kubeflow.connection import Connection

_LARGEST = 4 << 20
"""Bytes of the end of a log; the last words are what counts."""

_NO_PODS = (
    "a Kubeflow without profiles has logs at service ml-pipeline-ui only: give its "
    "address as --host"
)

_OF_INTERFACE = "/k8s/pod/logs"

_ERROR = '{"error_message":'


def pod_log(connection: Connection, run_id: str, pod: str) -> str:
    """Returns the log of a node's pod.

    The API server has it in a Kubeflow with profiles (kubeflow/pipelines: backend/
    src/apiserver/main.go, ReadRunLogV1). Without, it looks for the pod in a namespace
    without a name (resource/resource_manager.go, GetNamespaceFromExperimentId), where
    Kubernetes has none, and for an archive elsewhere than Argo puts it. The user
    interface, which passes on the rest of the API, has a route of its own
    (frontend/server/app.ts).

    Raises:
        LookupError: There is none to be had; why.
    """
    in_interface = {
        "podname": pod,
        "runid": run_id,
        "podnamespace": connection.namespace or "kubeflow",
    }
    routes: tuple[tuple[str, dict[str, str]], ...] = (
        (f"/apis/v1alpha1/runs/{run_id}/nodes/{pod}/log", {}),
        (_OF_INTERFACE, in_interface),
    )
    reasons = {}
    for path, parameters in routes:
        try:
            answer = connection.get(path, **parameters)
        except requests.RequestException as error:
            reasons[path] = http_failures.reason(error, connection.host)
            continue
        if answer.status_code == 404:
            # The user interface and the API server have one of the routes each.
            continue
        if answer.status_code != 200 or "html" in answer.headers.get(
            "Content-Type", ""
        ):
            first, _, _ = answer.text.partition("\n")
            in_words = first.startswith("Could not get")
            reasons[path] = first[:400] if in_words else reason(answer)
            continue
        log, missing = _split(answer.content[-_LARGEST:].decode(errors="replace"))
        if log or not missing:
            return log
        reasons[path] = missing
    if not connection.namespace and _OF_INTERFACE not in reasons:
        raise LookupError(_NO_PODS)
    raise LookupError(next(iter(reasons.values()), "404 for both of KFP's routes"))


def _split(answer: str) -> tuple[str, str]:
    """Returns a log, and the error that KFP writes at its end, if it does.

    KFP has sent the status, 200, before it looks for the pod (kubeflow/pipelines:
    backend/src/apiserver/server/run_log_server.go, ReadRunLogV1).
    """
    log, begin, rest = answer.rpartition(_ERROR)
    if begin:
        try:
            message = json.loads(begin + rest)["error_message"]
        except ValueError:
            return answer, ""
        return log, (str(message).splitlines() or [""])[0][:400]
    return answer, ""
