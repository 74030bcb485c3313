"""Settings of a cluster: image, volumes, Beam engine, and resources of the nodes."""

from dataclasses import dataclass

from contract import nodes
from contract.errors import BadInputError
from pipeline.beam import LOOPBACK, Beam

MODELS_FOLDER = "/models"
DATA_FOLDER = "/data"
BEAM_FOLDER = "/beam"
LOG_FOLDER = "/requests"
IMAGE_LOCK = "current"
"""The lock file in `requirements/` from which the image is made; see Dockerfile."""


@dataclass(frozen=True)
class Deployment:
    """The settings that differ between clusters.

    Attributes:
        image: The project's image, by name and tag or digest.
        models_volume: Claim of the volume with the models' versions; Pusher and
            Champion mount it, and so does the server.
        data_volume: Claim of the volume with the data, if the data is a path.
        beam_volume: Claim of the volume that nodes on an engine share with its workers.
        log_volume: Claim of the volume with logged requests, if a node reads them.
        pipeline_root: URI of the folder for artifacts; empty for the cluster's default.
        data_secret: Secret with the credentials for data in another store, given to
            the one node that reads the data; empty for none.
    """

    image: str
    models_volume: str = "mnist-models"
    data_volume: str = "mnist-data"
    beam_volume: str = "mnist-beam"
    log_volume: str = "request-logs"
    pipeline_root: str = ""
    data_secret: str = ""


ENGINE = {
    "endpoint": "beam-job-server:8099",
    "workers": "localhost:50000",
    "flink_rest": "flink-jobmanager:8081",
}
"""Addresses of the services in `k8s/flink`, as settings of `beam`. The workers run in
the pod of each taskmanager."""


def on_cluster(beam: Beam) -> Beam:
    """Returns the settings of Beam on a cluster; `k8s/flink` is the default engine.

    Raises:
        BadInputError: Pods could not reach the named runner or workers.
    """
    if not beam.on_engine:
        return beam
    if beam.runner != "FlinkRunner":
        raise BadInputError(
            f"setting beam.runner: should be DirectRunner or FlinkRunner on Kubeflow, "
            f"found {beam.runner}"
        )
    left_out = {
        key: value for key, value in ENGINE.items() if key not in beam.model_fields_set
    }
    found = beam.model_copy(update=left_out)
    if found.workers in (1, LOOPBACK):
        raise BadInputError(
            "setting beam.workers: should be the host:port of a worker pool as a "
            f"taskmanager sees it, found {found.workers}: nobody reaches the workers "
            "of a node's own pod"
        )
    return found


SECRET_KEYS = {
    "AWS_ACCESS_KEY_ID": True,
    "AWS_SECRET_ACCESS_KEY": True,
    "AWS_REGION": True,
    # The address of a store that is not Amazon's.
    "AWS_ENDPOINT_URL": False,
}
"""Keys of `data_secret`, and whether each is required. The same names are used for the
environment variables of the pod."""


@dataclass(frozen=True)
class Limits:
    """The resources and limits of a node.

    Attributes:
        cpu: Most cores; the pod requests a quarter of it.
        memory: Most gigabytes; the pod requests the same.
        seconds: Time after which the pod is stopped.
        retries: Number of retries after a failure that may pass, as a lost machine. A
            gate has none, because up to KFP 2.16 a refusal would only be repeated.
            From 2.17 on, KFP retries every lost pod and nothing else, whatever this
            value is.
        cached: Whether KFP may reuse an earlier result. Not for a node that reads
            something that KFP cannot see: a folder, a volume, the clock.
    """

    cpu: float = 1
    memory: float = 2
    seconds: int = 900
    retries: int = 1
    cached: bool = True

    @property
    def window(self) -> int:
        """Seconds from the start of the first try within which all tries may run.

        After that, Argo starts no try, and stops a running one
        (argo-workflows: workflow/controller/operator.go, processNodeRetries). So the
        window must be long enough for all tries and their waits for a machine.
        """
        return (self.retries + 1) * (self.seconds + _WAITING_SECONDS)


_WAITING_SECONDS = 900

_LIMITS = {
    nodes.STATISTICS_GEN: Limits(cpu=2, memory=4),
    nodes.CHAMPION: Limits(cached=False),
    nodes.DATA_GATE: Limits(retries=0),
    nodes.TRANSFORM: Limits(memory=4),
    nodes.TRAINER: Limits(cpu=2, memory=4, seconds=7200),
    nodes.EVALUATOR: Limits(cpu=2, memory=4),
    nodes.PUSHER: Limits(cached=False),
    nodes.REPLAY: Limits(memory=4, cached=False),
    nodes.VERDICT: Limits(retries=0, cached=False),
    nodes.REQUEST_LOG_EXAMPLE_GEN: Limits(memory=4, seconds=3600, cached=False),
    nodes.TRAFFIC_GATE: Limits(memory=4, cached=False),
    nodes.TRAFFIC_VERDICT: Limits(retries=0, cached=False),
}


def limits(node: str) -> Limits:
    """Returns the limits of a node: more than was measured on MNIST."""
    return _LIMITS.get(node, Limits())
