"""Finds out how a run ended, from its state and the logs of its pods."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from contract import nodes
from contract.exits import Exit
from runner.kubeflow import launcher_words
from runner.kubeflow.client import Progress
from runner.kubeflow.deployment import limits
from runner.kubeflow.tasks import Node


@dataclass(frozen=True)
class Printed:
    """The facts in a pod's log; see components/verdict and entrypoint.

    Attributes:
        gates: For each demand, its outcome (see `outcome_text`) and its line.
        version: The served version; empty if the log does not name it.
        refused_by: The gate that refused; empty if none did.
        reasons: Reasons of the refusal.
        error: The error that broke the node; empty if there is none.
        launcher: The reason in the last line of KFP's launcher.
    """

    gates: list[tuple[str, str]] = field(default_factory=list)
    version: str = ""
    refused_by: str = ""
    reasons: list[str] = field(default_factory=list)
    error: str = ""
    launcher: str = ""


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes:
        code: Exit code, as of the local runner.
        headline: The result in one line.
        lines: Further lines, the most important first.
        gates: As in `Printed`.
    """

    code: Exit
    headline: str
    lines: list[str] = field(default_factory=list)
    gates: list[tuple[str, str]] = field(default_factory=list)


def read(log: str) -> Printed:
    """Returns the facts in a log that also has lines of libraries and the launcher."""
    gates: list[tuple[str, str]] = []
    version = refused_by = error = launcher = ""
    reasons: list[str] = []
    in_reasons = False
    for line in log.splitlines():
        if in_reasons and line.startswith("  "):
            reasons.append(line.strip())
            continue
        in_reasons = False
        if found := re.search(
            r"(?:^|[\s\]])(passed|overruled|REFUSED): (\w+: .+)$", line
        ):
            gates.append((found[1], found[2]))
        elif found := re.search(r"(?:^|[\s\]])served as version (\d+)$", line):
            version = found[1]
        elif found := re.fullmatch(r"refused by (\w+):", line):
            # The node may have been tried twice: the last refusal counts.
            refused_by, reasons, in_reasons = found[1], [], True
        elif found := re.fullmatch(r"error: (.+)", line):
            error = found[1]
        elif found := re.fullmatch(launcher_words.LAST_LINE, line):
            launcher = found[1]
    return Printed(gates, version, refused_by, reasons, error, launcher)


def conclude(
    progress: Progress, namespace: str, run_id: str, log_of: Callable[[str], str]
) -> Ending:
    """Returns how a run ended."""
    # The label is KFP's: backend/src/common/util/consts.go, LabelKeyWorkflowRunId.
    where = (
        f"kubectl logs --namespace {namespace or 'kubeflow'} --container main "
        f"--prefix --tail 20 --selector pipeline/runid={run_id}"
    )
    if not progress.ended:
        return Ending(Exit.BROKEN, "--timeout is over, and the run continues")
    if progress.state == "SUCCEEDED":
        verdict = [node for node in progress.nodes if node.name == nodes.VERDICT]
        if not verdict:
            return Ending(Exit.PUSHED, "succeeded")
        printed, missing = _printed(verdict[0], where, log_of)
        version = f" as version {printed.version}" if printed.version else ""
        headline = f"the model is served{version}"
        return Ending(Exit.PUSHED, headline, missing, printed.gates)
    if progress.state != "FAILED":
        return Ending(Exit.BROKEN, f"the run was {progress.state.lower()}")
    failed = sorted(
        (node for node in progress.nodes if node.state == "failed" and node.ended),
        key=lambda node: (node.ended, node.name),
    )
    if failed:
        # The first failure may have caused the later ones.
        return _failure(failed[0], where, log_of)
    return _failure_unseen(progress, where, log_of)


def _failure(node: Node, where: str, log_of: Callable[[str], str]) -> Ending:
    """Returns the ending of a run in which a node failed."""
    printed, missing = _printed(node, where, log_of)
    if printed.refused_by:
        return Ending(
            Exit.REFUSED,
            f"refused by {printed.refused_by}, nothing was pushed",
            printed.reasons,
            printed.gates,
        )
    if printed.error:
        lines = [printed.error]
    elif missing:
        lines = missing
    else:
        reason = launcher_words.explain(printed.launcher, limits(node.name))
        lines = [f"{node.name} {reason}", where]
    return Ending(Exit.BROKEN, f"{node.name} failed", lines, printed.gates)


def _failure_unseen(
    progress: Progress, where: str, log_of: Callable[[str], str]
) -> Ending:
    """Returns the ending of a failed run if KFP's list of nodes shows no failure.

    The list may have stopped before the run did. Then one of the nodes that have not
    ended in the list has failed, and its log shows it.
    """
    for node in progress.nodes:
        if node.ended is not None or not node.pods:
            continue
        printed, _ = _printed(node, where, log_of)
        if printed.refused_by or printed.error or printed.launcher:
            return _failure(node, where, log_of)
    reason = progress.error or "KFP gives no reason: see the page of the run"
    if any(node.ended is not None for node in progress.nodes):
        lines = [f"KFP's list of nodes ends before it: {reason}"]
        return Ending(Exit.BROKEN, "a node failed", [*lines, where])
    return Ending(Exit.BROKEN, "failed before any node did", [reason])


def _printed(
    node: Node, where: str, log_of: Callable[[str], str]
) -> tuple[Printed, list[str]]:
    """Returns the facts in a node's log, and an error line if it cannot be read."""
    try:
        return read(_first(node.pods, log_of)), []
    except LookupError as error:
        return Printed(), [
            f"the log of {node.name} cannot be read here ({error.args[0]}): {where}"
        ]


def _first(pods: tuple[str, ...], log_of: Callable[[str], str]) -> str:
    """Returns the log of the first pod that has one."""
    missing = LookupError("KFP does not tell what its pod is called")
    for pod in pods:
        try:
            return log_of(pod)
        except LookupError as error:
            missing = error
    raise missing
