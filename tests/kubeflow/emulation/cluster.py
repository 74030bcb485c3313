"""A cluster that runs compiled pipelines to their end."""

import graphlib
import os
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.kubeflow.emulation import driver
from tests.kubeflow.emulation.launcher import USER, Launcher
from tests.kubeflow.emulation.rules import KNOWN_BY_CONTAINER, RETRIED, VERSIONS
from tests.kubeflow.emulation.store import ObjectStore

Json = dict[str, Any]

ROOT = "minio://mlpipeline/v2/artifacts"
"""KFP's default pipeline root."""


@dataclass(frozen=True)
class Task:
    """The result of a task: `succeeded`, `cached`, `failed`, `skipped`.

    `exit_code` is that of the last pod, and `tries` the number of pods.
    """

    state: str
    exit_code: int = 0
    tries: int = 1
    log: str = ""
    artifacts: dict[str, Json] = field(default_factory=dict)

    @property
    def last_lines(self) -> list[str]:
        """Returns the end of the log, which users see first."""
        return self.log.rstrip().splitlines()[-20:]


class Cluster:
    """One namespace with an object store and volumes, kept in a folder.

    Attributes:
        store: The object store.
        secrets: Names of the existing Secrets.
        version: KFP's version, which may change between runs.
    """

    def __init__(
        self, folder: Path, engine: str, version: str = VERSIONS[-1], workers: int = 2
    ) -> None:
        self.version = version
        self.secrets: set[str] = set()
        self.store = ObjectStore(folder / "store")
        self._volumes = folder / "volumes"
        self._launcher = Launcher(engine, self.store, folder / "pods")
        self._workers = workers
        self._cache: dict[str, Task] = {}
        self.runs = 0

    def volume(self, claim: str) -> Path:
        """Returns the folder that replaces a claimed volume; the nodes own it."""
        path = self._volumes / claim
        if not path.exists():
            path.mkdir(parents=True)
            os.chown(path, USER, USER)
        return path

    def run(
        self, package: str, arguments: Json | None = None, until: str = ""
    ) -> dict[str, Task]:
        """Runs a compiled pipeline; returns each task's result.

        Args:
            package: The compiled pipeline's text.
            arguments: Run-time parameters.
            until: A task that is run with its upstream tasks; empty: all tasks.
        """
        spec, platform = yaml.safe_load_all(package)
        self.runs += 1
        run = _Run(self, spec, platform, f"run-{self.runs}", arguments or {})
        return run.to_the_end(until)


class _Run:
    def __init__(
        self,
        cluster: Cluster,
        spec: Json,
        platform: Json,
        name: str,
        arguments: Json,
    ) -> None:
        self._cluster = cluster
        self._spec = spec
        self._name = name
        self._tasks: Json = spec["root"]["dag"]["tasks"]
        self._on_kubernetes: Json = platform["platforms"]["kubernetes"][
            "deploymentSpec"
        ]
        declared = spec["root"]["inputDefinitions"]["parameters"]
        unknown = arguments.keys() - declared.keys()
        if unknown:
            raise driver.DriverError(f"unknown parameters: {sorted(unknown)}")
        self._parameters = {
            key: driver._converted(key, value, declared[key]["parameterType"])
            for key, value in (
                {k: v["defaultValue"] for k, v in declared.items()} | arguments
            ).items()
        }
        self._ended: dict[str, Task] = {}

    def to_the_end(self, until: str) -> dict[str, Task]:
        needs = {
            name: task.get("dependentTasks", []) for name, task in self._tasks.items()
        }
        wanted = {until} if until else set(needs)
        while more := {other for name in wanted for other in needs[name]} - wanted:
            wanted |= more
        order = graphlib.TopologicalSorter({name: needs[name] for name in wanted})
        order.prepare()
        with ThreadPoolExecutor(self._cluster._workers) as pool:
            running: dict[Future[Task], str] = {}
            while order.is_active():
                for name in sorted(order.get_ready()):
                    running[pool.submit(self._run_task, name)] = name
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    name = running.pop(future)
                    self._ended[name] = future.result()
                    order.done(name)
        return self._ended

    def _run_task(self, name: str) -> Task:
        task = self._tasks[name]
        before = [self._ended[other].state for other in task.get("dependentTasks", [])]
        if {"failed", "skipped"} & set(before):
            return Task("skipped")
        component = self._component(task["componentRef"]["name"])
        executors = self._spec["deploymentSpec"]["executors"]
        executor = executors[component["executorLabel"]]
        values = driver.parameters(
            task,
            component,
            self._parameters,
            {"{{$.pipeline_job_resource_name}}": f"mnist-{self._name}"},
        )
        if "importer" in executor:
            uri = values[executor["importer"]["artifactUri"]["runtimeParameter"]]
            return Task("succeeded", artifacts={"artifact": {"uri": uri}})
        container = executor["container"]
        task_root = f"{ROOT}/{self._spec['pipelineInfo']['name']}/{self._name}/{name}"
        artifacts = {
            key: self._ended[source["taskOutputArtifact"]["producerTask"]].artifacts[
                source["taskOutputArtifact"]["outputArtifactKey"]
            ]
            for key, source in task["inputs"].get("artifacts", {}).items()
        }
        given = driver.executor_input(
            component, values, artifacts, task_root, self._cluster.version
        )
        key = driver.cache_key(task, container, given["inputs"])
        may_be_cached = task.get("cachingOptions", {}).get("enableCache", False)
        if may_be_cached and (cached := self._cluster._cache.get(key)):
            return Task("cached", artifacts=cached.artifacts)
        label = component["executorLabel"]
        again = RETRIED.at(self._cluster.version) == "failure"
        most = task.get("retryPolicy", {}).get("maxRetryCount", 0) if again else 0
        for attempt in range(most + 1):
            ended = self._cluster._launcher.run(
                f"{self._name}-{name.lower()}-{attempt}",
                self._cluster.version,
                ROOT,
                container,
                given,
                self._mounts(label),
                has_secret=self._has_secret(label),
            )
            if not ended.exit_code:
                break
        state = "failed" if ended.exit_code else "succeeded"
        result = Task(state, ended.exit_code, attempt + 1, ended.log, ended.artifacts)
        if state == "succeeded":
            self._cluster._cache[key] = result
        return result

    def _component(self, name: str) -> Json:
        """Returns a component, or the equal one that KFP merges it with."""
        components: Json = self._spec["components"]
        executors = self._spec["deploymentSpec"]["executors"]
        own = executors[components[name]["executorLabel"]]
        alike = [
            other
            for other in components.values()
            if "container" in own and executors[other["executorLabel"]] == own
        ]
        by_container = KNOWN_BY_CONTAINER.at(self._cluster.version) and alike
        found: Json = alike[0] if by_container else components[name]
        return found

    def _has_secret(self, label: str) -> bool:
        given = self._on_kubernetes["executors"].get(label, {}).get("secretAsEnv", [])
        return {each["secretName"] for each in given} & self._cluster.secrets != set()

    def _mounts(self, label: str) -> dict[str, str]:
        mounts = self._on_kubernetes["executors"].get(label, {}).get("pvcMount", [])
        return {
            mount["mountPath"]: str(self._cluster.volume(mount["constant"]))
            for mount in mounts
        }
