"""The pods that objects describe, whatever kind of object it is."""

from collections.abc import Iterator
from typing import Any

from tests.k8s.rendering import Manifest, the


def pod_specs(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Yield (kind/name, PodSpec) of every object that makes pods."""
    for manifest in manifests:
        name = f"{manifest['kind']}/{manifest['metadata']['name']}"
        match manifest["kind"]:
            case "Pod":
                yield name, manifest["spec"]
            case "InferenceService":
                yield name, predictor_pod(manifest)
            case "CronJob":
                yield name, manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]
            case _ if "template" in manifest.get("spec", {}):
                yield name, manifest["spec"]["template"]["spec"]


# The fields of these kserve/kserve types that are not core/v1's: pkg/apis/serving/
# v1beta1 PredictorSpec, ComponentExtensionSpec and ModelSpec (0.21).
PREDICTOR_FIELDS = frozenset(
    [
        "annotations",
        "autoScaling",
        "batcher",
        "canaryTrafficPercent",
        "containerConcurrency",
        "deploymentStrategy",
        "labels",
        "logger",
        "maxReplicas",
        "minReplicas",
        "model",
        "scaleMetric",
        "scaleMetricType",
        "scaleTarget",
        "timeout",
        "workerSpec",
    ]
)
MODEL_FIELDS = frozenset(
    [
        "modelFormat",
        "protocolVersion",
        "runtime",
        "runtimeVersion",
        "storage",
        "storageUri",
    ]
)


def predictor_pod(service: Manifest) -> Manifest:
    """The PodSpec that an InferenceService hands on.

    KServe merges `spec.predictor` (a PodSpec with more fields) and its `model` (a
    Container with more fields) over those of the runtime, whose image and command
    are put here: config/runtimes/kserve-tensorflow-serving.yaml. And it mounts the
    volume of a pvc:// URI at /mnt/models.
    """
    predictor = service["spec"]["predictor"]
    model = predictor["model"]
    runtime: dict[str, Any] = {
        "name": "kserve-container",
        "image": f"tensorflow/serving:{model['runtimeVersion']}",
        "command": ["/usr/bin/tensorflow_model_server"],
        "args": [
            f"--model_name={service['metadata']['name']}",
            "--port=9000",
            "--rest_api_port=8080",
            "--model_base_path=/mnt/models",
            "--rest_api_timeout_in_ms=60000",
        ],
    }
    container = {key: model[key] for key in model.keys() - MODEL_FIELDS}
    container["args"] = [*runtime["args"], *model.get("args", [])]
    claim, _, path = model["storageUri"].removeprefix("pvc://").partition("/")
    mount = {"name": "models", "mountPath": "/mnt/models", "subPath": path}
    container["volumeMounts"] = [*model["volumeMounts"], {**mount, "readOnly": True}]
    source = {"name": "models", "persistentVolumeClaim": {"claimName": claim}}
    pod = {key: predictor[key] for key in predictor.keys() - PREDICTOR_FIELDS}
    pod["volumes"] = [*predictor["volumes"], source]
    return {**pod, "containers": [{**runtime, **container}]}


def containers(pod: Manifest) -> list[Manifest]:
    """All containers of a PodSpec."""
    return [
        container
        for field in ("initContainers", "containers", "ephemeralContainers")
        for container in pod.get(field, [])
    ]


def server_of(pod: Manifest) -> Manifest:
    """The container that serves."""
    (container,) = pod["containers"]
    return container


def flag(container: Manifest, name: str) -> str:
    """The value of a flag that stands once in a container's arguments."""
    prefix = f"--{name}="
    (value,) = (
        argument.removeprefix(prefix)
        for argument in container["args"]
        if argument.startswith(prefix)
    )
    return value


def the_pod(manifests: list[Manifest]) -> Manifest:
    """The PodSpec of the one object that makes pods."""
    ((_, pod),) = pod_specs(manifests)
    return pod


def the_server(manifests: list[Manifest]) -> Manifest:
    """The container that serves."""
    return server_of(the_pod(manifests))


def pod_labels(manifests: list[Manifest]) -> dict[str, str]:
    """The labels of the Deployment's pods."""
    template = the(manifests, "Deployment")["spec"]["template"]
    labels: dict[str, str] = template["metadata"]["labels"]
    return labels


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Whether a selector's matchLabels fit."""
    return selector.items() <= labels.items()


def port_numbers(container: Manifest) -> dict[str, int]:
    """A container's ports by name."""
    return {port["name"]: port["containerPort"] for port in container["ports"]}


def files_in(pod: Manifest, manifests: list[Manifest]) -> dict[str, str]:
    """The files of the server's container that ConfigMaps hold: path to content."""
    maps = {
        manifest["metadata"]["name"]: manifest["data"]
        for manifest in manifests
        if manifest["kind"] == "ConfigMap"
    }
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    files = {}
    for mount in server_of(pod)["volumeMounts"]:
        projected = volumes[mount["name"]].get("projected", {"sources": []})
        for source in projected["sources"]:
            for name, content in maps[source["configMap"]["name"]].items():
                files[f"{mount['mountPath']}/{name}"] = content
    return files
