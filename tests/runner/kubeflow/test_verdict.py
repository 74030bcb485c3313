"""A run's verdict follows from its state and its pods' logs."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from contract.exits import Exit
from runner.kubeflow.client import Progress
from runner.kubeflow.tasks import Node
from runner.kubeflow.verdict import Ending, Printed, conclude, read

PASSED = """\
I1122 14:00:00.000000      14 launcher_v2.go:90] Launching
INFO MetadataStore with DB connection initialized
INFO passed: DataGate: findings: expected none, found none
I1122 14:00:01.000000 1 executor.py:47] passed: Evaluator: accuracy: expected >= 0.97, \
found 0.9785
INFO served as version 7
"""

REFUSED = """\
INFO passed: DataGate: findings: expected none, found none
INFO REFUSED: Evaluator: accuracy: expected >= 0.97, found 0.1135
refused by Evaluator:
  Evaluator: accuracy: expected >= 0.97, found 0.1135
  Evaluator: digit 3: expected >= 0.93, found 0.0
F1122 14:00:01.000000      14 main.go:56] failed to execute component: exit status 3
"""

BROKEN = """\
Traceback (most recent call last):
  File "x.py", line 1, in <module>
OSError: disk full
error: OSError: disk full
F1122 14:00:01.000000      14 main.go:56] failed to execute component: exit status 1
"""


class TestLog:
    def test_gates_and_version_among_other_lines(self) -> None:
        assert read(PASSED) == Printed(
            gates=[
                ("passed", "DataGate: findings: expected none, found none"),
                ("passed", "Evaluator: accuracy: expected >= 0.97, found 0.9785"),
            ],
            version="7",
        )

    def test_a_refusal_ends_where_its_reasons_do(self) -> None:
        printed = read(REFUSED)
        assert printed.gates[1] == (
            "REFUSED",
            "Evaluator: accuracy: expected >= 0.97, found 0.1135",
        )
        assert printed.refused_by == "Evaluator"
        assert printed.reasons == [
            "Evaluator: accuracy: expected >= 0.97, found 0.1135",
            "Evaluator: digit 3: expected >= 0.93, found 0.0",
        ]
        assert printed.error == ""

    def test_an_error_is_the_line_that_says_so(self) -> None:
        assert read(BROKEN) == Printed(
            error="OSError: disk full", launcher="exit status 1"
        )

    def test_words_of_others_are_not_the_gates(self) -> None:
        log = "INFO all tests passed: yes\nWARN something REFUSED: it\nno error: here\n"
        assert read(log) == Printed()


def node(name: str, state: str, second: int = 0, pod: str = "") -> Node:
    ended = datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)
    return Node(name, state, 1.0, (pod or f"pod-{name}",), ended)


def ending(state: str, *found: Node, logs: dict[str, str] | None = None) -> Ending:
    def log_of(pod: str) -> str:
        try:
            return (logs or {})[pod]
        except KeyError:
            raise LookupError("500: gone") from None

    return conclude(Progress(state, list(found)), "team-a", "run-1", log_of)


KUBECTL = (
    "kubectl logs --namespace team-a --container main --prefix --tail 20 "
    "--selector pipeline/runid=run-1"
)


def test_success_is_the_verdict_nodes_words() -> None:
    found = ending("SUCCEEDED", node("Verdict", "done"), logs={"pod-Verdict": PASSED})
    assert found.code is Exit.PUSHED
    assert found.headline == "the model is served as version 7"
    assert [outcome for outcome, _ in found.gates] == ["passed", "passed"]
    assert found.lines == []


def test_success_without_its_log_is_still_success_and_says_what_is_missing() -> None:
    found = ending("SUCCEEDED", node("Verdict", "done"))
    assert found == Ending(
        Exit.PUSHED,
        "the model is served",
        [f"the log of Verdict cannot be read here (500: gone): {KUBECTL}"],
    )


def test_success_of_a_pipeline_that_has_no_verdict() -> None:
    assert ending("SUCCEEDED", node("A", "done")) == Ending(Exit.PUSHED, "succeeded")


def test_a_refusal_gives_the_gates_reasons() -> None:
    found = ending(
        "FAILED",
        node("Trainer", "done"),
        node("Verdict", "failed"),
        logs={"pod-Verdict": REFUSED},
    )
    assert found.code is Exit.REFUSED
    assert found.headline == "refused by Evaluator, nothing was pushed"
    assert found.lines == read(REFUSED).reasons
    assert found.gates == read(REFUSED).gates


def test_what_broke_first_is_what_broke_the_run() -> None:
    found = ending(
        "FAILED",
        node("A", "failed", second=9),
        node("B", "failed", second=5),
        logs={"pod-A": REFUSED, "pod-B": BROKEN},
    )
    assert found == Ending(Exit.BROKEN, "B failed", ["OSError: disk full"])


def test_a_gate_that_failed_without_its_log_is_not_called_a_refusal() -> None:
    found = ending("FAILED", node("DataGate", "failed"))
    assert found == Ending(
        Exit.BROKEN,
        "DataGate failed",
        [f"the log of DataGate cannot be read here (500: gone): {KUBECTL}"],
    )


def test_what_gave_no_reason_has_the_launchers_in_words() -> None:
    found = ending(
        "FAILED",
        node("Trainer", "failed"),
        logs={
            "pod-Trainer": "INFO epoch 3\n"
            "F1126 00:46:01.833032       1 main.go:59] failed to execute component: "
            "signal: killed\n"
        },
    )
    assert found.lines == [
        "Trainer was killed: it needed more than its 4 GB of memory, or was stopped",
        KUBECTL,
    ]


def test_what_ended_without_a_last_word_was_stopped_from_outside() -> None:
    found = ending(
        "FAILED", node("Trainer", "failed"), logs={"pod-Trainer": "INFO epoch 3\n"}
    )
    assert found.lines == [
        "Trainer ended without a message: it ran for more than its 7200 s, needed "
        "more than its 4 GB, or lost its machine",
        KUBECTL,
    ]


def listed(name: str, state: str) -> Node:
    """Returns a node of a list that stops before the run ends."""
    return Node(name, state, 1.0, (f"pod-{name}",))


def test_a_refusal_that_the_list_does_not_reach_is_found_in_the_log() -> None:
    found = ending(
        "FAILED",
        node("Trainer", "done"),
        listed("Pusher", "running"),
        listed("Verdict", "waiting"),
        logs={"pod-Pusher": PASSED, "pod-Verdict": REFUSED},
    )
    assert found.code is Exit.REFUSED
    assert found.headline == "refused by Evaluator, nothing was pushed"


def test_a_success_that_the_list_does_not_reach_has_its_version() -> None:
    found = ending(
        "SUCCEEDED", listed("Verdict", "waiting"), logs={"pod-Verdict": PASSED}
    )
    assert found.headline == "the model is served as version 7"
    assert found.lines == []


def test_a_failure_that_neither_list_nor_log_has() -> None:
    found = ending("FAILED", node("Trainer", "done"), listed("Verdict", "waiting"))
    assert found == Ending(
        Exit.BROKEN,
        "a node failed",
        [
            "KFP's list of nodes ends before it: KFP gives no reason: see the page of "
            "the run",
            KUBECTL,
        ],
    )


def test_a_kfp_that_does_not_tell_the_pod() -> None:
    failed = Node("Trainer", "failed", 1.0, (), datetime.now(UTC))
    [line] = ending("FAILED", failed).lines
    assert line.startswith(
        "the log of Trainer cannot be read here (KFP does not tell what its "
        "pod is called)"
    )


def test_a_pod_may_have_one_of_several_names() -> None:
    failed = Node("Verdict", "failed", 1.0, ("a", "b", "c"), datetime.now(UTC))
    assert ending("FAILED", failed, logs={"b": REFUSED, "c": BROKEN}).code is (
        Exit.REFUSED
    )


def test_a_run_that_failed_before_its_nodes() -> None:
    never: Callable[[str], str] = lambda pod: pytest.fail("no pod to ask")  # noqa: E731
    progress = Progress("FAILED", [Node("A", "waiting")], "no such service account")
    found = conclude(progress, "", "run-1", never)
    assert found == Ending(
        Exit.BROKEN, "failed before any node did", ["no such service account"]
    )


@pytest.mark.parametrize("state", ["CANCELED", "SKIPPED"])
def test_a_run_that_somebody_ended(state: str) -> None:
    assert ending(state) == Ending(Exit.BROKEN, f"the run was {state.lower()}")


def test_a_run_that_is_not_over() -> None:
    found = ending("RUNNING", node("A", "done"))
    assert found == Ending(Exit.BROKEN, "--timeout is over, and the run continues")
