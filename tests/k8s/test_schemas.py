"""The API server would accept every object, field by field."""

import copy

import kubernetes_validate
import pydantic
import pytest

from tests.k8s import crds, pods
from tests.k8s.conftest import Rendered
from tests.k8s.rendering import Manifest, the

# The oldest version with everything that is used (preStop.sleep), and the newest known.
VERSIONS = ("1.30", kubernetes_validate.latest_version())

CUSTOM = {"InferenceService", "PrometheusRule", "ServiceMonitor", "ServingRuntime"}


def validate(manifest: Manifest, version: str) -> None:
    """Validates by Kubernetes' own schema; an unknown field is an error."""
    used = kubernetes_validate.validate(manifest, version, strict=True)
    assert version.startswith(used)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_object(manifests: list[Manifest], version: str) -> None:
    for manifest in manifests:
        if manifest["kind"] not in CUSTOM:
            validate(manifest, version)


def test_custom_objects_keep_to_their_definitions(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] in CUSTOM:
            crds.validate(manifest)


@pytest.mark.parametrize("version", VERSIONS)
def test_kserve_is_given_a_pod_that_kubernetes_takes(
    rendered: Rendered, version: str
) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "predictor"},
        "spec": pods.the_pod(rendered("kserve")),
    }
    validate(pod, version)


def test_a_misspelt_field_is_found(rendered: Rendered) -> None:
    deployment = copy.deepcopy(the(rendered("base"), "Deployment"))
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["livenesProbe"] = container.pop("livenessProbe")
    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        validate(deployment, VERSIONS[0])


@pytest.mark.parametrize(
    ("overlay", "kind", "section"),
    [
        ("overlays/production", "ServiceMonitor", "spec"),
        ("kserve", "InferenceService", "spec"),
        ("kserve", "InferenceService", "metadata"),
        ("kserve", "ServingRuntime", "spec"),
    ],
)
def test_a_misspelt_field_of_a_custom_object_is_found(
    rendered: Rendered, overlay: str, kind: str, section: str
) -> None:
    manifest = copy.deepcopy(the(rendered(overlay), kind))
    manifest[section]["predicator"] = {}
    with pytest.raises(pydantic.ValidationError, match="predicator"):
        crds.validate(manifest)


def test_a_misspelt_field_of_the_model_is_left_to_kubernetes(
    rendered: Rendered,
) -> None:
    manifests = copy.deepcopy(rendered("kserve"))
    model = the(manifests, "InferenceService")["spec"]["predictor"]["model"]
    model["storageUrl"] = "pvc://x/y"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "predictor"},
        "spec": pods.the_pod(manifests),
    }
    with pytest.raises(kubernetes_validate.ValidationError, match="storageUrl"):
        validate(pod, VERSIONS[0])
