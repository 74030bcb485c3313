"""Rules and dashboard on a real Prometheus, Alertmanager and servers.

The programs are Debian's packages `prometheus`, `prometheus-alertmanager` and
`prometheus-node-exporter`. They run on the loopback during this file's tests.
"""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from runner import metrics
from runner.watch_state import QUARANTINED, Record, StateFile
from runner.workspace import Workspace
from tests.k8s.rendering import K8S, ROOT
from tests.receiver import receiving
from tests.runner.test_metrics import run
from tests.serving.collector.test_app import Running as Collector
from tests.serving.collector.test_app import event
from tests.serving.collector.test_records import save_letters
from tests.serving.server.running import (
    RunningServer,
    eventually,
    free_port,
)
from tests.serving.server.saved_models import save_adder

RULES: dict[str, Any] = yaml.safe_load(
    (K8S / "monitoring" / "prometheusrule.yaml").read_text("utf-8")
)["spec"]
DASHBOARD: dict[str, Any] = json.loads(
    (K8S / "monitoring" / "dashboard.json").read_text("utf-8")
)
ALERTS = sorted((Path(__file__).parent / "alerts").glob("*.yaml"))
DOCUMENTED = ROOT / "docs" / "alerts.md"

EXPORTER = "prometheus-node-exporter"


def tool(name: str) -> str:
    """Returns the path of one of Debian's programs; skips if it is not installed."""
    path = shutil.which(name)
    return path or _not_here(
        f"{name} is not here: Debian's packages prometheus, prometheus-alertmanager "
        f"and {EXPORTER}"
    )


def _not_here(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"CI must have it: {reason}")
    pytest.skip(reason)


def rules_in(folder: Path) -> Path:
    """Writes the rules in the form of a Prometheus without the operator."""
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump(RULES))
    return path


def rules(kind: str) -> dict[str, str]:
    """Expressions of the rules of a kind, by name."""
    found = [rule for group in RULES["groups"] for rule in group["rules"]]
    return {rule[kind]: rule["expr"] for rule in found if kind in rule}


def names_in(expression: str) -> set[str]:
    """Returns the metrics in an expression of PromQL."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]', " ", expression)
    bare = re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\boffset\s+\w+", " ", bare)
    names = re.findall(r"(?<![\w.:])[A-Za-z_:][\w:]*\b(?!\s*\()", bare)
    return set(names) - {"and", "or", "unless", "bool"}


def drawn() -> list[str]:
    """Returns the expressions of the dashboard's panels and variables."""
    variables = [one.get("query") for one in DASHBOARD["templating"]["list"]]
    queries = [one["query"] for one in variables if isinstance(one, dict)]
    labels = [re.sub(r"label_values\((\S+), \w+\)", r"\1", one) for one in queries]
    targets = [
        target["expr"] for one in DASHBOARD["panels"] for target in one["targets"]
    ]
    return [*labels, *targets]


def test_the_names_in_an_expression_are_found() -> None:
    text = 'sum by (a, le) (rate(:x:y_total{b=~"c"}[5m])) / 1e6 > 0 and z offset 14d'
    assert names_in(text) == {":x:y_total", "z"}


