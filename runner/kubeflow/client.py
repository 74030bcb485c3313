"""Wraps the needed part of kfp's client, with clear errors and timeouts."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from contract.errors import BadInputError
from contract.waiting import awaited
from runner.kubeflow import task_api, tasks, versions
from runner.kubeflow.api_errors import AwayError, translated
from runner.kubeflow.connection import Connection
from runner.kubeflow.package import Package
from runner.kubeflow.tasks import Node, Picture

if TYPE_CHECKING:
    import kfp

_ENDED = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELED")

_POLL_SECONDS = 3.0
_PATIENCE_SECONDS = 120.0
"""How long the API may fail to answer while a run goes on, as when a node restarts."""


@dataclass(frozen=True)
class Options:
    """The options of a new run.

    Attributes:
        arguments: Values of run-time parameters.
        experiment: Name of the run's experiment, which is made if it does not exist.
        pipeline_root: Root of the artifacts; empty for the cluster's default. The root
            in a compiled pipeline has no effect, as KFP does not read it.
        service_account: Service account of the pods; empty for the cluster's default.
        cache: Whether KFP may reuse results where the pipeline allows it.
    """

    arguments: dict[str, Any] = field(default_factory=dict)
    experiment: str = "Default"
    pipeline_root: str = ""
    service_account: str = ""
    cache: bool = True

    def keywords(self) -> dict[str, Any]:
        """Returns the options as arguments of kfp's client."""
        return {
            "params": self.arguments,
            "pipeline_root": self.pipeline_root or None,
            "service_account": self.service_account or None,
            # None keeps the compiled setting of each node; True would turn the cache
            # on for all nodes.
            "enable_caching": None if self.cache else False,
        }


@dataclass(frozen=True)
class Progress:
    """A run at one moment.

    Attributes:
        state: KFP's state of the run, in capitals.
        nodes: The nodes, in the order of the pipeline.
        error: KFP's own error message; mostly empty.
        passes: How often KFP has started the pipeline for this run.
        pending: Seconds that a pod has been waiting for its start; 0 if none waits.
    """

    state: str
    nodes: list[Node]
    error: str = ""
    passes: int = 1
    pending: float = 0.0

    @property
    def ended(self) -> bool:
        """Whether the run has ended."""
        return self.state in _ENDED


