"""A run in the form of KFP's API: Argo's nodes in a flat list.

The form is that of the API server (kubeflow/pipelines: backend/src/apiserver/server/
api_converter.go); names and states were recorded from KFP 2.16.1 and 2.17.0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from runner.kubeflow.deployment import limits
from tests.runner.kubeflow.fake_kfp import CREATED, Json

NEVER = "0001-01-01T00:00:00Z"


@dataclass(frozen=True)
class Ran:
    """A node of a run, described for the tests.

    `state` is `driving` (only the driver's pod so far), `undriven` (the driver
    failed), `running`, `done`, `cached`, `failed` or `omitted`; `tries` is how
    often the executor was started, where the task asks for retries.
    """

    name: str
    state: str
    begin: int = 0
    end: int = 0
    tries: int = 1


def frame(state: str, *nodes: Ran, error: str = "", numbered: bool = False) -> Json:
    """Returns a run at one moment, in the form of KFP's API; times are within one hour.

    Args:
        state: State of the run.
        nodes: Nodes of the pipeline.
        error: KFP's error message.
        numbered: Whether each level may be tried again, as from KFP 2.17 on; names are
            as recorded.
    """
    root = "mnist-x(0).root(0)" if numbered else "mnist-x.root"
    first = [_id(f"{root}.{node.name}-driver") for node in nodes[:1]]
    details: list[Json] = [_detail("root", "RUNNING", 0, None, first)]
    if numbered:
        details += [
            _detail("mnist-x", "RUNNING", 0, None, [_id("mnist-x(0)")]),
            _detail("root", "RUNNING", 0, None, [_id(root)]),
            _detail("root(0)", "RUNNING", 0, None, first),
        ]
    for node in nodes:
        details += _details(node, root, numbered)
        if node.state == "done":
            details.append(kept_by_cache(node.begin, node.end))
    answer: Json = {"state": state, "run_details": {"task_details": details}}
    if error:
        answer["error"] = {"code": 13, "message": error}
    return answer


def kept_by_cache(begin: int, end: int) -> Json:
    """Returns the launcher's list entry for the cache: no name, no state, no pods.

    It was seen with 2.17.0's API server and launcher, after each reusable node.
    """
    return {
        "task_id": f"kept-{begin}-{end}",
        "execution_id": "6",
        "create_time": _at(begin),
        "start_time": _at(begin),
        "end_time": _at(end),
    }


def pod_of(name: str, attempt: int = 0, *, numbered: bool = False) -> str:
    """Returns the name of a node's executor pod, or that of one attempt."""
    if numbered:
        node = f"mnist-x(0).root(0).{name}(0).executor({attempt})"
        return f"mnist-x-system-container-impl-{_number(node)}"
    node = f"mnist-x.root.{name}.executor"
    if not limits(name).retries:
        return f"mnist-x-system-container-impl-{_number(node)}"
    return f"mnist-x-retry-system-container-impl-{_number(f'{node}({attempt})')}"


_PHASES = {
    "running": "RUNNING",
    "done": "SUCCEEDED",
    "cached": "SUCCEEDED",
    "failed": "FAILED",
    "omitted": "RUNTIME_STATE_UNSPECIFIED",
}


def _details(node: Ran, root: str, numbered: bool) -> Sequence[Json]:
    name = f"{root}.{node.name}"
    driver = {
        "driving": ("RUNNING", False),
        "undriven": ("FAILED", True),
    }.get(node.state, ("SUCCEEDED", True))
    driver_end = node.begin + 1 if driver[1] else None
    below = [] if node.state in ("driving", "undriven") else [_id(name)]
    found = [_detail(f"{node.name}-driver", driver[0], node.begin, driver_end, below)]
    if node.state in ("driving", "undriven"):
        return found
    if node.state == "omitted":
        return [_detail(node.name, _PHASES["omitted"], 0, 0, [])]
    phase = _PHASES[node.state]
    end = None if node.state == "running" else node.end
    begin = node.begin + 1
    tries = node.tries if numbered or limits(node.name).retries else 0
    if numbered:
        found.append(_detail(node.name, phase, begin, end, [_id(f"{name}(0)")]))
        name = f"{name}(0)"
    executor = f"{name}.executor"
    attempts = [f"{executor}({attempt})" for attempt in range(tries)]
    if node.state == "cached":
        attempts = []
    state = "SKIPPED" if node.state == "cached" else phase
    return [
        *found,
        _detail(name.rpartition(".")[2], phase, begin, end, [_id(executor)]),
        _detail("executor", state, begin, end, [_id(each) for each in attempts]),
        *(
            _detail(
                each.rpartition(".")[2],
                phase if each == attempts[-1] else "FAILED",
                *(begin, end, []),
            )
            for each in attempts
        ),
    ]


def _id(name: str) -> str:
    """Returns Argo's id of a node."""
    return f"mnist-x-{_number(name)}"


def _number(name: str) -> int:
    """Returns the FNV-1a hash of a node's full name, as in Go's hash/fnv."""
    digest = 2166136261
    for byte in name.encode():
        digest = ((digest ^ byte) * 16777619) % 2**32
    return digest


def _detail(
    name: str, state: str, begin: int, end: int | None, children: list[str]
) -> Json:
    return {
        "task_id": f"task-of-{name}",
        "display_name": name,
        "state": state,
        "create_time": CREATED,
        "start_time": _at(begin),
        "end_time": NEVER if end is None else _at(end),
        "child_tasks": [{"pod_name": child} for child in children],
    }


def _at(second: int) -> str:
    return f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z"
