"""The permissions and settings of the pipeline's pods."""

import re

import pytest

from runner.kubeflow import deployment
from tests.k8s.conftest import Rendered
from tests.k8s.pods import the_server
from tests.k8s.rendering import Manifest, the


@pytest.fixture
def manifests(rendered: Rendered) -> list[Manifest]:
    return rendered("kubeflow")


def test_the_account_has_the_role(manifests: list[Manifest]) -> None:
    binding = the(manifests, "RoleBinding")
    role, account = the(manifests, "Role"), the(manifests, "ServiceAccount")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [
        {
            "kind": "ServiceAccount",
            "name": account["metadata"]["name"],
            "namespace": account["metadata"]["namespace"],
        }
    ]


def test_the_role_is_the_least(manifests: list[Manifest]) -> None:
    rules = the(manifests, "Role")["rules"]
    granted = {
        (resource, verb)
        for rule in rules
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == {
        ("workflowtaskresults", "create"),
        ("workflowtaskresults", "patch"),
        ("workflowtasksets", "list"),
        ("workflowtasksets", "watch"),
        ("workflowtasksets/status", "patch"),
        ("configmaps", "get"),
        ("secrets", "get"),
    }
    for rule in rules:
        if set(rule["resources"]) & {"configmaps", "secrets"}:
            assert len(rule["resourceNames"]) == 1


def test_the_launcher_finds_its_configuration(rendered: Rendered) -> None:
    # KFP needs exactly this name, and a root of a kind that it knows.
    data = the(rendered("kubeflow/launcher"), "ConfigMap", "kfp-launcher")["data"]
    assert re.match("(minio|s3|gs)://.+/", data["defaultPipelineRoot"])


def test_all_is_in_the_namespace_where_runs_are(manifests: list[Manifest]) -> None:
    assert {m["metadata"]["namespace"] for m in manifests} == {"kubeflow"}


def test_another_namespace_takes_all_of_it(rendered: Rendered) -> None:
    manifests = rendered("my-kubeflow")
    assert {m["metadata"]["namespace"] for m in manifests} == {"team-a"}
    (subject,) = the(manifests, "RoleBinding")["subjects"]
    assert subject["namespace"] == "team-a"


@pytest.mark.parametrize(
    ("folders", "field"),
    [
        (("storage", "overlays/local-storage"), "models_volume"),
        (("storage/data", "overlays/local-data"), "data_volume"),
        (("storage/beam", "overlays/local-beam"), "beam_volume"),
    ],
)
def test_the_runner_mounts_the_volumes_that_are_made(
    rendered: Rendered, folders: tuple[str, ...], field: str
) -> None:
    runner = deployment.Deployment(image="mnist-tfx-pipeline")
    for folder in folders:
        claim = the(rendered(folder), "PersistentVolumeClaim")
        assert claim["metadata"]["name"] == getattr(runner, field)


def test_what_is_the_namespaces_is_not_taken_away_with_the_account(
    manifests: list[Manifest],
) -> None:
    assert {m["kind"] for m in manifests} == {"ServiceAccount", "Role", "RoleBinding"}


def test_the_runner_pushes_to_where_the_server_looks(rendered: Rendered) -> None:
    paths = {
        mount["mountPath"]
        for mount in the_server(rendered("base"))["volumeMounts"]
        if mount["name"] == "models"
    }
    assert paths == {deployment.MODELS_FOLDER}
