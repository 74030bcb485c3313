"""Finds the pods that objects of any kind describe."""

import json
from collections.abc import Iterator

from tests.k8s.rendering import Manifest, the


def pod_specs(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Yields (kind/name, PodSpec) of every object that makes pods."""
    for manifest in manifests:
        name = f"{manifest['kind']}/{manifest['metadata']['name']}"
        match manifest["kind"]:
            case "Pod":
                yield name, manifest["spec"]
            case "InferenceService":
                yield name, predictor_pod(manifest, manifests)
            case "CronJob":
                yield name, manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]
            case _ if "template" in manifest.get("spec", {}):
                yield name, manifest["spec"]["template"]["spec"]


# The fields of these kserve/kserve types that core/v1 does not have: pkg/apis/serving/
# v1beta1 PredictorSpec, ComponentExtensionSpec and ModelSpec, and v1alpha1
# ServingRuntimeSpec (0.20).
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
RUNTIME_FIELDS = frozenset(["annotations", "protocolVersions", "supportedModelFormats"])


def predictor_pod(service: Manifest, manifests: list[Manifest]) -> Manifest:
    """Returns the PodSpec that an InferenceService and its ServingRuntime make.

    KServe puts the InferenceService's name in place of {{.Name}} in the runtime's
    container, merges `spec.predictor.model` (a Container with more fields) over it,
    and `spec.predictor` (a PodSpec with more fields) over the runtime's pod
    (pkg/controller/v1beta1/inferenceservice/utils, MergeRuntimeContainers,
    MergePodSpec and ReplacePlaceholders).
    """
    predictor = service["spec"]["predictor"]
    model = predictor["model"]
    runtime = the(manifests, "ServingRuntime", model["runtime"])["spec"]
    named = json.loads(
        json.dumps(runtime).replace("{{.Name}}", service["metadata"]["name"])
    )
    (container,) = named["containers"]
    own = {key: model[key] for key in model.keys() - MODEL_FIELDS}
    pod = {key: named[key] for key in named.keys() - RUNTIME_FIELDS}
    pod |= {key: predictor[key] for key in predictor.keys() - PREDICTOR_FIELDS}
    return {**pod, "containers": [{**container, **own}]}


def containers(pod: Manifest) -> list[Manifest]:
    """Returns all containers of a PodSpec."""
    return [
        container
        for field in ("initContainers", "containers", "ephemeralContainers")
        for container in pod.get(field, [])
    ]


def init_of(pod: Manifest, name: str) -> Manifest:
    """Returns one of the containers that run before the server."""
    (found,) = (one for one in pod["initContainers"] if one["name"] == name)
    return found


def server_of(pod: Manifest) -> Manifest:
    """Returns the server's container."""
    (container,) = pod["containers"]
    return container


def flag(container: Manifest, name: str) -> str:
    """Returns the value of a flag that a container's arguments have once."""
    prefix = f"--{name}="
    (value,) = (
        argument.removeprefix(prefix)
        for argument in container["args"]
        if argument.startswith(prefix)
    )
    return value


def the_pod(manifests: list[Manifest]) -> Manifest:
    """Returns the PodSpec of the only object that makes pods."""
    ((_, pod),) = pod_specs(manifests)
    return pod


def the_server(manifests: list[Manifest]) -> Manifest:
    """Returns the server's container in that pod."""
    return server_of(the_pod(manifests))


def pod_labels(manifests: list[Manifest]) -> dict[str, str]:
    """Returns the labels of the Deployment's pods."""
    template = the(manifests, "Deployment")["spec"]["template"]
    labels: dict[str, str] = template["metadata"]["labels"]
    return labels


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Tells whether a selector's matchLabels fit."""
    return selector.items() <= labels.items()


def port_numbers(container: Manifest) -> dict[str, int]:
    """Returns a container's ports by name."""
    return {port["name"]: port["containerPort"] for port in container["ports"]}


def files_in(pod: Manifest, manifests: list[Manifest]) -> dict[str, str]:
    """Returns the server's files from ConfigMaps: path to content."""
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
