"""Which versions are served, and by which label: the one definition of it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from serving import model_config
from version_store import versions

STABLE, CANARY = "stable", "canary"
"""The labels by which callers ask for the proven version, and for the one on trial.

They are TensorFlow Serving's `version_labels`. Where no canary is on trial both name
one version, so that who asks for the canary always gets an answer. A request that names
neither a label nor a version gets the highest version that is loaded, whatever its
label (tensorflow_serving/core/manager.h, `ServableRequest::Latest`).
"""


@dataclass(frozen=True)
class Serving:
    """What servers do with the versions of a model.

    Attributes:
        versions: Those that are loaded.
        labels: The versions by their label; empty where nobody labelled any.
        pinned: Whether the configuration names the versions, one by one.
    """

    versions: frozenset[int] = frozenset()
    labels: Mapping[str, int] = field(default_factory=dict)
    pinned: bool = False

    @property
    def stable(self) -> int | None:
        """The version that has to be beaten: the labelled one, else the highest."""
        if STABLE in self.labels:
            return self.labels[STABLE]
        return max(self.versions, default=None)

    @property
    def canary(self) -> int | None:
        """The version on trial; None where there is none.

        One that is loaded and has no label yet is one: a push, or its next step, was
        interrupted.
        """
        if STABLE not in self.labels:
            return None
        labelled = self.labels.get(CANARY)
        if labelled not in (None, self.stable):
            return labelled
        return max(self.versions - set(self.labels.values()), default=None)

    def labels_of(self, number: int) -> tuple[str, ...]:
        """Returns what a version is called; the canary's only if it is one."""
        found = [name for name, one in sorted(self.labels.items()) if one == number]
        if STABLE in found and CANARY in found:
            found.remove(CANARY)
        return tuple(found)


def serving(base: str, config: str | None = None) -> Serving:
    """Returns what is served of a model.

    Without a configuration that is the highest version, as for a server with default
    settings. With one it is what the model's `model_version_policy` and its
    `version_labels` name (tensorflow_serving/config/model_server_config.proto).

    Args:
        base: The model's folder.
        config: The file that the server got as `--model_config_file`, of which a model
            that it does not have is not served; None: `models.config` beside the
            models, if it is there and has the model.

    Raises:
        BadInputError: The file cannot be read.
    """
    return serving_of(base, versions.list_versions(base), config)


def serving_of(base: str, numbers: Sequence[int], config: str | None = None) -> Serving:
    """Returns what is served where these versions are there; see `serving`."""
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
