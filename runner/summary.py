"""Shows the result of a run to the user and writes it to `result.json`."""

import contextlib
import json
import os
import shlex
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.report.gates import Shown, shown, what_to_do
from components.report.run import commands
from contract.command import say
from contract.demands import (
    Demand,
    bound_text,
    champion_text,
    outcome_text,
    value_text,
)
from contract.exits import Exit
from lineage.endings import RESULT_FILE
from runner.datasets import DataSet
from runner.outcome import Outcome, Pushed
from runner.screen import Step
from serving.launch import code
from version_store.serving_config import CANARY

_ROOM_FILE = ".room"
_ROOM_BYTES = 64 << 10

BECAUSE = "because"
"""Key of `result.json`: why the run was started, as given by `--because`."""


@dataclass(frozen=True)
class Result:
    """Everything about a run that has ended; `started` is in seconds since 1970."""

    run: str
    code: Exit
    dataset: DataSet
    outcome: Outcome
    steps: list[Step]
    reasons: list[str]
    started: float
    seconds: float
    report: str | None = None
    because: str | None = None


def verdict_line(result: Result) -> Text:
    """Returns the line that says how the run ended."""
    name, pushed = result.dataset.name, result.outcome.pushed
    if pushed is not None and result.code is Exit.PUSHED:
        if pushed.already_served:
            text = f"{name}: nothing changed, version {pushed.version} is served"
            text += f" as {pushed.label}" if pushed.label else ""
        else:
            text = f"{name}: pushed as version {pushed.version}"
            text += f", {pushed.label}" if pushed.label else ""
        return Text(text, style="bold green")
    text = result.code.meaning
    if refused := [d.gate for d in result.outcome.demands if d.refused]:
        text = f"refused by {' and '.join(dict.fromkeys(refused))}, nothing was pushed"
    elif pushed is not None and result.code is not Exit.REFUSED:
        # The run ended after its push, or before the push was on record.
        how = "is" if pushed.already_served else "was pushed and is"
        text += f"; version {pushed.version} {how} served"
        text += f" as {pushed.label}" if pushed.label else ""
    return Text(f"{name}: {text}", style="bold red")


def show(console: Console, result: Result) -> None:
    """Prints gates, components, verdict and what to do next."""
    outcome, name = result.outcome, result.dataset.name
    if outcome.demands:
        console.print(_gates_table(outcome.demands))
    if result.steps:
        say(console, _times(result))
    if outcome.left_out:
        say(console, f"note: {outcome.left_out}", style="yellow")
    if outcome.replay_left_out:
        say(console, f"note: {outcome.replay_left_out}", style="dim")
    if outcome.test_accuracy is not None:
        say(console, f"{name}, accuracy on the test split: {outcome.test_accuracy:.4f}")
    console.print(verdict_line(result), soft_wrap=True)
    # Reasons that stand in the table of gates are not repeated.
    told = {str(demand) for demand in outcome.demands}
    for reason in result.reasons:
        if reason not in told:
            say(console, f"  {reason}", style="red")
    if result.code is Exit.REFUSED:
        for advice in what_to_do(outcome.demands):
            say(console, f"  {advice}")
    if outcome.pushed is not None and result.code is Exit.PUSHED:
        say(console, f"  model  {outcome.pushed.path}")
        for label, command in next_commands(result).items():
            say(console, f"  {label.lower():<6} {command}")
        if outcome.pushed.label == CANARY:
            say(console, _trial(result, outcome.pushed))


def next_commands(result: Result) -> dict[str, str]:
    """Returns the commands that the user may type next, by purpose."""
    pushed = result.outcome.pushed
    if pushed is None:
        return {}
    models = os.path.dirname(os.path.dirname(pushed.path))
    return commands(result.dataset.name, models)


def _trial(result: Result, pushed: Pushed) -> str:
    """Returns the line that says how to ask a canary and how to end its trial."""
    models = shlex.quote(os.path.dirname(os.path.dirname(pushed.path)))
    return (
        f"  trial  ask with --label {CANARY}; then {code.typed('version_store')} "
        "promote or withdraw "
        f"--models {models} --model {result.dataset.name} --reason TEXT"
    )


def write(folder: str, result: Result) -> None:
    """Writes `result.json`, the result for programs."""
    outcome = result.outcome
    content: dict[str, Any] = {
        "run": result.run,
        "model": result.dataset.name,
        "task": result.dataset.task.as_dict(),
        "data": {
            "description": result.dataset.description,
            "fingerprint": result.dataset.fingerprint,
        },
        BECAUSE: result.because,
        "exit_code": result.code.value,
        "verdict": result.code.meaning,
        "reasons": result.reasons,
        "started": round(result.started, 2),
        "seconds": round(result.seconds, 2),
        "test_accuracy": outcome.test_accuracy,
        "gates": [demand.as_dict() for demand in outcome.demands],
        "champion_left_out": outcome.left_out or None,
        "replay_left_out": outcome.replay_left_out or None,
        "components": [step.as_dict() for step in result.steps],
        "pushed": asdict(outcome.pushed) if outcome.pushed else None,
        "report": result.report,
    }
    text = json.dumps(content, indent=2)
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(folder, _ROOM_FILE))
    with open(os.path.join(folder, RESULT_FILE), "w") as stream:
        stream.write(text)


def reserve(folder: str) -> None:
    """Keeps room for `result.json`: a run that fills the disk must say how it ended.

    Raises:
        OSError: There is no room.
    """
    path = os.path.join(folder, _ROOM_FILE)
    try:
        with open(path, "wb") as stream:
            stream.write(bytes(_ROOM_BYTES))
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error


_MOST_ROWS = 20
"""Beyond this number of demands, the table shows only the worst classes of a metric."""

_STYLES = {"passed": "green", "overruled": "yellow", "REFUSED": "bold red"}


def _gates_table(demands: list[Demand]) -> Table:
    table = Table(title="Gates", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("gate", no_wrap=True)
    # Names of classes may be long, and a failure of ServingValidator is a sentence.
    table.add_column("metric", overflow="fold")
    for column in ("value", "bound", "champion", "verdict"):
        table.add_column(column, no_wrap=True)
    previous = ""
    few = len(demands) <= _MOST_ROWS
    rows = [Shown(demand) for demand in demands] if few else shown(demands)
    for row in rows:
        demand, outcome = row.demand, outcome_text(row.demand)
        table.add_row(
            demand.gate if demand.gate != previous else "",
            Text(row.text),
            value_text(demand),
            bound_text(demand),
            champion_text(demand),
            Text(outcome, style=_STYLES[outcome]),
        )
        previous = demand.gate
        if row.more:
            table.add_row("", f"and {row.more} more classes", "", "", "", "")
    return table


def _times(result: Result) -> str:
    """Returns a line about the run's duration, inside and outside of components."""
    own = sum(step.seconds for step in result.steps)
    return (
        f"whole run {result.seconds:.1f} s: components {own:.1f} s, loading TensorFlow "
        f"and all else {result.seconds - own:.1f} s"
    )
