"""Flink on a cluster: references between objects, and allowed connections."""

import os
import re
import shlex
import subprocess
import sys
from typing import Any

import pytest
import yaml

from runner.kubeflow import deployment
from tests.engines import page
from tests.k8s.conftest import Rendered
from tests.k8s.pods import containers, flag, pod_specs, port_numbers
from tests.k8s.rendering import ROOT, Manifest, of_kind, the

NODE = {"pipelines.kubeflow.org/v2_component": "true"}
"""The label of every pod of a run (kubeflow/pipelines: argocompiler/argo.go)."""

KEPT = """
import mmap
import threading

def resident():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * mmap.PAGESIZE

def work(done, end):
    freed = [b"x" * (96 << 10) for _ in range(100)]
    kept.append(b"x" * (96 << 10))
    del freed
    done.set()
    end.wait()

kept, end = [], threading.Event()
before = resident()
for _ in range(8):
    done = threading.Event()
    threading.Thread(target=work, args=(done, end)).start()
    done.wait()
print((resident() - before) >> 20)
end.set()
"""
"""Prints the MB that a process keeps after eight threads, one after the other, used
10 MB each and freed all but their last 96 KB."""


@pytest.fixture
def manifests(rendered: Rendered) -> list[Manifest]:
    return rendered("flink")


@pytest.fixture
def config(manifests: list[Manifest]) -> dict[str, Any]:
    text = the(manifests, "ConfigMap")["data"]["config.yaml"]
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def container(manifests: list[Manifest], name: str) -> Manifest:
    (found,) = (
        each
        for _, pod in pod_specs(manifests)
        for each in containers(pod)
        if each["name"] == name
    )
    return found


def labels(manifests: list[Manifest], deployment: str) -> dict[str, str]:
    template = the(manifests, "Deployment", deployment)["spec"]["template"]
    found: dict[str, str] = template["metadata"]["labels"]
    return found


def services(manifests: list[Manifest]) -> set[str]:
    """Returns the addresses of the Services."""
    return {
        f"{service['metadata']['name']}:{port['port']}"
        for service in of_kind(manifests, "Service")
        for port in service["spec"]["ports"]
    }


def test_services_lead_to_the_ports_of_their_pods(manifests: list[Manifest]) -> None:
    for service in of_kind(manifests, "Service"):
        pod = the(manifests, "Deployment", service["metadata"]["name"])
        assert (
            service["spec"]["selector"].items()
            <= labels(manifests, pod["metadata"]["name"]).items()
        )
        (only,) = pod["spec"]["template"]["spec"]["containers"]
        numbers = port_numbers(only)
        for port in service["spec"]["ports"]:
            assert numbers[port["targetPort"]] == port["port"]


def test_runs_are_told_the_services_and_the_pool_beside_a_taskmanager(
    manifests: list[Manifest],
) -> None:
    engine = deployment.ENGINE
    assert {engine["endpoint"], engine["flink_rest"]} <= services(manifests)
    pool = container(manifests, "worker-pool")
    assert engine["workers"] == f"localhost:{flag(pool, 'service_port')}"


def test_flink_is_told_the_services_and_ports(
    manifests: list[Manifest], config: dict[str, Any]
) -> None:
    jobmanager = container(manifests, "jobmanager")
    assert port_numbers(jobmanager) == {
        "rpc": config["jobmanager.rpc.port"],
        "blob": config["blob.server.port"],
        "rest": config["rest.port"],
    }
    assert port_numbers(container(manifests, "taskmanager")) == {
        "rpc": config["taskmanager.rpc.port"],
        "data": config["taskmanager.data.port"],
    }
    for port in ("jobmanager.rpc.port", "blob.server.port"):
        assert f"{config['jobmanager.rpc.address']}:{config[port]}" in services(
            manifests
        )
    server = container(manifests, "job-server")
    assert flag(server, "flink-master") in services(manifests)
    for port in ("job-port", "artifact-port"):
        address = f"{flag(server, 'job-host')}:{flag(server, port)}"
        assert address in services(manifests)


def test_a_taskmanager_has_the_heap_that_it_counts_on(
    manifests: list[Manifest], config: dict[str, Any]
) -> None:
    (heap,) = re.findall(
        r"-Xmx(\d+)m", " ".join(container(manifests, "taskmanager")["command"])
    )
    counted = [
        config[f"taskmanager.memory.{part}.heap.size"] for part in ("task", "framework")
    ]
    assert int(heap) == sum(int(size.removesuffix("m")) for size in counted)


