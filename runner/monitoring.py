"""Runs the monitoring pipeline once; writes and shows its results."""

import contextlib
import json
import logging
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from components.report.gates import shown
from components.request_log_example_gen.selection import Asked
from contract import command, environment, logs, nodes, notifying, stopping
from contract.demands import Demand, bound_text, value_text
from contract.errors import Terminated
from contract.exits import ON_PURPOSE, Exit
from lineage.endings import RESULT_FILE
from pipeline.config import Config
from runner.screen import Screen
from runner.workspace import Workspace

_WORDS = {
    Exit.PUSHED: "nothing was found",
    Exit.REFUSED: "something was found",
    Exit.BAD_INPUT: "bad input",
    Exit.BROKEN: "broken",
    Exit.INTERRUPTED: "interrupted",
    Exit.TERMINATED: "terminated",
}


@dataclass(frozen=True)
class Request:
    """The traffic to examine.

    Attributes:
        log: Prefix or folder of the request log.
        labels: Path of a CSV file with labels, or empty.
        asked: Model, version and period.
        judgement: The curated schema, in text format.
    """

    log: str
    labels: str
    asked: Asked
    judgement: str


def execute(
    config: Config,
    request: Request,
    workspace: Workspace,
    run: str,
    started: float,
    *,
    verbose: bool,
) -> Exit:
    """Examines the traffic once, then writes and shows the results.

    All files lie in the run's folder, which has its own metadata store. No other run
    needs them, so that removing the folder removes everything. The examples made of
    requests, which contain the pictures, are removed at the end. `started` is when the
    process began its work, in seconds since 1970.
    """
    log = os.path.join(workspace.root, "run.log")
    overruled = environment.prepare()
    with logs.captured(log, verbose) as stream:
        screen = Screen(stream)
        for line in overruled:
            screen.say(f"note: {line}", style="yellow")
        traffic: dict[str, Any] = {}
        try:
            # A library may make an exception of its own of a signal.
            with stopping.stoppable(), screen.live():
                traffic = _run(config, request, workspace, run, screen)
            code = Exit.REFUSED if traffic["findings"] else Exit.PUSHED
            reason = ""
        except (Exception, KeyboardInterrupt, Terminated) as error:
            code, reason = command.explain(error, begun=True, where=workspace.root)
            if code is Exit.BROKEN:
                logging.exception("the run broke")
            screen.on_failure(interrupted=code in ON_PURPOSE)
        with stopping.concluding():
            shutil.rmtree(
                os.path.join(
                    workspace.artifacts(request.asked.model),
                    nodes.REQUEST_LOG_EXAMPLE_GEN,
                ),
                ignore_errors=True,
            )
            report = None
            if traffic:
                write = partial(_report, workspace, run, screen, started)
                report = screen.tried(write, "report could not be written")
            result = Result(request, run, traffic, code, reason, report)
            # The run's folder is OUTPUT/monitoring/runs/RUN.
            output = os.path.normpath(os.path.join(workspace.root, *[os.pardir] * 3))
            sending = _tell(config, result, output)
            _show(screen, result)
            _write(workspace.root, result, screen, started)
            if report:
                screen.say(f"  report {report}")
            if sending is not None and not sending.finish():
                screen.say(f"  {notifying.NOT_ALL}", style="yellow")
            screen.say(f"  log    {log}")
    return code


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
        request: The traffic that was examined.
        run: Name of the run.
        traffic: See `TrafficFacts.as_dict`; empty if the pipeline did not end well.
        code: Exit code.
        reason: Why the pipeline did not end well; else empty.
        report: Path of the page; None if there is none.
    """

    request: Request
    run: str
    traffic: Mapping[str, Any]
    code: Exit
    reason: str
    report: str | None

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.request.asked.model


def _tell(config: Config, result: Result, output: str) -> notifying.Sending | None:
    """Begins to send a notification about findings or a failure."""
    if result.code not in (Exit.REFUSED, Exit.BROKEN, Exit.BAD_INPUT):
        return None
    found = result.traffic.get("findings", ())
    lines = [f"version {one['version']}: {Demand.from_dict(one)}" for one in found]
    kind: notifying.Kind = "finding" if result.code is Exit.REFUSED else "failed"
    event = notifying.Event(
        kind,
        result.model,
        f"{result.model}, traffic: {_WORDS[result.code]}",
        (*([result.reason] if result.reason else []), *lines),
        report=result.report,
        output=output,
    )
    return notifying.begin(config.notify.settings(), event)


def _run(
    config: Config, request: Request, workspace: Workspace, run: str, screen: Screen
) -> dict[str, Any]:
    """Runs the pipeline; returns its results, see `TrafficFacts.as_dict`."""
    with (
        screen.waiting_for("loading TensorFlow and TFX"),
        environment.heavy_imports(),
    ):
        from components.traffic_gate.executor import read_traffic
        from pipeline.monitoring import Traffic
        from runner import local
        from runner.records import read_outputs
    asked = request.asked
    traffic = Traffic(
        log=request.log,
        models=asked.models,
        judgement=request.judgement,
        version="" if asked.version is None else str(asked.version),
        since=-1 if asked.when.since is None else asked.when.since,
        until=-1 if asked.when.until is None else asked.when.until,
        labels=request.labels,
    )
    local.monitor(config, traffic, workspace, run, screen.on_event)
    outputs = read_outputs(workspace.metadata, run)
    return read_traffic(outputs[nodes.TRAFFIC_GATE, nodes.DATA_VERDICT])


def _report(workspace: Workspace, run: str, screen: Screen, started: float) -> str:
    """Writes the page and its pictures to the run's folder; returns the page's path."""
    from components.report.page import MONITORING, Page
    from components.report.sections import run_section
    from components.traffic_gate.executor import PAGE_FILE
    from runner.records import read_outputs
    from runner.report import run_facts
    from serving.request_logs.forgetting import PICTURES

    outputs = read_outputs(workspace.metadata, run)
    made = outputs[nodes.TRAFFIC_GATE, nodes.PAGE].uri
    with open(os.path.join(made, PAGE_FILE), encoding="utf-8") as stream:
        page = replace(Page.parse(stream.read(), MONITORING), run=run)
    about = run_facts(run, started, time.time() - started, screen.steps)
    with contextlib.suppress(FileNotFoundError):
        os.replace(os.path.join(made, PICTURES), os.path.join(workspace.root, PICTURES))
    path = os.path.join(workspace.root, PAGE_FILE)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(page.having(run_section(about)).render())
    return path


def _show(screen: Screen, result: Result) -> None:
    for of_one in result.traffic.get("versions", ()):
        title = (
            f"Version {of_one['version']}: {of_one['pictures']:,} pictures in "
            f"{of_one['read']:,} of {of_one['logged']:,} requests"
        )
        gates = [Demand.from_dict(gate) for gate in of_one["gates"]]
        screen.console.print(_table(gates, title))
        for line in of_one["not_judged"]:
            screen.say(f"note: not judged: {line}", style="yellow")
        if (estimate := of_one["estimate"]) is not None:
            screen.say(f"  {_estimate_line(estimate)}")
            # The table shows the doubts already.
            for line in () if estimate["doubts"] else estimate["reasons"]:
                screen.say(f"    {line}", style="yellow")
    if torn := result.traffic.get("torn_bytes"):
        screen.say(
            f"note: not read: {torn:,} bytes that are no whole records, in "
            f"{result.traffic['torn_files']:,} of the log's files",
            style="yellow",
        )
    style = "bold green" if result.code is Exit.PUSHED else "bold red"
    if result.code is Exit.REFUSED:
        count = len(result.traffic["findings"])
        text = f"{count} {'finding' if count == 1 else 'findings'} in the traffic"
    else:
        text = _WORDS[result.code]
    screen.say(f"{result.model}: {text}", style=style)
    if result.reason:
        screen.say(f"  {result.reason}", style="red")


def _table(gates: list[Demand], title: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("measure", overflow="fold")
    for column in ("value", "bound", "verdict"):
        table.add_column(column, no_wrap=True)
    for row in shown(gates):
        demand = row.demand
        said = Text("within", "green") if demand.passed else Text("finding", "bold red")
        table.add_row(Text(row.text), value_text(demand), bound_text(demand), said)
        if row.more:
            table.add_row(f"and {row.more} more classes")
    return table


def _estimate_line(estimate: Mapping[str, Any]) -> str:
    line = (
        f"estimated accuracy {estimate['value']:.4f} "
        f"({estimate['low']:.4f} to {estimate['high']:.4f})"
    )
    return line if estimate["trusted"] else f"{line}, not to be trusted"


def _write(folder: str, result: Result, screen: Screen, started: float) -> None:
    """Writes `result.json`."""
    traffic = {k: v for k, v in result.traffic.items() if k != "findings"}
    content = {
        "run": result.run,
        "kind": "monitor",
        "model": result.model,
        "log": result.request.log,
        "since": result.request.asked.when.since,
        "until": result.request.asked.when.until,
        "labels_file": result.request.labels or None,
        "exit_code": result.code.value,
        "verdict": _WORDS[result.code],
        "reasons": [result.reason] if result.reason else [],
        "findings": result.traffic.get("findings", []),
        "traffic": traffic,
        "started": round(started, 2),
        "seconds": round(time.time() - started, 2),
        "components": [step.as_dict() for step in screen.steps],
        "report": result.report,
    }
    with open(os.path.join(folder, RESULT_FILE), "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=2, ensure_ascii=False)
