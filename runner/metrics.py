"""Gives Prometheus the metrics of the runs in an output folder.

The metrics are read from the folder each time, so that `run`, `monitor` and `watch`
report the same, and none of them has to be running: `metrics.prom` is for
node_exporter's textfile collector
(https://github.com/prometheus/node_exporter#textfile-collector).
"""

import logging
import os
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field, ValidationError

from contract.errors import BadInputError
from contract.exits import Exit
from lineage.endings import RESULT_FILE, Gate, Result
from runner.watch_state import Standing, StateFile
from runner.workspace import Workspace
from version_store.inventory import list_models
from version_store.serving_config import serving

METRICS_FILE = "metrics.prom"


class _Data(BaseModel):
    fingerprint: str


class _Estimate(BaseModel):
    value: float
    trusted: bool


class _Version(BaseModel):
    version: str
    read: int
    gates: list[Gate]
    estimate: _Estimate | None


class _Traffic(BaseModel):
    versions: list[_Version] = Field(default_factory=list)


class _Result(Result):
    """The part of a `result.json` that is read here.

    Fields with a default may be missing, as older versions did not write them.
    """

    model: str
    started: float
    seconds: float
    exit_code: int
    test_accuracy: float | None = None
    data: _Data | None = None
    traffic: _Traffic = Field(default_factory=_Traffic)

    @property
    def ended(self) -> float:
        """When the run ended, in seconds since 1970."""
        return self.started + self.seconds


class Runs(Collector):
    """The metrics of an output folder; each `collect` reads the folder again."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def collect(self) -> Iterator[Metric]:
        """Yields all metric families, labelled by model."""
        yield from _of_runs(_results(self._workspace))
        yield from _of_versions(self._workspace.all_models)
        yield from _of_traffic(_results(self._workspace.monitoring))
        yield _of_spans(self._workspace)


def write(workspace: Workspace) -> None:
    """Writes `metrics.prom` atomically; logs an error instead of raising it."""
    try:
        registry = CollectorRegistry()
        registry.register(Runs(workspace))
        write_to_textfile(os.path.join(workspace.root, METRICS_FILE), registry)
    except Exception:
        logging.exception("%s could not be written", METRICS_FILE)


def _of_runs(found: dict[str, list[_Result]]) -> list[Metric]:
    run_at = _family("pipeline_last_run_timestamp_seconds", "When it ended.")
    took = _family("pipeline_last_run_duration_seconds", "How long it took.")
    code = _family("pipeline_last_run_exit_code", "0: served, 3: refused by a gate.")
    refused = _family(
        "pipeline_last_run_refusals", "Demands of a gate that were not met.", "gate"
    )
    accuracy = _family("pipeline_last_run_test_accuracy", "On the test split.")
    pushed_at = _family(
        "pipeline_last_push_timestamp_seconds", "When a run last pushed a version."
    )
    data_at = _family(
        "pipeline_data_first_seen_timestamp_seconds",
        "When a run first read the data of the last run that ended well.",
    )
    for model, results in found.items():
        last = results[-1]
        run_at.add_metric([model], last.ended)
        took.add_metric([model], last.seconds)
        code.add_metric([model], last.exit_code)
        for gate in dict.fromkeys(demand.gate for demand in last.gates):
            demands = [d.refused for d in last.gates if d.gate == gate]
            refused.add_metric([model, gate], sum(demands))
        if last.test_accuracy is not None:
            accuracy.add_metric([model], last.test_accuracy)
        well = [one for one in results if one.exit_code == Exit.PUSHED.value]
        new = [one for one in well if one.pushed and not one.pushed.already_served]
        if new:
            pushed_at.add_metric([model], new[-1].ended)
        if well and well[-1].data:
            same = [one.started for one in results if one.data == well[-1].data]
            data_at.add_metric([model], min(same))
    return [run_at, took, code, refused, accuracy, pushed_at, data_at]


def _of_versions(models: str) -> list[Metric]:
    stable = _family("pipeline_stable_version", "That serves what names no other.")
    canary = _family("pipeline_canary_version", "On trial beside the stable one.")
    for model in list_models(models) if os.path.isdir(models) else ():
        found = serving(os.path.join(models, model))
        if found.stable is not None:
            stable.add_metric([model], found.stable)
        if found.canary is not None:
            canary.add_metric([model], found.canary)
    return [stable, canary]


def _of_traffic(found: dict[str, list[_Result]]) -> list[Metric]:
    run_at = _family("monitor_last_run_timestamp_seconds", "When it ended.")
    code = _family("monitor_last_run_exit_code", "0: nothing found, 3: something.")
    asked = _family("monitor_requests", "That it looked at.", "version")
    findings = _family("monitor_findings", "What was not as it should be.", "version")
    estimate = _family(
        "monitor_estimated_accuracy", "By the confidences of the answers.", "version"
    )
    trusted = _family(
        "monitor_estimate_trusted",
        "Whether that estimate's assumption holds.",
        "version",
    )
    for model, results in found.items():
        last = results[-1]
        run_at.add_metric([model], last.ended)
        code.add_metric([model], last.exit_code)
        for of_one in last.traffic.versions:
            labels = [model, of_one.version]
            asked.add_metric(labels, of_one.read)
            findings.add_metric(labels, sum(d.refused for d in of_one.gates))
            if of_one.estimate is not None:
                estimate.add_metric(labels, of_one.estimate.value)
                trusted.add_metric(labels, of_one.estimate.trusted)
    return [run_at, code, asked, findings, estimate, trusted]


def _of_spans(workspace: Workspace) -> Metric:
    spans = _family("watch_spans", "Of `watch`, by what became of them.", "state")
    watchers = os.path.dirname(workspace.watcher("any"))
    for model in sorted(os.listdir(watchers)) if os.path.isdir(watchers) else ():
        try:
            known = StateFile(workspace.watcher(model)).read().spans.values()
        except BadInputError as error:
            # `watch` reports this error; the other metrics are still written.
            logging.warning("%s", error)
            continue
        for state in Standing:
            count = sum(record.state == state for record in known)
            spans.add_metric([model, state], count)
    return spans


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=["model", *labels])


def _results(workspace: Workspace) -> dict[str, list[_Result]]:
    """Returns the results of the runs by model, oldest first."""
    runs, found = workspace.runs, dict[str, list[_Result]]()
    for run in os.listdir(runs) if os.path.isdir(runs) else ():
        try:
            with open(os.path.join(runs, run, RESULT_FILE), encoding="utf-8") as stream:
                result = _Result.model_validate_json(stream.read())
        except (OSError, ValidationError, UnicodeDecodeError):
            # The run goes on, was killed, or an old version wrote no `started`.
            continue
        found.setdefault(result.model, []).append(result)
    for results in found.values():
        results.sort(key=lambda result: result.ended)
    return dict(sorted(found.items()))
