"""Computes the ids of Argo's nodes and the names of their pods.

KFP's API gives a node's children by their Argo ids, which are digests of the nodes'
full names (argo-workflows: pkg/apis/workflow/v1alpha1, `NodeID`). A pod's name consists
of a node's template and the same digest (kubeflow/pipelines:
backend/src/common/util/workflow.go, `RetrievePodName`). So this module tries all
possible names to find both.

From 2.17 on, KFP configures Argo to retry each level, so that every name has a number:
`W(0).root(0).Trainer(0).executor(0)`. Before 2.17, only the executors of tasks that ask
for retries have a number: `W.root.Trainer.executor(0)`.
"""

from collections.abc import Iterable, Iterator

_MOST_ATTEMPTS = 10

_LIKELY_ATTEMPTS = 3
"""Assumed number of tries on a level without known ids: KFP allows two retries."""

# The names in KFP's compiler (backend/src/v2/compiler/argocompiler: container.go,
# importer.go). Tasks that ask for retries use the first one; the API does not say which
# one a task uses.
_EXECUTOR_TEMPLATES = ("retry-system-container-impl", "system-container-impl")
_DRIVER_TEMPLATE = "system-container-driver"
_IMPORTER_TEMPLATE = "system-importer"


class Workflow:
    """The nodes of one run whose Argo ids are known."""

    def __init__(self, ids: Iterable[str]) -> None:
        """Takes the ids from the API; without any id, no pod can be found."""
        self._known = frozenset(ids)
        self._name = next(iter(self._known), "").rpartition("-")[0]
        self._numbers_all = self._is_known(f"{self._name}(0)")

    def driver_pods(self, task: str) -> tuple[str, ...]:
        """Returns possible names of the pod of a task's driver, last try first."""
        return tuple(
            self._pod(name, _DRIVER_TEMPLATE)
            for root in self._roots()
            for name in self._attempts(f"{root}.{task}-driver")
        )

    def executor_pods(self, task: str) -> tuple[str, ...]:
        """Returns possible names of a task's pod, last try first.

        If the API's list has executors of the task, returns only their names.
        Otherwise, as the list may stop before the run does, returns all likely names.
        """
        known = [
            self._pod(name, template)
            for of_task in self._tries_of(task)
            for name in self._attempts(f"{of_task}.executor")
            if self._is_known(name)
            for template in _EXECUTOR_TEMPLATES
        ]
        # An importer is a single pod, not a group with an executor.
        importer = [
            self._pod(of_task, _IMPORTER_TEMPLATE)
            for of_task in self._tries_of(task)
            if self._is_known(of_task)
        ]
        return tuple(known or [*importer, *self._guesses(task)])

    def is_answered(self, task: str, *, asks_for_retries: bool) -> bool:
        """Tells whether the result came from KFP's cache: the executor has no try then.

        Args:
            task: A task that is done; its last try in the last pass counts.
            asks_for_retries: Whether the task asks for retries. If not, up to KFP 2.16
                its executor is a pod itself and looks the same when it was skipped;
                then it counts as one that ran.
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
        tries = [f"({n})" for n in reversed(range(_LIKELY_ATTEMPTS))]
        for root in self._roots():
            for of_task in tries if self._numbers_all else [""]:
                for of_executor in tries if self._numbers_all else [*tries, ""]:
                    name = f"{root}.{task}{of_task}.executor{of_executor}"
                    for template in _EXECUTOR_TEMPLATES:
                        yield self._pod(name, template)

    def _roots(self) -> list[str]:
        """Returns the names of the root in each pass over the pipeline, last first."""
        if not self._name:
            return []
        return [
            root
            for workflow in self._attempts(self._name)
            for root in self._attempts(f"{workflow}.root")
        ]

    def _attempts(self, name: str) -> list[str]:
        """Returns the names of a node's tries, last first; its own name if none."""
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
