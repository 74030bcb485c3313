"""What the pipeline's pods are allowed and given."""

import re

import pytest

from tests.k8s.conftest import Rendered
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


def test_the_launcher_finds_its_configuration(manifests: list[Manifest]) -> None:
    # By this very name, and with a root of a kind that KFP has.
    data = the(manifests, "ConfigMap", "kfp-launcher")["data"]
    assert re.match("(minio|s3|gs)://.+/", data["defaultPipelineRoot"])


def test_all_is_in_the_namespace_where_runs_are(manifests: list[Manifest]) -> None:
    assert {m["metadata"]["namespace"] for m in manifests} == {"kubeflow"}
