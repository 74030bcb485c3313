"""The progress of a run on a cluster, as the user sees it."""

import io
from datetime import UTC, datetime

from rich.console import Console

from contract.exits import Exit
from runner.kubeflow.client import Progress
from runner.kubeflow.progress import ProgressScreen
from runner.kubeflow.tasks import Node
from runner.kubeflow.verdict import Ending


def at(second: int) -> datetime:
    return datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)


NODES = [
    Node("A", "cached", 3.4, ("a",), at(3)),
    Node("B", "failed", 61, ("b",), at(5)),
    Node("C", "running", 7, ("c",)),
    Node("D", "waiting"),
]


def test_piped_each_node_is_a_line_once_in_the_order_of_their_ends() -> None:
    stream = io.StringIO()
    screen = ProgressScreen(stream)
    with screen.live():
        screen.on_progress(Progress("RUNNING", [*NODES[2:], NODES[1]]))
        screen.on_progress(Progress("RUNNING", NODES))
        late = Node("C", "done", 9, ("c",), at(4))
        screen.on_progress(Progress("RUNNING", [*NODES[:2], late]))
    assert stream.getvalue().splitlines() == [
        "✗ B                        61 s",
        "↺ A                         3 s  reused",
        "✓ C                         9 s",
    ]


def test_on_a_terminal_there_is_a_row_for_every_node() -> None:
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    screen = ProgressScreen(stream)
    screen.console = Console(file=stream, width=60, color_system=None)
    with screen.live():
        screen.on_progress(Progress("RUNNING", NODES))
    rows = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert any(row.endswith("A       3 s  reused") for row in rows)
    assert any("B      61 s" in row for row in rows)
    assert any("C       7 s" in row for row in rows)
    assert any(row.endswith("·  D") for row in rows)


def test_the_end_is_gates_headline_reasons_and_where_to_look() -> None:
    stream = io.StringIO()
    long = "accuracy: expected >= 0.97, found 0.1 " + "x" * 200
    ending = Ending(
        Exit.REFUSED,
        "refused",
        [long],
        [("passed", "a [b]"), ("overruled", "c"), ("REFUSED", long)],
    )
    ProgressScreen(stream).show("mnist", ending, "http://host/#/runs/details/1")
    assert stream.getvalue().splitlines() == [
        "Gates",
        "  ✓ a [b]",
        "  ✓ c (overruled)",
        f"  ✗ {long}",
        "mnist: refused",
        f"  {long}",
        "  run    http://host/#/runs/details/1",
    ]
