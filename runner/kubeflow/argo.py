"""What Argo calls nodes and pods, computed as it does.

KFP's API tells a node's children by their Argo ids, and those are digests of the
nodes' full names (argo-workflows: pkg/apis/workflow/v1alpha1, `NodeID`); a pod's
name is made of a node's template and the same digest (kubeflow/pipelines:
backend/src/common/util/workflow.go, `RetrievePodName`). So both are found by
trying the names that there can be.

From 2.17 on KFP's own configuration of Argo lets each level be tried again, so
that every name has a number there: `W(0).root(0).Trainer(0).executor(0)`. Before,
only the executors of tasks that ask for retries had: `W.root.Trainer.executor(0)`.
"""

from collections.abc import Iterable, Iterator

_MOST_ATTEMPTS = 10

_LIKELY_ATTEMPTS = 3
"""Of a level where nothing is told: KFP's own limit is two retries."""

# As KFP's compiler calls them (backend/src/v2/compiler/argocompiler: container.go,
# importer.go). The first is of tasks that ask for retries, and which is which the
# API does not tell.
_EXECUTOR_TEMPLATES = ("retry-system-container-impl", "system-container-impl")
_DRIVER_TEMPLATE = "system-container-driver"
_IMPORTER_TEMPLATE = "system-importer"


class Workflow:
    """The nodes of one run, as far as their ids are known."""

    def __init__(self, ids: Iterable[str]) -> None:
        """Takes the ids that the API tells, at least one if a pod is to be found."""
        self._known = frozenset(ids)
        self._name = next(iter(self._known), "").rpartition("-")[0]
        self._numbers_all = self._is_known(f"{self._name}(0)")

    def driver_pods(self, task: str) -> tuple[str, ...]:
        """Returns what the pod of a task's driver may be called, last try first."""
        return tuple(
            self._pod(name, _DRIVER_TEMPLATE)
            for root in self._roots()
            for name in self._attempts(f"{root}.{task}-driver")
        )

    def executor_pods(self, task: str) -> tuple[str, ...]:
        """Returns what the pod of a task may be called, last try first.

        Those that are known to have been come alone; where none is known, as the
        API's list may stop before a run does, those that there can be.
        """
        known = [
            self._pod(name, template)
            for of_task in self._tries_of(task)
            for name in self._attempts(f"{of_task}.executor")
            if self._is_known(name)
            for template in _EXECUTOR_TEMPLATES
        ]
        # An importer is a pod and no group.
        importer = [
            self._pod(of_task, _IMPORTER_TEMPLATE)
            for of_task in self._tries_of(task)
            if self._is_known(of_task)
        ]
        return tuple(known or [*importer, *self._guesses(task)])

    def is_answered(self, task: str, *, asks_for_retries: bool) -> bool:
        """Tells whether KFP's cache has answered: the executor has no try then.

        Args:
            task: One that is done; its last try in the last pass counts.
            asks_for_retries: Up to KFP 2.16 the executor of a task that asks for none
                is a pod itself, and not told from one that was skipped. It counts as
                one that ran.
        """
        executors = [f"{of_task}.executor" for of_task in self._tries_of(task)][:1]
        return any(
            self._is_known(executor)
            and self._attempts(executor) == [executor]
            and (asks_for_retries or self._numbers_all)
            for executor in executors
        )

    def _tries_of(self, task: str) -> list[str]:
        return [
            of_task
            for root in self._roots()
            for of_task in self._attempts(f"{root}.{task}")
        ]

    def _guesses(self, task: str) -> Iterator[str]:
        if not self._name:
            return
        tries = [f"({n})" for n in reversed(range(_LIKELY_ATTEMPTS))]
        for root in self._roots():
            for of_task in tries if self._numbers_all else [""]:
                for of_executor in tries if self._numbers_all else [*tries, ""]:
                    name = f"{root}.{task}{of_task}.executor{of_executor}"
                    for template in _EXECUTOR_TEMPLATES:
                        yield self._pod(name, template)

    def _roots(self) -> list[str]:
        """Returns the passes over the pipeline, last one first."""
        if not self._name:
            return []
        return [
            root
            for workflow in self._attempts(self._name)
            for root in self._attempts(f"{workflow}.root")
        ]

    def _attempts(self, name: str) -> list[str]:
        """Returns a node's tries, last one first; itself where it has none."""
        tries = [f"{name}({n})" for n in reversed(range(_MOST_ATTEMPTS))]
        return [each for each in tries if self._is_known(each)] or [name]

    def _is_known(self, name: str) -> bool:
        return f"{self._name}-{fnv1a(name)}" in self._known

    def _pod(self, name: str, template: str) -> str:
        return f"{self._name}-{template}-{fnv1a(name)}"


def fnv1a(text: str) -> int:
    """Returns the 32-bit FNV-1a hash of a text (draft-eastlake-fnv)."""
    digest = 0x811C9DC5
    for byte in text.encode():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return digest
