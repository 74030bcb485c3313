"""Where the pipeline runs on a cluster: image, volumes, and what a node may use."""

from dataclasses import dataclass

from contract import nodes

MODELS_FOLDER = "/models"
DATA_FOLDER = "/data"
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
        pipeline_root: URI under which artifacts are kept; empty: the cluster's.
    """

    image: str
    models_volume: str = "mnist-models"
    data_volume: str = "mnist-data"
    pipeline_root: str = ""


@dataclass(frozen=True)
class Limits:
    """What a node is given.

    Attributes:
        cpu: Cores at most; a quarter of it is asked for.
        memory: Gigabytes at most, and asked for.
        seconds: After which the pod is stopped.
        retries: For what may pass: a lost machine, a mirror that hangs. A gate has
            none, since a refusal would only be repeated.
        cached: KFP may reuse an earlier result. Not for a node that reads
            something KFP cannot see: a folder, a volume, the clock.
    """

    cpu: float = 1
    memory: float = 2
    seconds: int = 900
    retries: int = 1
    cached: bool = True


_SMALL = Limits()
_LIMITS = {
    # Of content that is known beforehand by its fingerprint; see `compile_pipeline`.
    nodes.EXAMPLE_GEN: Limits(retries=2),
    nodes.STATISTICS_GEN: Limits(cpu=2, memory=4),
    nodes.CHAMPION: Limits(cached=False),
    nodes.DATA_GATE: Limits(retries=0),
    nodes.TRANSFORM: Limits(memory=4),
    nodes.TRAINER: Limits(cpu=2, memory=4, seconds=7200),
    nodes.EVALUATOR: Limits(cpu=2, memory=4),
    nodes.PUSHER: Limits(cached=False),
    nodes.VERDICT: Limits(retries=0, cached=False),
}


def limits(node: str) -> Limits:
    """Returns what a node is given, measured on MNIST with room to spare."""
    return _LIMITS.get(node, _SMALL)
