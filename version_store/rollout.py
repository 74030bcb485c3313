"""Sets the stable version and the canary in the servers' configuration.

TensorFlow Serving applies the labels of a configuration before its versions, and
rejects all of it while a label names a version that is not AVAILABLE
(tensorflow_serving/model_servers/server_core.cc, `ReloadConfig` and
`UpdateModelVersionLabelMap`; `--allow_version_labels_for_unavailable_models` is for
labels that a server does not know yet, as when it starts). So a new version takes two
steps: the first file loads it; the second one labels it, once the servers have it. For
the same reason one file is enough to move a label back and to unload a version, as the
label is moved first.

Each step replaces the file at once, and can be repeated: a kill between two steps
leaves a version that is loaded and has no label. `base` is the model's folder; callers
do not hold its lock, unless the function says so.
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
    """Labels the served version as stable, so that a newer version is not served.

    Without the label servers take the highest version. Call it before a canary exists.
    It waits until the servers have read the file. If no server answers, it waits as
    long as our servers may take to read the file.

    Returns:
        The version that has become stable; None if one was stable, or none is served.

    Raises:
        NotConfirmedError: Servers answer, but do not read the file.
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
            f"no server answers: waiting {seconds:g} s, in case a server reads the "
            "configuration file"
        ):
            time.sleep(seconds)
    return now.stable


def load(base: str, version: int) -> None:
    """Loads a version beside the loaded ones; the caller holds the folder's lock."""
    now = serving(base)
    if version not in now.versions:
        _write(base, now.labels, now.versions | {version})


def bring_up(base: str, version: int, label: str, servers: Servers) -> None:
    """Loads a version, and labels it once the servers have it.

    Raises:
        NotConfirmedError: The servers have not loaded it, and it gets no label; or they
            do not confirm the label.
    """
    with loaded(base, version, servers):
        put(base, label, version)
    servers.await_version(_model(base), version, label)


@contextmanager
def loaded(base: str, version: int, servers: Servers) -> Iterator[None]:
    """Loads a version, and holds the folder's lock once the servers have it.

    Raises:
        NotConfirmedError: The servers have not loaded it. Or another change had it
            unloaded meanwhile: the servers would reject a file that labels it. Or a
            user decided meanwhile that it is not to be served.
    """
    with changes.locked(base, LOCK_SECONDS):
        _refuse_held_back(base, version)
        load(base, version)
    servers.await_version(_model(base), version)
    with changes.locked(base, LOCK_SECONDS):
        if version not in serving(base).versions:
            raise NotConfirmedError(
                f"{_model(base)} version {version}: another command unloaded it in the "
                "meantime"
            )
        _refuse_held_back(base, version)
        yield


def _refuse_held_back(base: str, version: int) -> None:
    """Raises NotConfirmedError if the last decision is against serving the version."""
    models, model = os.path.split(os.path.abspath(base))
    decision = find_version(list_versions(models, model), version).held_back
    if decision is not None:
        raise NotConfirmedError(f"{model}: in the meantime {decision}")


def put(base: str, label: str, version: int) -> None:
    """Labels a version that the servers have; the caller holds the folder's lock.

    Versions without a label are unloaded. A new stable version leaves a canary on
    trial as it is, unless it is the canary itself.
    """
    now = serving(base)
    labels = {**now.labels, label: version}
    if label == STABLE and now.labels.get(CANARY) in (None, now.stable, version):
        labels[CANARY] = version
    _write(base, labels)


def withdraw(base: str) -> None:
    """Unloads the canary; requests for the canary then get the stable version.

    The caller holds the folder's lock.
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