def variables_of_the_pool(manifests: list[Manifest]) -> dict[str, str]:
    pool = container(manifests, "worker-pool")
    return {each["name"]: each["value"] for each in pool["env"]}


def test_the_threads_of_a_worker_share_the_memory_that_one_of_them_freed(
    manifests: list[Manifest],
) -> None:
    kept = subprocess.run(
        [sys.executable, "-c", KEPT],
        env={**os.environ, **variables_of_the_pool(manifests)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(kept.stdout) < 20


def test_the_page_starts_its_pool_with_the_same_variables(
    manifests: list[Manifest],
) -> None:
    (pool,) = (each for each in page.commands() if "worker_pool_main" in each)
    words = shlex.split(pool)
    named = dict(word.split("=", 1) for word in words[: words.index("python")])
    del named["PATH"]
    assert named == variables_of_the_pool(manifests)


def test_workers_and_nodes_have_the_volume_at_the_same_path(
    manifests: list[Manifest],
) -> None:
    mounts = {
        mount["mountPath"]: mount["name"]
        for mount in container(manifests, "worker-pool")["volumeMounts"]
    }
    pod = the(manifests, "Deployment", "flink-taskmanager")["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    claim = volumes[mounts[deployment.BEAM_FOLDER]]["persistentVolumeClaim"]
    assert claim == {"claimName": deployment.Deployment("image").beam_volume}


def test_flink_is_the_version_that_is_tried(manifests: list[Manifest]) -> None:
    pom = (ROOT / "tests" / "engines" / "flink" / "pom.xml").read_text()
    (flink, beam) = re.findall(
        r"beam-runners-flink-([\d.]+)</artifactId>\s*<version>([\d.]+)<", pom
    )[0]
    image = f"apache/beam_flink{flink}_job_server:{beam}"
    for name in ("jobmanager", "taskmanager", "job-server"):
        assert container(manifests, name)["image"] == image


def reached_by(
    manifests: list[Manifest], target: dict[str, str], caller: dict[str, str]
) -> set[str] | None:
    """Returns a pod's ports that policies open to a caller; None: without a policy.

    Only selectors of pod labels in the same namespace are understood.
    """
    about = [
        policy["spec"]
        for policy in of_kind(manifests, "NetworkPolicy")
        if policy["spec"]["podSelector"]["matchLabels"].items() <= target.items()
    ]
    if not about:
        return None
    return {
        port["port"]
        for spec in about
        for rule in spec["ingress"]
        if any(
            peer["podSelector"]["matchLabels"].items() <= caller.items()
            for peer in rule["from"]
        )
        for port in rule["ports"]
    }


@pytest.mark.parametrize(
    ("target", "caller", "ports"),
    [
        ("beam-job-server", "node", {"job", "artifacts"}),
        ("beam-job-server", "flink-taskmanager", set()),
        ("beam-job-server", "anybody", set()),
        ("flink-jobmanager", "node", {"rest"}),
        ("flink-jobmanager", "beam-job-server", {"rest"}),
        ("flink-jobmanager", "flink-taskmanager", {"rpc", "blob"}),
        ("flink-jobmanager", "anybody", set()),
        ("flink-taskmanager", "flink-jobmanager", {"rpc"}),
        ("flink-taskmanager", "flink-taskmanager", {"data"}),
        ("flink-taskmanager", "node", set()),
        ("flink-taskmanager", "anybody", set()),
    ],
)
def test_each_door_is_for_somebody_named(
    manifests: list[Manifest], target: str, caller: str, ports: set[str]
) -> None:
    callers = {"node": NODE, "anybody": {"app.kubernetes.io/name": "curious"}}
    calling = callers.get(caller) or labels(manifests, caller)
    assert reached_by(manifests, labels(manifests, target), calling) == ports


def test_every_pod_has_a_policy_whose_ports_it_has(manifests: list[Manifest]) -> None:
    for policy in of_kind(manifests, "NetworkPolicy"):
        name = policy["metadata"]["name"]
        pod = the(manifests, "Deployment", name)["spec"]["template"]["spec"]
        named = {
            port["name"] for each in pod["containers"] for port in each.get("ports", [])
        }
        assert {
            port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]
        } <= named
    names = {m["metadata"]["name"] for m in of_kind(manifests, "Deployment")}
    assert names == {m["metadata"]["name"] for m in of_kind(manifests, "NetworkPolicy")}
