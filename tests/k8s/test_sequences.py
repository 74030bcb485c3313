"""The apply and delete commands of docs/deploy.md, in every order."""

import copy
import itertools
from collections.abc import Iterator

import pytest

from tests.k8s import documented
from tests.k8s.apiserver import ApiServer, FieldIsImmutable
from tests.k8s.conftest import Rendered
from tests.k8s.documented import Command
from tests.k8s.rendering import KUSTOMIZATIONS, Manifest, of_kind, the

# A `delete` makes room for the next `apply`, so both are done together.
Step = tuple[Command, ...]

STORAGE = (
    *("storage", "storage/beam", "storage/data", "storage/requests"),
    *("overlays/local-beam", "overlays/local-data", "overlays/local-storage"),
)


def steps(commands: list[Command]) -> list[Step]:
    """Returns a section's commands; those that belong together are one step."""
    found: list[Step] = []
    open_: Step = ()
    for command in commands:
        open_ = (*open_, command)
        if command.verb == "apply":
            found.append(open_)
            open_ = ()
    return [*found, open_] if open_ else found


def stories() -> Iterator[tuple[str, list[Step]]]:
    """Yields (name, steps) of every sequence that the page allows in one namespace."""
    sections = documented.sections()
    for title, variants in sections.items():
        for number, commands in enumerate(variants):
            yield f"{title} {number}", steps(commands)
    # One cluster and one namespace: with Kubeflow, then production, then KServe.
    kubeflow = Command("apply", "team-a", "my-kubeflow")
    for commands in sections["KServe"]:
        together = [*sections["Production"][0], kubeflow, *commands]
        yield "Production with Kubeflow and KServe", steps(together)


STORIES = dict(stories())


def manifests_of(command: Command, rendered: Rendered) -> list[Manifest]:
    return rendered(command.folder.removeprefix("k8s/"))


def do(server: ApiServer, step: Step, rendered: Rendered) -> None:
    for command in step:
        act = getattr(server, command.verb)
        act(manifests_of(command, rendered), command.namespace)


@pytest.mark.parametrize("name", STORIES)
def test_any_order_ends_with_the_same_claims(rendered: Rendered, name: str) -> None:
    ends = []
    for order in itertools.permutations(STORIES[name]):
        server = ApiServer()
        for step in order:
            do(server, step, rendered)
        ends.append(server.claims())
    assert all(end == ends[0] for end in ends)


def test_the_page_is_done_from_top_to_bottom(rendered: Rendered) -> None:
    server = ApiServer()
    for variants in documented.sections().values():
        for command in variants[0]:
            if command.namespace == "mnist":
                do(server, (command,), rendered)
    names = [name for _, _, name in server.claims()]
    assert sorted(names) == ["mnist-data", "mnist-models"]


def test_the_quickstart_asks_for_what_one_node_has(rendered: Rendered) -> None:
    server = ApiServer()
    (commands,) = documented.sections()["From an empty cluster to a prediction"]
    for command in commands:
        do(server, (command,), rendered)
    # The storage class of kind and minikube offers only this mode; others would wait.
    modes = [spec["accessModes"] for spec in server.claims().values()]
    assert modes == [["ReadWriteOnce"]]


def test_applied_again_nothing_changes_that_cannot(rendered: Rendered) -> None:
    for name in KUSTOMIZATIONS:
        server = ApiServer()
        server.apply(rendered(name), "team-a")
        server.apply(rendered(name), "team-a")


@pytest.mark.parametrize("deleted", [n for n in KUSTOMIZATIONS if n not in STORAGE])
def test_what_is_deleted_takes_no_claim_along(rendered: Rendered, deleted: str) -> None:
    server = ApiServer()
    server.apply(rendered("storage"), "kubeflow")
    server.apply(rendered("storage/data"), "kubeflow")
    before = server.claims()
    assert len(before) == 2
    server.apply(rendered(deleted), "kubeflow")
    server.delete(rendered(deleted), "kubeflow")
    assert server.claims() == before


def test_what_the_page_deletes_takes_no_claim_along(rendered: Rendered) -> None:
    deletes = [
        command
        for variants in documented.sections().values()
        for command in variants[0]
        if command.verb == "delete"
    ]
    assert deletes
    for command in deletes:
        found = manifests_of(command, rendered)
        assert of_kind(found, "PersistentVolumeClaim") == [], command.folder


def test_what_is_deleted_takes_nothing_along_that_others_need(
    rendered: Rendered,
) -> None:
    # Variants of the same objects (local, production: base) are left out.
    parts = (
        "base",
        "collector",
        "flink",
        "kserve",
        "kubeflow",
        "storage",
        "storage/beam",
        "storage/data",
        "storage/requests",
        "toolbox",
        "train",
    )
    for one, other in itertools.combinations(parts, 2):
        both = [
            {(m["kind"], m["metadata"]["name"]) for m in rendered(name)}
            for name in (one, other)
        ]
        # Only kustomize and people read the model's name.
        assert both[0] & both[1] <= {("ConfigMap", "model")}, (one, other)


def test_continuous_delivery_is_told_to_leave_the_claims(rendered: Rendered) -> None:
    for name in STORAGE:
        claim = the(rendered(name), "PersistentVolumeClaim")
        assert claim["metadata"]["annotations"] == {
            "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
            "kustomize.toolkit.fluxcd.io/prune": "disabled",
        }


class TestTheStandIn:
    """It refuses what an API server refuses; the tests above rely on that."""

    def test_another_access_mode(self, rendered: Rendered) -> None:
        server = ApiServer()
        server.apply(rendered("overlays/local-storage"), "mnist")
        with pytest.raises(FieldIsImmutable, match="PersistentVolumeClaim/mnist-mod"):
            server.apply(rendered("storage"), "mnist")

    def test_another_storage_class(self, rendered: Rendered) -> None:
        server = ApiServer()
        server.apply(rendered("storage"), "team-a")
        with pytest.raises(FieldIsImmutable, match="mnist-models: spec"):
            server.apply(rendered("my-storage"), "team-a")

    def test_but_not_more_storage(self, rendered: Rendered) -> None:
        server = ApiServer()
        server.apply(rendered("storage"), "team-a")
        larger = copy.deepcopy(rendered("storage"))
        larger[0]["spec"]["resources"]["requests"]["storage"] = "10Gi"
        server.apply(larger, "team-a")

    def test_another_template_of_a_job(self, rendered: Rendered) -> None:
        server = ApiServer()
        server.apply(rendered("train"), "mnist")
        with pytest.raises(FieldIsImmutable, match=r"Job/train: spec\.template"):
            server.apply(rendered("my-train"), "mnist")

    def test_another_selector(self, rendered: Rendered) -> None:
        server = ApiServer()
        server.apply(rendered("base"), "mnist")
        other = copy.deepcopy(rendered("base"))
        the(other, "Deployment")["spec"]["selector"]["matchLabels"] = {"app": "x"}
        with pytest.raises(FieldIsImmutable, match=r"model-server: spec\.selector"):
            server.apply(other, "mnist")

    def test_the_same_in_another_namespace_is_something_else(
        self, rendered: Rendered
    ) -> None:
        server = ApiServer()
        server.apply(rendered("storage"), "one")
        server.apply(rendered("overlays/local-storage"), "two")
        assert len(server.claims()) == 2
