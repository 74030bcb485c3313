"""Reads the log of a node's pod."""

import requests

from contract import http_failures
from runner.kubeflow.api_errors import message, reason
from runner.kubeflow.connection import Connection

_LARGEST = 4 << 20
"""Most bytes of a log; the end is kept, because it contains the result."""

_NO_PODS = (
    "a Kubeflow without profiles has logs at service ml-pipeline-ui only: give its "
    "address as --host"
)

_OF_INTERFACE = "/k8s/pod/logs"

_ERROR = '{"error_message":'


def pod_log(connection: Connection, run_id: str, pod: str) -> str:
    """Returns the log of a node's pod.

    In a Kubeflow with profiles, the API server has the log (kubeflow/pipelines:
    backend/src/apiserver/main.go, ReadRunLogV1). Without profiles, it looks for the pod
    in a namespace with an empty name (resource/resource_manager.go,
    GetNamespaceFromExperimentId), which does not exist, and for an archive in another
    place than Argo's. There, only the user interface has the log, at its own route
    (frontend/server/app.ts).

    Raises:
        LookupError: The log cannot be read; the message says why.
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
            # The user interface and the API server each have only one of the routes.
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
    """Splits an answer into the log and the error at its end, which may be empty.

    KFP sends the status 200 before it looks for the pod, so that an error follows in
    the text (kubeflow/pipelines: backend/src/apiserver/server/run_log_server.go,
    ReadRunLogV1).
    """
    log, begin, rest = answer.rpartition(_ERROR)
    if begin and (error := message(begin + rest)):
        return log, error
    return answer, ""
