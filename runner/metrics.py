"""What Prometheus is told of the runs in an output folder.

All of it is read from the folder each time, so a run, a monitor and a watcher tell the
same, and none has to be running for it: `metrics.prom` is for node_exporter's textfile
collector (https://github.com/prometheus/node_exporter#textfile-collector).
"""

import json
import os
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contract.exits import Exit
from runner.summary import RESULT_FILE
from runner.workspace import Workspace
from version_store.versions import latest_version

METRICS_FILE = "metrics.prom"

_Result = dict[str, Any]


class Runs(Collector):
    """The metrics of an output folder; each `collect` reads it anew."""

    def __init__(self, workspace: Workspace) -> None:
        """Reads nothing yet."""
        self._workspace = workspace

    def collect(self) -> Iterator[Metric]:
        """Yields every family, by model."""
        run_at = _family("last_run_timestamp_seconds", "When the last run ended.")
        took = _family("last_run_duration_seconds", "How long the last run took.")
        code = _family(
            "last_run_exit_code", "How the last run ended: 0 served, 3 refused."
        )
        refused = _family(
            "last_run_refusals", "Demands of a gate that were not met.", "gate"
        )
        accuracy = _family("last_run_test_accuracy", "On the test split, by Keras.")
        pushed_at = _family(
            "last_push_timestamp_seconds", "When a run last pushed a version."
        )
        data_at = _family(
            "data_first_seen_timestamp_seconds",
            "When a run first read the data that the last pushed version learnt from.",
        )
        served = _family("served_version", "The highest version that was pushed.")
        for model, results in sorted(_by_model(self._workspace).items()):
            last = results[-1]
            run_at.add_metric([model], last["ended"])
            took.add_metric([model], last["seconds"])
            code.add_metric([model], last["exit_code"])
            for gate in dict.fromkeys(demand["gate"] for demand in last["gates"]):
                demands = [d for d in last["gates"] if d["gate"] == gate]
                refused.add_metric([model, gate], sum(d["refused"] for d in demands))
            if last["test_accuracy"] is not None:
                accuracy.add_metric([model], last["test_accuracy"])
            pushes = [one for one in results if one["exit_code"] == Exit.PUSHED.value]
            new = [one for one in pushes if not one["pushed"]["already_served"]]
            if new:
                pushed_at.add_metric([model], new[-1]["ended"])
            if pushes:
                fingerprint = pushes[-1]["data"]["fingerprint"]
                data_at.add_metric(
                    [model],
                    min(
                        one["started"]
                        for one in results
                        if one["data"]["fingerprint"] == fingerprint
                    ),
                )
            version = latest_version(self._workspace.models(model))
            if version is not None:
                served.add_metric([model], version)
        yield from (run_at, took, code, refused, accuracy, pushed_at, data_at, served)


def write(workspace: Workspace) -> None:
    """Writes `metrics.prom`, whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    registry = CollectorRegistry()
    registry.register(Runs(workspace))
    write_to_textfile(os.path.join(workspace.root, METRICS_FILE), registry)


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"pipeline_{name}", text, labels=["model", *labels])


def _by_model(workspace: Workspace) -> dict[str, list[_Result]]:
    """Returns what the runs came to, oldest first, by model."""
    runs, found = os.path.dirname(workspace.run("any")), dict[str, list[_Result]]()
    for run in os.listdir(runs) if os.path.isdir(runs) else ():
        try:
            with open(os.path.join(runs, run, RESULT_FILE), encoding="utf-8") as stream:
                result = json.load(stream)
            result["ended"] = result["started"] + result["seconds"]
        except (OSError, ValueError, KeyError):
            # Not ended yet, killed, or of a version that did not write `started`.
            continue
        found.setdefault(result["model"], []).append(result)
    for results in found.values():
        results.sort(key=lambda result: float(result["ended"]))
    return found