class Client:
    """Kubeflow Pipelines at one address."""

    def __init__(self, connection: Connection) -> None:
        """Connects.

        Raises:
            BadInputError: KFP does not answer, refuses the token, or has a version
                that is not supported; or a namespace is needed and missing.
        """
        self.connection = connection
        self._has_task_api: bool | None = None
        health = connection.check()
        self.version = versions.of_server(health)
        versions.check(connection.host, self.version)
        self._client = _asked(connection, lambda: _kfp_client(connection))
        namespace = _asked(connection, self._client.get_user_namespace)
        if health.get("multi_user") and not (connection.namespace or namespace):
            raise BadInputError(
                f"{connection.host}: --namespace: expected the profile's, as this "
                "Kubeflow has a namespace for each user or team"
            )

    def submit(self, package: Package, run_name: str, options: Options) -> str:
        """Starts a run; returns its id."""
        experiment = self._experiment(options.experiment)
        run = self._ask(
            lambda client: client.run_pipeline(
                experiment_id=experiment,
                job_name=run_name,
                pipeline_package_path=package.path,
                **options.keywords(),
            )
        )
        return str(run.run_id)

    def schedules(self, name: str, experiment: str) -> list[str]:
        """Returns the ids of the recurring runs with that name in an experiment."""
        experiment_id = self._experiment(experiment)
        found = self._ask(
            lambda client: client.list_recurring_runs(
                experiment_id=experiment_id, filter=_named(name), page_size=100
            )
        )
        return [str(run.recurring_run_id) for run in found.recurring_runs or []]

    def schedule(
        self, package: Package, name: str, options: Options, trigger: dict[str, Any]
    ) -> str:
        """Starts a recurring run; returns its id."""
        experiment = self._experiment(options.experiment)
        run = self._ask(
            lambda client: client.create_recurring_run(
                experiment_id=experiment,
                job_name=name,
                pipeline_package_path=package.path,
                **options.keywords(),
                **trigger,
            )
        )
        return str(run.recurring_run_id)

    def unschedule(self, recurring_run_id: str) -> None:
        """Ends a recurring run; runs that it has started go on."""
        self._ask(lambda client: client.delete_recurring_run(recurring_run_id))

    def upload(self, package: Package, version: str) -> tuple[str, str, bool]:
        """Uploads a compiled pipeline for all users of the namespace.

        Returns:
            The ids of pipeline and version, and whether the version is new.
        """
        namespace = self.connection.namespace or None
        found = self._ask(
            lambda client: client.list_pipelines(
                filter=_named(package.name), namespace=namespace
            )
        ).pipelines
        # KFP names the first version of a pipeline itself, after the pipeline.
        of_all = (
            found[0]
            if found
            else self._ask(
                lambda client: client.upload_pipeline(
                    package.path, pipeline_name=package.name, namespace=namespace
                )
            )
        )
        pipeline = str(of_all.pipeline_id)
        known = self._ask(
            lambda client: client.list_pipeline_versions(
                pipeline, filter=_named(version)
            )
        ).pipeline_versions
        if known:
            return pipeline, str(known[0].pipeline_version_id), False
        added = self._ask(
            lambda client: client.upload_pipeline_version(
                package.path, pipeline_version_name=version, pipeline_id=pipeline
            )
        )
        return pipeline, str(added.pipeline_version_id), True

    def progress(self, run_id: str, names: tuple[str, ...]) -> Progress:
        """Returns the current progress of a run."""
        run = self._ask(lambda client: client.get_run(run_id))
        details = run.run_details.task_details if run.run_details else None
        picture = self._picture(run_id, names, details or [])
        return Progress(
            state=str(run.state or "PENDING"),
            nodes=picture.nodes,
            error=(run.error.message or "") if run.error else "",
            passes=picture.passes,
            pending=picture.pending,
        )

    def _picture(
        self, run_id: str, names: tuple[str, ...], details: list[Any]
    ) -> Picture:
        """Returns the states of the nodes, from the run's details or the task API."""
        now = datetime.now(UTC)
        if not details and self._has_task_api is not False:
            found = task_api.tasks_of(self.connection, run_id)
            self._has_task_api = found is not None
            if found is not None:
                return task_api.picture(names, found, now)
        return tasks.picture(names, details, now)

    def wait(
        self,
        run_id: str,
        names: tuple[str, ...],
        timeout: float | None,
        on_progress: Callable[[Progress], None],
        on_away: Callable[[str], None],
    ) -> Progress:
        """Waits for a run to end.

        Args:
            run_id: Id of the run.
            names: The nodes of the pipeline, in order.
            timeout: Longest wait in seconds; None for no limit.
            on_progress: Called with each answer.
            on_away: Called with the reason when answers begin to fail.

        Returns:
            The last answer; after a timeout, the run has not ended.

        Raises:
            BadInputError: The token is no longer accepted, or KFP did not answer for
                two minutes. The run goes on.
        """
        began = answered = time.monotonic()
        latest, away = None, False
        while True:
            try:
                latest = self.progress(run_id, names)
            except AwayError as error:
                if time.monotonic() - answered > _PATIENCE_SECONDS:
                    raise
                if not away:
                    on_away(str(error))
                away = True
            else:
                answered, away = time.monotonic(), False
                on_progress(latest)
            late = timeout is not None and time.monotonic() - began >= timeout
            if latest is not None and (latest.ended or late):
                return latest
            time.sleep(_POLL_SECONDS)

    def run_page(self, run_id: str) -> str:
        """Returns the address of a run in the user interface."""
        return f"{self.connection.host}/#/runs/details/{run_id}"

    def schedule_page(self, recurring_run_id: str) -> str:
        """Returns the address of a recurring run in the user interface."""
        return f"{self.connection.host}/#/recurringrun/details/{recurring_run_id}"

    def version_page(self, pipeline_id: str, version_id: str) -> str:
        """Returns the address of a version in the user interface."""
        return (
            f"{self.connection.host}/#/pipelines/details/{pipeline_id}"
            f"/version/{version_id}"
        )

    def _experiment(self, name: str) -> str:
        namespace = self.connection.namespace or None
        made = self._ask(
            lambda client: client.create_experiment(name, namespace=namespace)
        )
        return str(made.experiment_id)

    def _ask(self, question: "Callable[[kfp.Client], Any]") -> Any:
        """Returns the answer to a request; adds the time limit that kfp lacks."""
        return _asked(self.connection, lambda: question(self._client))


def _asked(connection: Connection, question: Callable[[], Any]) -> Any:
    with translated(connection):
        return awaited(lambda heard: question())


def _kfp_client(connection: Connection) -> "kfp.Client":
    # Imported here, because the import takes two seconds.
    import kfp
    from kfp.client import ServiceAccountTokenVolumeCredentials

    token_file = connection.token_file
    return kfp.Client(
        host=connection.host,
        existing_token=None if token_file else connection.token or None,
        credentials=(
            ServiceAccountTokenVolumeCredentials(token_file) if token_file else None
        ),
        ssl_ca_cert=connection.ca_cert or None,
        namespace=connection.namespace or "kubeflow",
    )


def _named(name: str) -> str:
    """Returns a filter for a name, in the format of KFP's API.

    (kubeflow/pipelines: backend/api/v2beta1/filter.proto)
    """
    equals = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    return json.dumps({"predicates": [equals]})
