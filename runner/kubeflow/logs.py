"""What a node's pod has printed."""

import json

import requests

from contract import http_failures
from runner.kubeflow.api_errors import reason
from runner.kubeflow.connection import Connection

_LARGEST = 4 << 20
"""Bytes of the end of a log; the last words are what counts."""

_ERROR = '{"error_message":'


def pod_log(connection: Connection, run_id: str, pod: str) -> str:
    """Returns the log of a node's pod.

    The API server has it (kubeflow/pipelines: backend/src/apiserver/main.go,
    ReadRunLogV1); a user interface that passes on the rest of the API has a
    route of its own for it (frontend/server/app.ts).

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
        ("/k8s/pod/logs", in_interface),
    )
    reasons = []
    for path, parameters in routes:
        try:
            answer = connection.get(path, **parameters)
        except requests.RequestException as error:
            reasons.append(http_failures.reason(error, connection.host))
            continue
        is_page = "html" in answer.headers.get("Content-Type", "")
        if answer.status_code == 200 and not is_page:
            log, missing = _split(answer.content[-_LARGEST:].decode(errors="replace"))
            if log or not missing:
                return log
            reasons.append(missing)
        else:
            reasons.append(reason(answer))
    raise LookupError(reasons[0])


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
