"""Defines which versions are served, and by which labels."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from serving import model_config
from version_store import versions

STABLE, CANARY = "stable", "canary"
"""The labels by which callers ask for the proven version, and for the one on trial.

They are TensorFlow Serving's `version_labels`. Without a canary on trial both name
the same version, so that requests for the canary always get an answer. A request that
names neither a label nor a version gets the highest loaded version, whatever its label
(tensorflow_serving/core/manager.h, `ServableRequest::Latest`).
"""


@dataclass(frozen=True)
class Serving:
    """The versions of a model that servers load, and their labels.

    Attributes:
        versions: The loaded versions.
        labels: The versions by label; empty if there are no labels.
        pinned: Whether the configuration names single versions.
    """

    versions: frozenset[int] = frozenset()
    labels: Mapping[str, int] = field(default_factory=dict)
    pinned: bool = False

    @property
    def stable(self) -> int | None:
        """The version to compare a new one with: the labelled one, else the highest."""
        if STABLE in self.labels:
            return self.labels[STABLE]
        return max(self.versions, default=None)

    @property
    def canary(self) -> int | None:
        """The version on trial; None if there is none.

        A loaded version without a label counts as the canary: its push, or a later
        step, was interrupted.
        """
        if STABLE not in self.labels:
            return None
        labelled = self.labels.get(CANARY)
        if labelled not in (None, self.stable):
            return labelled
        return max(self.versions - set(self.labels.values()), default=None)

    def labels_of(self, number: int) -> tuple[str, ...]:
        """Returns the labels of a version; `canary` only if it is on trial."""
        found = [name for name, one in sorted(self.labels.items()) if one == number]
        if STABLE in found and CANARY in found:
            found.remove(CANARY)
        return tuple(found)


def serving(base: str, config: str | None = None) -> Serving:
    """Returns what is served of a model.

    Without a configuration it is the highest version, as on a server with default
    settings. With a configuration it is what the model's `model_version_policy` and
    `version_labels` name (tensorflow_serving/config/model_server_config.proto).

    Args:
        base: The model's folder.
        config: The server's `--model_config_file`; a model that is not in it is not
            served. None: `models.config` beside the models, if it exists and has the
            model.

    Raises:
        BadInputError: The file cannot be read.
    """
    return serving_of(base, versions.list_versions(base), config)


def serving_of(base: str, numbers: Sequence[int], config: str | None = None) -> Serving:
    """Returns what is served if these versions exist; see `serving`."""
    models, model = os.path.split(os.path.abspath(base))
    path = config or model_config.path_in(models)
    highest = Serving(frozenset(sorted(numbers)[-1:]))
    if config is None and not os.path.exists(path):
        return highest
    found = model_config.find(model_config.read(path), model)
    if found is None:
        return highest if config is None else Serving()
    there = set(numbers)
    labels = {k: v for k, v in found.version_labels.items() if v in there}
    policy = found.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    if kind == "specific":
        wanted = set(policy.specific.versions)
    elif kind == "all":
        wanted = there
    else:
        wanted = set(sorted(numbers)[-max(1, policy.latest.num_versions) :])
    wanted |= set(labels.values())
    return Serving(frozenset(wanted & there), labels, kind == "specific")
