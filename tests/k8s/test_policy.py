"""A namespace with the restricted Pod Security profile would admit all pods."""

import copy
from typing import Any

import pytest

from tests.k8s.pods import pod_specs
from tests.k8s.policy import hardening, violations
from tests.k8s.rendering import Manifest

GOOD: Manifest = {
    "automountServiceAccountToken": False,
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "containers": [
        {
            "name": "c",
            "image": "registry.example:5000/image:1.0",
            "command": ["true"],
            "resources": {
                "requests": {"cpu": "1", "memory": "1Gi"},
                "limits": {"memory": "1Gi"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        }
    ],
    "volumes": [{"name": "v", "emptyDir": {}}],
}

_POD = ("securityContext",)
_CONTAINER = ("containers", 0)
_CONTEXT = (*_CONTAINER, "securityContext")


def changed(path: tuple[Any, ...], value: Any) -> Manifest:
    """Returns GOOD with the value at `path` replaced, or removed if it is None."""
    pod = copy.deepcopy(GOOD)
    at: Any = pod
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return pod


def test_all_pods_keep_to_the_restricted_profile(manifests: list[Manifest]) -> None:
    assert {name: violations(pod) for name, pod in pod_specs(manifests)} == {
        name: [] for name, _ in pod_specs(manifests)
    }


def test_all_pods_are_as_hard_as_the_project_wants(manifests: list[Manifest]) -> None:
    assert {name: hardening(pod) for name, pod in pod_specs(manifests)} == {
        name: [] for name, _ in pod_specs(manifests)
    }


def test_a_good_pod_breaks_nothing() -> None:
    assert violations(GOOD) == []
    assert hardening(GOOD) == []


@pytest.mark.parametrize(
    ("path", "value", "breach"),
    [
        (("hostNetwork",), True, "hostNetwork"),
        (("hostPID",), True, "hostPID"),
        (("hostIPC",), True, "hostIPC"),
        (
            ("volumes", 0),
            {"name": "v", "hostPath": {"path": "/"}},
            "volume v of type hostPath",
        ),
        (("volumes", 0), {"name": "v", "nfs": {}}, "volume v of type nfs"),
        ((*_POD, "sysctls"), [{"name": "kernel.msgmax"}], "sysctl kernel.msgmax"),
        ((*_POD, "runAsUser"), 0, "runAsUser 0"),
        ((*_POD, "runAsNonRoot"), None, "c: runAsNonRoot is not true"),
        ((*_POD, "seccompProfile"), None, "c: no seccompProfile"),
        (
            (*_POD, "seccompProfile"),
            {"type": "Unconfined"},
            "seccompProfile Unconfined",
        ),
        ((*_POD, "windowsOptions"), {"hostProcess": True}, "hostProcess"),
        (
            (*_POD, "seLinuxOptions"),
            {"type": "spc_t"},
            "seLinuxOptions type spc_t",
        ),
        ((*_POD, "seLinuxOptions"), {"user": "root"}, "seLinuxOptions user root"),
        ((*_POD, "seLinuxOptions"), {"role": "r"}, "seLinuxOptions role r"),
        ((*_CONTEXT, "privileged"), True, "c: privileged"),
        (
            (*_CONTEXT, "allowPrivilegeEscalation"),
            None,
            "c: allowPrivilegeEscalation is not false",
        ),
        ((*_CONTEXT, "procMount"), "Unmasked", "c: procMount Unmasked"),
        ((*_CONTEXT, "capabilities"), None, "c: capabilities: ALL is not dropped"),
        (
            (*_CONTEXT, "capabilities", "add"),
            ["SYS_ADMIN", "NET_BIND_SERVICE"],
            "c: capability SYS_ADMIN is added",
        ),
        ((*_CONTEXT, "runAsUser"), 0, "c: runAsUser 0"),
        (
            (*_CONTEXT, "appArmorProfile"),
            {"type": "Unconfined"},
            "c: appArmorProfile Unconfined",
        ),
        (
            (*_CONTAINER, "ports"),
            [{"containerPort": 1, "hostPort": 80}],
            "c: hostPort 80",
        ),
        (
            (*_CONTAINER, "livenessProbe"),
            {"tcpSocket": {"port": 1, "host": "10.0.0.1"}},
            "c: livenessProbe.tcpSocket goes to host 10.0.0.1",
        ),
        (
            (*_CONTAINER, "lifecycle"),
            {"preStop": {"httpGet": {"port": 1, "host": "10.0.0.1"}}},
            "c: preStop.httpGet goes to host 10.0.0.1",
        ),
    ],
)
def test_each_control_is_checked(
    path: tuple[Any, ...], value: Any, breach: str
) -> None:
    assert violations(changed(path, value)) == [breach]


def test_a_container_that_overrules_the_pod_is_seen() -> None:
    assert violations(changed((*_CONTEXT, "runAsNonRoot"), False)) == [
        "c: runAsNonRoot false",
        "c: runAsNonRoot is not true",
    ]


def test_init_containers_are_no_way_around() -> None:
    pod = copy.deepcopy(GOOD)
    pod["initContainers"] = [{"name": "i", "image": "i:1"}]
    assert violations(pod) == [
        "i: allowPrivilegeEscalation is not false",
        "i: capabilities: ALL is not dropped",
    ]


@pytest.mark.parametrize(
    ("path", "value", "missing"),
    [
        (("automountServiceAccountToken",), None, "the account's token is mounted"),
        ((*_POD, "runAsUser"), 1000, "runAsUser is not the image's 65532"),
        ((*_POD, "fsGroup"), None, "fsGroup is not the image's 65532"),
        (
            (*_CONTEXT, "readOnlyRootFilesystem"),
            None,
            "c: the root file system can be written",
        ),
        ((*_CONTAINER, "command"), None, "c: no command of its own"),
        ((*_CONTAINER, "image"), "image:latest", "c: the image is not pinned"),
        ((*_CONTAINER, "image"), "host:5000/image", "c: the image is not pinned"),
        ((*_CONTAINER, "image"), "image", "c: the image is not pinned"),
        (
            (*_CONTAINER, "resources", "requests"),
            {"memory": "1Gi"},
            "c: no request for CPU",
        ),
        (
            (*_CONTAINER, "resources", "limits"),
            {},
            "c: memory's request and limit differ",
        ),
    ],
)
def test_each_wish_of_the_project_is_checked(
    path: tuple[Any, ...], value: Any, missing: str
) -> None:
    assert hardening(changed(path, value)) == [missing]
