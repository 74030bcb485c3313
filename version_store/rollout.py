"""Which version is stable and which is the canary, in the servers' configuration.

TensorFlow Serving applies the labels of a configuration before its versions, and takes
nothing of it while a label names a version that is not AVAILABLE
(tensorflow_serving/model_servers/server_core.cc, `ReloadConfig` and
`UpdateModelVersionLabelMap`; `--allow_version_labels_for_unavailable_models` is for
labels that a server does not know yet, as when it starts). So a new version takes two
steps: one file has it loaded, and the next one, once the servers have it, labels it.
For the same reason one file is enough to move a label back and to have a version
unloaded: the label goes first.

Each step is one file, whole or not at all, and can be said again: what a kill leaves
between two steps is a version that is loaded and has no label. `base` is the model's
folder; nobody holds it, unless that is said.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from contract.waiting import told
from serving import model_config
from version_store import changes
from version_store.inventory import find_version, list_versions
from version_store.servers import NoServerError, NotConfirmedError, Servers
from version_store.serving_config import CANARY, STABLE, serving

LOCK_SECONDS = 60.0


def pin(base: str, servers: Servers) -> int | None:
    """Labels what is served now as stable, so that a newer version is not served.

    Without that servers take the highest version. To be called before a canary is
    there; waits until the servers know. Where none answers it waits for as long as
    ours take to read the file again.

    Returns:
        The version that is stable since now; None if there was one, or is none.

    Raises:
        NotConfirmedError: Servers answer, and do not read the file.
    """
    with changes.locked(base, LOCK_SECONDS):
        now = serving(base)
        if STABLE in now.labels or now.stable is None:
            return None
        _write(base, {STABLE: now.stable, CANARY: now.stable})
    try:
        servers.await_version(_model(base), now.stable, STABLE)
    except NoServerError:
        seconds = 2 * model_config.POLL_SECONDS
        with told(
            f"no server answers: waiting {seconds:g} s, for one that reads files"
        ):
            time.sleep(seconds)
    return now.stable


def load(base: str, version: int) -> None:
    """Has a version loaded beside those that are; while the folder is locked."""
    now = serving(base)
    if version not in now.versions:
        _write(base, now.labels, now.versions | {version})


def bring_up(base: str, version: int, label: str, servers: Servers) -> None:
    """Has a version loaded, and labels it once the servers have it.

    Raises:
        NotConfirmedError: They have not got it, and then it stays without a label; or
            do not say that it has it.
    """
    with loaded(base, version, servers):
        put(base, label, version)
    servers.await_version(_model(base), version, label)


@contextmanager
def loaded(base: str, version: int, servers: Servers) -> Iterator[None]:
    """Has a version loaded, and holds the model's folder once the servers have it.

    Raises:
        NotConfirmedError: They have not got it, or another change had it unloaded while
            they were asked: they would take nothing of a file that labels it. Or a
            person decided meanwhile that it is not to be served.
    """
    with changes.locked(base, LOCK_SECONDS):
        _refuse_held_back(base, version)
        load(base, version)
    servers.await_version(_model(base), version)
    with changes.locked(base, LOCK_SECONDS):
        if version not in serving(base).versions:
            raise NotConfirmedError(
                f"{_model(base)} version {version}: another change had it unloaded in "
                "the meantime"
            )
        _refuse_held_back(base, version)
        yield


def _refuse_held_back(base: str, version: int) -> None:
    """Raises NotConfirmedError if what was decided last is not to serve a version."""
    models, model = os.path.split(os.path.abspath(base))
    decision = find_version(list_versions(models, model), version).held_back
    if decision is not None:
        raise NotConfirmedError(f"{model}: in the meantime {decision}")


def put(base: str, label: str, version: int) -> None:
    """Labels a version that the servers have; while the folder is locked.

    What has no label after that is unloaded. A new stable version leaves a canary that
    is on trial where it is, unless it is the canary itself.
    """
    now = serving(base)
    labels = {**now.labels, label: version}
    if label == STABLE and now.labels.get(CANARY) in (None, now.stable, version):
        labels[CANARY] = version
    _write(base, labels)


def withdraw(base: str) -> None:
    """Has the canary unloaded; who asks for it gets the stable version.

    While the folder is locked.
    """
    now = serving(base)
    assert now.stable is not None
    _write(base, {**now.labels, CANARY: now.stable})


def _write(base: str, labels: Mapping[str, int], loaded: Iterable[int] = ()) -> None:
    models, model = os.path.split(os.path.abspath(base))
    with model_config.changed(models, model) as config:
        config.version_labels.clear()
        config.version_labels.update(labels)
        pinned = config.model_version_policy.specific
        pinned.versions[:] = sorted({*loaded, *labels.values()})


def _model(base: str) -> str:
    return os.path.basename(os.path.abspath(base))
