"""Finds out from the records how a run ended."""

import fcntl
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel

from contract import nodes, properties
from contract.exits import Exit
from contract.special_files import file_only
from lineage.records import Run, pushed_by

PUSHED, UNCHANGED, REFUSED, BROKEN = "pushed", "unchanged", "refused", "broken"
INTERRUPTED, KILLED, RUNNING = "interrupted", "killed", "running"
RUNNING_OR_KILLED, UNKNOWN = "running or killed", "unknown"

RUN_ENDING = re.compile(r"-\d{8}-\d{6}(-\d+)?$")
"""End of a run's name after the model's name: the date, the time, and a number if two
runs began in the same second."""

LOCK_FILE = ".lock"
"""File in a run's folder that its process holds locked until it ends, in any way."""

_BLESSINGS = (nodes.EVALUATOR, nodes.SERVING_VALIDATOR, nodes.REPLAY)

_KINDS: dict[int | None, str] = {
    Exit.BROKEN.value: BROKEN,
    Exit.BAD_INPUT.value: BROKEN,
    Exit.REFUSED.value: REFUSED,
    Exit.INTERRUPTED.value: INTERRUPTED,
    Exit.TERMINATED.value: INTERRUPTED,
}
"""Kinds by the runner's exit code, which says more than the metadata store."""

_ALIVE = {True: RUNNING, False: KILLED, None: RUNNING_OR_KILLED}

RESULT_FILE = "result.json"


@dataclass(frozen=True)
class Verdict:
    """How a run ended.

    Attributes:
        kind: One of this module's constants.
        by: The node that decided it, or at which the run ended; empty if none did.
        version: The version that the run pushed or found served; None if there is none.
        reasons: The recorded reasons, a line each.
    """

    kind: str
    by: str = ""
    version: int | None = None
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        joint = {REFUSED: " by ", BROKEN: " in "}
        at = joint.get(self.kind, " at ")
        return f"{self.kind}{at}{self.by}" if self.by else self.kind


class _Node(BaseModel):
    node: str


class Gate(BaseModel):
    """A demand of a gate in `result.json`."""

    gate: str
    refused: bool = False


class _Push(BaseModel):
    version: int
    already_served: bool


class Result(BaseModel):
    """What is read of `result.json`, which a person or another program may have edited.

    A file in which one of these is of another kind counts as none. The exit code is
    None if the run wrote no result.
    """

    exit_code: int | None = None
    model: str | None = None
    started: float = 0.0
    reasons: tuple[str, ...] = ()
    components: tuple[_Node, ...] = ()
    gates: tuple[Gate, ...] = ()
    pushed: _Push | None = None


def read_result(output: str | None, run: str | None) -> Result | None:
    """Returns the runner's `result.json` of a run.

    It is empty if the run wrote none: it goes on, or it was killed. It is None if the
    run has no folder here, so that this cannot be known.
    """
    if output is None or run is None:
        return None
    folder = os.path.join(output, "runs", os.path.basename(run))
    if not os.path.isdir(folder):
        return None
    try:
        path = os.path.join(folder, RESULT_FILE)
        with open(path, encoding="utf-8", opener=file_only) as stream:
            return Result.model_validate_json(stream.read())
    except (OSError, ValueError):
        return Result()


def goes_on(output: str | None, run: str | None) -> bool | None:
    """Tells whether the process of a run still lives.

    The system frees the lock of a process that ends, so that neither a killed process
    nor another one with its number is taken for it.

    Returns:
        None if this cannot be known: an earlier release ran it, or not here.
    """
    if output is None or run is None:
        return None
    path = os.path.join(output, "runs", os.path.basename(run), LOCK_FILE)
    try:
        with open(path, opener=file_only) as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def read_unrecorded(output: str, recorded: Iterable[str | None]) -> list[Run]:
    """Returns the runs that the metadata store does not know.

    A run that is refused or ends before its first node leaves only its result, and one
    that has not come to its first node, or was killed before, only its lock.
    """
    folder = os.path.join(output, "runs")
    names = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    found = []
    for name in names.difference(recorded):
        result = read_result(output, name) or Result()
        started = result.started
        if result.exit_code is None:
            try:
                started = os.stat(os.path.join(folder, name, LOCK_FILE)).st_mtime
            except OSError:
                continue
        model = result.model or RUN_ENDING.sub("", name)
        found.append(Run(name, name, model, int(1000 * started), {}))
    return found


def judge(
    run: Run,
    result: Result | None,
    version: int | None = None,
    alive: bool | None = None,
) -> Verdict:
    """Returns how a run ended.

    Args:
        run: The run's entries in the metadata store.
        result: Its result; see `read_result`.
        version: The version on disk whose manifest names the run; None if there is
            none. A run that breaks while it pushes may not record its version.
        alive: Whether its process lives; see `goes_on`.
    """
    known = result or Result()
    reasons = known.reasons
    pushed = pushed_by(run) or (version and (version, False))
    if not pushed and known.pushed:
        pushed = known.pushed.version, known.pushed.already_served
    if pushed:
        version, already = pushed
        return Verdict(UNCHANGED if already else PUSHED, "", version, reasons)
    for node in _BLESSINGS:
        blessing = run.output(node, nodes.BLESSING)
        if blessing is not None and blessing.properties.get(properties.BLESSED) == 0:
            return Verdict(REFUSED, node, reasons=reasons)
    not_pushed = run.output(nodes.PUSHER, nodes.PUSHED_MODEL)
    if not_pushed is not None and not_pushed.properties.get(properties.HELD_BACK):
        why = str(not_pushed.properties[properties.HELD_BACK])
        return Verdict(REFUSED, nodes.PUSHER, reasons=reasons or (why,))
    kind, last = _KINDS.get(known.exit_code), _last(run, known)
    if kind is not None:
        return Verdict(kind, last, reasons=reasons)
    for node, step in run.steps.items():
        if step.state == "running":
            return Verdict(_ALIVE[alive], node)
        if step.state == "failed":
            # DataGate fails on purpose to stop a run. Without an exit code on record, a
            # refusal cannot be told from a real failure.
            return Verdict(UNKNOWN if node == nodes.DATA_GATE else BROKEN, node)
    if alive:
        return Verdict(RUNNING, last)
    # The runner writes a result whenever it can, also when it is interrupted.
    return Verdict(INTERRUPTED if result is None else KILLED, last)


def _last(run: Run, result: Result) -> str:
    """Returns the node that decided a run's end, or the last one that began."""
    states = {node: step.state for node, step in run.steps.items()}
    stopped = [node for node in states if states[node] not in ("complete", "cached")]
    began = [step.node for step in result.components]
    gates = [gate.gate for gate in result.gates if gate.refused]
    return next(iter([*stopped, *began[-1:], *gates[-1:], *list(states)[-1:]]), "")
