"""Checks a PodSpec by Kubernetes' Pod Security Standards, profile "restricted".

It has every control of
https://kubernetes.io/docs/concepts/security/pod-security-standards/ as of Kubernetes
1.34, including those of "baseline". Kubernetes itself checks them in namespaces with
the profile's label; here they are checked before.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tests.k8s.pods import containers
from tests.k8s.rendering import Manifest

_VOLUMES = frozenset(
    [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ]
)
_SYSCTLS = frozenset(
    [
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    ]
)
_APPARMOR = frozenset(["RuntimeDefault", "Localhost"])
_SECCOMP = frozenset(["RuntimeDefault", "Localhost"])
_SELINUX_TYPES = frozenset(
    ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"]
)


def violations(pod: Manifest) -> list[str]:
    """Returns every breach of the profile, in words; none for an admissible pod."""
    found = list(_of_pod(pod))
    for container in containers(pod):
        found += [
            f"{container['name']}: {breach}" for breach in _of_container(container, pod)
        ]
    return found


def _of_pod(pod: Manifest) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield field
    for volume in pod.get("volumes", []):
        for kind in volume.keys() - {"name"} - _VOLUMES:
            yield f"volume {volume['name']} of type {kind}"
    context = pod.get("securityContext", {})
    for sysctl in context.get("sysctls", []):
        if sysctl["name"] not in _SYSCTLS:
            yield f"sysctl {sysctl['name']}"
    yield from _of_either(context)


def _of_container(container: Manifest, pod: Manifest) -> Iterator[str]:
    context = container.get("securityContext", {})
    shared = pod.get("securityContext", {})
    yield from _of_either(context)
    if context.get("privileged"):
        yield "privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if context.get("procMount", "Default") != "Default":
        yield f"procMount {context['procMount']}"
    capabilities = context.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []):
        yield "capabilities: ALL is not dropped"
    for name in set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"capability {name} is added"
    if context.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot is not true"
    if "seccompProfile" not in context and "seccompProfile" not in shared:
        yield "no seccompProfile"
    for port in container.get("ports", []):
        if port.get("hostPort", 0):
            yield f"hostPort {port['hostPort']}"
    for where, handler in _handlers(container):
        if handler.get("host"):
            yield f"{where} goes to host {handler['host']}"


def _of_either(context: Manifest) -> Iterator[str]:
    """Yields breaches that a pod's and a container's securityContext can both have."""
    if context.get("runAsUser") == 0:
        yield "runAsUser 0"
    if context.get("runAsNonRoot") is False:
        yield "runAsNonRoot false"
    if context.get("windowsOptions", {}).get("hostProcess"):
        yield "hostProcess"
    for field, allowed in (
        ("appArmorProfile", _APPARMOR),
        ("seccompProfile", _SECCOMP),
    ):
        if field in context and context[field]["type"] not in allowed:
            yield f"{field} {context[field]['type']}"
    selinux = context.get("seLinuxOptions", {})
    if selinux.get("type", "") not in _SELINUX_TYPES:
        yield f"seLinuxOptions type {selinux['type']}"
    for field in ("user", "role"):
        if selinux.get(field):
            yield f"seLinuxOptions {field} {selinux[field]}"


def _handlers(container: Manifest) -> Iterator[tuple[str, Any]]:
    """Yields (where, handler) of every handler that kubelet calls by network."""
    named: dict[str, Any] = {
        name: container.get(name, {})
        for name in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    named.update(container.get("lifecycle", {}))
    for where, handlers in named.items():
        for kind in ("httpGet", "tcpSocket"):
            if kind in handlers:
                yield f"{where}.{kind}", handlers[kind]


def hardening(pod: Manifest) -> list[str]:
    """Returns the missing settings that this project requires beyond the profile."""
    found = []
    if pod.get("automountServiceAccountToken") is not False:
        found.append("the account's token is mounted")
    context = pod.get("securityContext", {})
    found += [
        f"{field} is not the image's 65532"
        for field in ("runAsUser", "runAsGroup", "fsGroup")
        if context.get(field) != 65532
    ]
    for container in containers(pod):
        found += [
            f"{container['name']}: {what}"
            for what, missing in _WANTED.items()
            if missing(container)
        ]
    return found


def _unpinned(container: Manifest) -> bool:
    _, colon, tag = container["image"].rpartition(":")
    return not colon or "/" in tag or tag == "latest"


_WANTED: dict[str, Callable[[Manifest], bool]] = {
    "the root file system can be written": lambda container: (
        container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True
    ),
    "no command of its own": lambda container: not container.get("command"),
    "the image is not pinned": _unpinned,
    "no request for CPU": lambda container: (
        "cpu" not in container.get("resources", {}).get("requests", {})
    ),
    "memory's request and limit differ": lambda container: (
        container.get("resources", {}).get("requests", {}).get("memory")
        != container.get("resources", {}).get("limits", {}).get("memory", "none")
    ),
}
