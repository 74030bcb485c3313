"""Explains the last line of KFP's launcher in plain words.

The launcher wraps a node's command in its pod and ends with code 1 after any failure.
Its last line has the reason (kubeflow/pipelines: backend/src/v2/cmd/launcher-v2/
main.go).
"""

import re

from runner.kubeflow.deployment import Limits

LAST_LINE = r"F\d{4} .*\bmain\.go:\d+\] failed to execute component: (.+)"

_DOCS = "docs/kubeflow.md"

_STORE = (
    r"no driver registered for|Invalid region|[Ff]ailed to open bucket"
    r"|failed to (?:list objects|download input artifact|fetch non default buckets)"
)


def explain(reason: str, limits: Limits) -> str:
    """Returns an explanation for a failed node that printed no reason itself."""
    if not reason:
        return (
            f"ended without a message: it ran for more than its {limits.seconds} s, "
            f"needed more than its {limits.memory:g} GB, or lost its machine"
        )
    if reason in ("signal: killed", "exit status 137"):
        return (
            f"was killed: it needed more than its {limits.memory:g} GB of memory, or "
            "was stopped"
        )
    if re.fullmatch(r"exit status \d+|signal: .+", reason):
        return f"ended without a reason ({reason})"
    if re.search(r"mkdir /\w+: permission denied", reason):
        return (
            f"was not started: this Kubeflow Pipelines is too old for the image "
            f'({_DOCS}, "Versions"): {reason}'
        )
    if re.search(_STORE, reason):
        return (
            f"was not started: KFP's launcher cannot read the object store ({_DOCS}, "
            f'"Data in another bucket"): {reason}'
        )
    if reason.startswith("failed to upload output artifact"):
        return f"ran, but KFP's launcher could not store what it made: {reason}"
    return f"was not run to its end by KFP's launcher: {reason}"
