"""Where the pipeline runs on a cluster: image, volumes, and what a node may use."""

from dataclasses import dataclass

from contract import nodes
from contract.errors import BadInputError
from pipeline.beam import LOOPBACK, Beam

MODELS_FOLDER = "/models"
DATA_FOLDER = "/data"
BEAM_FOLDER = "/beam"
LOG_FOLDER = "/requests"
IMAGE_LOCK = "current"
"""Which of `requirements/` the image is made from; see Dockerfile."""


@dataclass(frozen=True)
class Deployment:
    """What differs between clusters.

    Attributes:
        image: The project's image, by name and tag or digest.
        models_volume: Claim of the volume with the models' versions; Pusher and
            Champion mount it, and so does the server.
        data_volume: Claim of the volume with the data, where the data is a path.
        beam_volume: Claim of the volume that nodes on an engine share with its workers.
        log_volume: Claim of the volume with logged requests, where a node reads them.
        pipeline_root: URI under which artifacts are kept; empty: the cluster's.
        data_secret: Secret with the credentials of another store's data, for the
            one node that reads them; empty: none.
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
"""What `k8s/flink` is reached by, as settings of `beam`; the workers are beside each
taskmanager, in its pod."""


def on_cluster(beam: Beam) -> Beam:
    """Returns where Beam's work is done on a cluster: `k8s/flink`, or what is named.

    Raises:
        BadInputError: No pod could reach it.
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
    # Of a store that is not Amazon's.
    "AWS_ENDPOINT_URL": False,
}
"""Keys of `data_secret`, which are names in the pod's environment as well, and
whether each has to be there."""


@dataclass(frozen=True)
class Limits:
    """What a node is given.

    Attributes:
        cpu: Cores at most; a quarter of it is asked for.
        memory: Gigabytes at most, and asked for.
        seconds: After which the pod is stopped.
        retries: For what may pass, as a lost machine. A gate has none, since up to
            KFP 2.16 a refusal would only be repeated; from 2.17 on only a lost pod
            is tried again, and each one, whatever is asked for.
        cached: KFP may reuse an earlier result. Not for a node that reads
            something KFP cannot see: a folder, a volume, the clock.
    """

    cpu: float = 1
    memory: float = 2
    seconds: int = 900
    retries: int = 1
    cached: bool = True

    @property
    def window(self) -> int:
        """Seconds from the first try's start within which others may run.

        Argo starts no try after that, and stops one that is running
        (argo-workflows: workflow/controller/operator.go, processNodeRetries), so it
        has to hold all of them and their waiting for a machine.
        """
        return (self.retries + 1) * (self.seconds + _WAITING_SECONDS)


_WAITING_SECONDS = 900

_SMALL = Limits()
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
    """Returns what a node is given, measured on MNIST with room to spare."""
    return _LIMITS.get(node, _SMALL)
