"""What a person sees when a run has ended, and what a program can read of it."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contract.demands import GateResult
from contract.exits import Exit
from runner.datasets import DataSet
from runner.records import Outcome
from runner.screen import Step

RESULT_FILE = "result.json"


@dataclass(frozen=True)
class Result:
    """Everything about a run that has ended.

    Attributes:
        run: Its name.
        code: How it ended.
        dataset: What it was about.
        outcome: What it came to.
        steps: Its components, in the order in which they ran.
        reasons: Why it was refused or broke, a line each.
        started: When the process's work began, in seconds since 1970.
        seconds: From then on.
        report: Path of the page about it; None if there is none.
    """

    run: str
    code: Exit
    dataset: DataSet
    outcome: Outcome
    steps: list[Step]
    reasons: list[str]
    started: float
    seconds: float
    report: str | None = None


def verdict_line(result: Result) -> Text:
    """Returns the one line that says how it ended."""
    name, pushed = result.dataset.name, result.outcome.pushed
    if pushed is not None and result.code is Exit.PUSHED:
        if pushed.already_served:
            text = f"{name}: nothing changed, version {pushed.version} is served"
        else:
            text = f"{name}: pushed as version {pushed.version}"
        return Text(text, style="bold green")
    return Text(f"{name}: {result.code.meaning}", style="bold red")


def show(console: Console, result: Result) -> None:
    """Prints gates, components, verdict and what to do next."""
    outcome, name = result.outcome, result.dataset.name
    if outcome.gates:
        console.print(_gates_table(outcome.gates))
    if result.steps:
        console.print(_steps_table(result.steps, result.seconds))
    if outcome.test_accuracy is not None:
        console.print(
            f"{name}, accuracy on the test split: {outcome.test_accuracy:.4f}"
        )
    console.print(verdict_line(result))
    for reason in result.reasons:
        console.print(f"  {reason}", style="red", markup=False)
    if outcome.pushed is not None and result.code is Exit.PUSHED:
        console.print(f"  model  {outcome.pushed.path}", markup=False, soft_wrap=True)
        console.print("  serve  make serve")
        console.print(
            f"  query  python -m serving.client predict digit.png --model {name}",
            markup=False,
            soft_wrap=True,
        )


def write(folder: str, result: Result) -> None:
    """Writes `result.json`: the same facts for programs."""
    outcome = result.outcome
    content: dict[str, Any] = {
        "run": result.run,
        "model": result.dataset.name,
        "data": {
            "description": result.dataset.description,
            "fingerprint": result.dataset.fingerprint,
        },
        "exit_code": result.code.value,
        "verdict": result.code.meaning,
        "reasons": result.reasons,
        "seconds": round(result.seconds, 2),
        "test_accuracy": outcome.test_accuracy,
        "gates": [asdict(gate) for gate in outcome.gates],
        "components": [
            {
                "node": step.node,
                "state": step.state,
                "seconds": round(step.seconds, 2),
                "peak_memory": step.peak_memory,
            }
            for step in result.steps
        ],
        "pushed": asdict(outcome.pushed) if outcome.pushed else None,
        "report": result.report,
    }
    with open(os.path.join(folder, RESULT_FILE), "w") as stream:
        json.dump(content, stream, indent=2)


def _gates_table(gates: list[GateResult]) -> Table:
    table = Table(title="Gates", title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("gate", "metric"):
        table.add_column(column, no_wrap=True)
    # A failure of ServingValidator is a sentence.
    table.add_column("value", overflow="fold")
    for column in ("bound", "champion", ""):
        table.add_column(column, no_wrap=True)
    previous = ""
    for result in gates:
        if result.overridden:
            verdict = Text("overridden", style="yellow")
        elif result.passed:
            verdict = Text("passed", style="green")
        else:
            verdict = Text("REFUSED", style="bold red")
        table.add_row(
            result.gate if result.gate != previous else "",
            result.metric,
            result.value,
            result.bound,
            result.champion or "-",
            verdict,
        )
        previous = result.gate
    return table


def _steps_table(steps: list[Step], seconds: float) -> Table:
    table = Table(
        title="Components", title_justify="left", box=box.SIMPLE_HEAD, show_footer=True
    )
    table.add_column("component", footer="whole run")
    table.add_column("seconds", justify="right", footer=f"{seconds:.1f}")
    table.add_column("")
    for step in steps:
        state = {"cached": "reused", "failed": "stopped here"}.get(step.state, "")
        table.add_row(step.node, f"{step.seconds:.1f}", state)
    return table
