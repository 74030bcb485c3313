"""docs/deploy.md names existing folders, flags and images."""

import re

import yaml

from runner.kubeflow.cli import submit
from tests.k8s.conftest import Rendered
from tests.k8s.documented import PAGE
from tests.k8s.pods import the_server
from tests.k8s.rendering import K8S, KUSTOMIZATIONS, ROOT, SHARED, the

CLIENT = ROOT / "serving" / "client" / "cli.py"
TEXT = PAGE.read_text()


def found(pattern: str) -> set[str]:
    matches = set(re.findall(pattern, TEXT))
    assert matches, pattern
    return matches


def test_every_folder_that_is_named_is_there() -> None:
    for path in found(r"(?<!/)k8s/[\w/.-]+\w"):
        assert (ROOT / path).exists(), path


def test_every_folder_that_is_there_is_named() -> None:
    applied = {
        str(file.parent.relative_to(K8S))
        for file in K8S.rglob("kustomization.yaml")
        if "kind: Kustomization" in file.read_text()
    }
    assert applied == {*KUSTOMIZATIONS, *SHARED}
    for name in KUSTOMIZATIONS:
        assert re.search(rf"^\|.*`k8s/{name}`.*\|", TEXT, re.MULTILINE), name
    for component in (K8S / "components").iterdir():
        assert f"`{component.name}`" in TEXT, component


def test_the_images_are_the_manifests(rendered: Rendered) -> None:
    images = found(r"(?:docker.io/tensorflow/serving|mnist-tfx-pipeline):[\d.]+\d")
    assert images == {
        the_server(rendered(name))["image"] for name in ("base", "overlays/local")
    }


def test_the_flags_of_submit_are_submits() -> None:
    (command,) = found(r"kubeflow_runner\.py submit ((?:.*\\\n)*.*)")
    known = {flag for param in submit.params for flag in param.opts}
    assert set(re.findall(r"--[a-z-]+", command)) <= known


def test_the_flags_of_the_client_are_the_clients() -> None:
    known = set(re.findall(r"--[a-z-]+", CLIENT.read_text()))
    for command in found(r"python -m serving\.client ((?:.*\\\n)*.*)"):
        assert set(re.findall(r"--[a-z-]+", command)) <= known


def test_what_apply_is_told_to_forget_is_what_production_leaves_out(
    rendered: Rendered,
) -> None:
    (line,) = found(r"sed '/(.+)/d' \| kubectl -n team-a apply set-last-applied")
    # `view-last-applied` prints the object as YAML, with its keys in order.
    deployment = yaml.safe_dump(the(rendered("base"), "Deployment"))
    kept = [text for text in deployment.splitlines() if not re.search(line, text)]
    without = yaml.safe_load("\n".join(kept))
    assert without["spec"].pop("replicas", None) is None
    assert len(deployment.splitlines()) - len(kept) == 1
    assert "replicas" not in the(rendered("overlays/production"), "Deployment")["spec"]


def test_the_names_before_are_those_that_are_taken_away() -> None:
    (command,) = found(r"delete --ignore-not-found (deployment/(?:.*\\\n)*.*)")
    names = re.findall(r"(\w+)/(\S+)", command)
    assert len(names) == 10
    # Claims are never deleted, nor are objects with a current name.
    assert {kind for kind, _ in names} & {"persistentvolumeclaim", "pvc"} == set()
    assert all(name.startswith("mnist-") for _, name in names)