def test_promtool_takes_the_rules_and_their_tests(tmp_path: Path) -> None:
    path = rules_in(tmp_path)
    for file in ALERTS:
        shutil.copy(file, tmp_path)
    names = [file.name for file in ALERTS]
    for arguments in (["check", "rules", path], ["test", "rules", *names]):
        done = subprocess.run(
            [tool("promtool"), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test() -> None:
    tested = {
        case["alertname"]
        for file in ALERTS
        for test in yaml.safe_load(file.read_text("utf-8"))["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert tested == set(rules("alert"))


class Site:
    """A model server, a collector and an output folder, all monitored."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.receiver = stack.enter_context(receiving())
        self.server = self._server()
        self.collector = Collector(folder / "collected", folder)
        stack.callback(self.collector.stop)
        self._ask()
        self._runs()
        exporter = self._start(
            EXPORTER,
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={folder / 'output'}",
            address="--web.listen-address",
        )
        alerting = self._start(
            "prometheus-alertmanager",
            f"--config.file={self._alertmanager()}",
            f"--storage.path={folder / 'alertmanager'}",
            "--cluster.listen-address=",
            address="--web.listen-address",
        )
        targets = {
            "model-server": self.server.options.rest_api_port,
            "request-collector": self.collector.port,
            "node": exporter,
        }
        self.prometheus = self._start(
            "prometheus",
            f"--config.file={self._config(targets, alerting)}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            address="--web.listen-address",
        )

    def _server(self) -> RunningServer:
        save_adder(self.folder / "adder" / "1", 1.0)
        config = self.folder / "models.config"
        config.write_text(f"""model_config_list {{ config {{
            name: "adder" base_path: "{self.folder}/adder"
            model_platform: "tensorflow"
            logging_config {{
                log_collector_config {{ filename_prefix: "{self.folder}/log/adder" }}
                sampling_config {{ sampling_rate: 1 }}
            }}
        }} }}""")
        monitoring = K8S / "config" / "monitoring.config"
        server = RunningServer(
            model_config_file=str(config), monitoring_config_file=str(monitoring)
        )
        return self.stack.enter_context(server)

    def _ask(self) -> None:
        for _ in range(3):
            self.server.predict({"x": [1.0]})
            self.collector.ask(f"id-{time.monotonic_ns()}")
        self.collector.post(event("org.example.other", "x"), {})

    def _runs(self) -> None:
        """Writes an output folder in which a gate refused the last run."""
        workspace = Workspace(str(self.folder / "output"))
        base = self.folder / "output" / "models" / "letters"
        for version in ("1", "2"):
            (base / version).mkdir(parents=True)
            (base / version / "saved_model.pb").touch()
        (base.parent / "models.config").write_text(f"""model_config_list {{ config {{
            name: "letters" base_path: "{base}" model_platform: "tensorflow"
            model_version_policy {{ specific {{ versions: 1 versions: 2 }} }}
            version_labels {{ key: "stable" value: 1 }}
            version_labels {{ key: "canary" value: 2 }}
        }} }}""")
        now = time.time()
        run(workspace, "letters-1", now - 100)
        gates = [{"gate": "Evaluator", "refused": True}]
        run(workspace, "letters-2", now, code=3, gates=gates)
        of_one = {
            "version": "1",
            "read": 10,
            "gates": [{"gate": "TrafficGate", "refused": False}],
            "estimate": {"value": 0.97, "trusted": True},
        }
        traffic = {"versions": [of_one]}
        run(workspace.monitoring, "letters-1", now, traffic=traffic)
        with StateFile(workspace.watcher("letters")).changing() as state:
            state.spans["7"] = Record(state=QUARANTINED, tries=3)
        metrics.write(workspace)

    def _start(self, name: str, *arguments: str, address: str) -> int:
        """Starts a program; returns its port when it is ready."""
        port = free_port()
        with open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                [tool(name), *arguments, f"{address}=127.0.0.1:{port}"],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)
        ready = "/" if name == EXPORTER else "/-/ready"

        def answers() -> bool:
            assert process.poll() is None, (self.folder / f"{name}.log").read_text()
            try:
                return bool(self.get(port, ready))
            except OSError:
                return False

        eventually(answers)
        return port

    def _alertmanager(self) -> Path:
        path = self.folder / "alertmanager.yaml"
        url = f"http://127.0.0.1:{self.receiver.server_port}/"
        content = {
            "route": {"receiver": "told", "group_wait": "0s"},
            "receivers": [{"name": "told", "webhook_configs": [{"url": url}]}],
        }
        path.write_text(yaml.safe_dump(content))
        return path

    def _config(self, targets: dict[str, int], alerting: int) -> Path:
        """Writes the configuration that the page prints, with this test's addresses."""
        [text] = re.findall(
            r"^```yaml\n(# prometheus\.yml\n.*?)^```",
            DOCUMENTED.read_text("utf-8"),
            re.MULTILINE | re.DOTALL,
        )
        content = yaml.safe_load(text)
        content["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        content["rule_files"] = [str(rules_in(self.folder))]
        names = [job["job_name"] for job in content["scrape_configs"]]
        assert set(targets) <= set(names)
        content["scrape_configs"] = [
            {**job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
            for job in content["scrape_configs"]
            if (port := targets.get(job["job_name"]))
        ]
        [manager] = content["alerting"]["alertmanagers"]
        manager["static_configs"] = [{"targets": [f"127.0.0.1:{alerting}"]}]
        path = self.folder / "prometheus.yml"
        path.write_text(yaml.safe_dump(content))
        return path

    @staticmethod
    def get(port: int, path: str) -> str:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}{path}", timeout=30
        ) as got:
            return str(got.read().decode())

    def ask(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        answer = json.loads(self.get(self.prometheus, f"/api/v1/{path}?{query}"))
        return answer["data"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    for name in ("prometheus", "prometheus-alertmanager", EXPORTER):
        tool(name)
    folder = tmp_path_factory.mktemp("site")
    save_letters(folder)
    with ExitStack() as stack:
        yield Site(folder, stack)


def test_all_that_runs_is_scraped(site: Site) -> None:
    def up() -> dict[str, str]:
        found = site.ask("query", query="up")["result"]
        return {one["metric"]["job"]: one["value"][1] for one in found}

    jobs = ("model-server", "request-collector", "node")
    eventually(lambda: up() == dict.fromkeys(jobs, "1"))


def test_every_metric_that_is_named_is_there(site: Site) -> None:
    expressions = [*rules("record").values(), *rules("alert").values(), *drawn()]
    named = set().union(*map(names_in, expressions)) - set(rules("record"))
    assert {
        "up",
        "pipeline_canary_version",
        ":tensorflow:serving:request_count",
    } <= named

    def missing() -> set[str]:
        return named - set(site.ask("label/__name__/values"))

    try:
        eventually(lambda: not missing())
    except AssertionError:
        pytest.fail(f"nobody has {', '.join(sorted(missing()))}")


def test_every_panel_draws_something(site: Site) -> None:
    """Exceptions are rates, which need five minutes, and events that did not occur."""
    queries = [re.sub(r'=~"\$model"', '=~".*"', expression) for expression in drawn()]
    shown = [one for one in queries if "model_name" not in one and "rate(" not in one]

    def empty() -> list[str]:
        return [one for one in shown if not site.ask("query", query=one)["result"]]

    eventually(lambda: not empty())


def test_an_alert_reaches_a_person(site: Site) -> None:
    def told() -> dict[str, Any] | None:
        alerts = [one for sent in site.receiver.messages for one in sent["alerts"]]
        names = {one["labels"]["alertname"]: one for one in alerts}
        return names.get("RunRefused")

    alert = eventually(told)
    assert alert["status"] == "firing"
    assert alert["labels"]["model"] == "letters"
    assert alert["annotations"]["summary"] == (
        "letters: a gate refused the last run; nothing was pushed."
    )
