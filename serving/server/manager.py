"""The models: which versions there are, their states, and who uses them.

One thread polls the file system and moves versions through START, LOADING,
AVAILABLE, UNLOADING and END. A new version is loaded and warmed before the one
it replaces is taken away, and a session is closed only after the last request
that holds it (tensorflow_serving/core/availability_preserving_policy.cc,
basic_manager.cc).
"""

from __future__ import annotations

import concurrent.futures
import gc
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

from tensorflow_serving.config import model_server_config_pb2

from serving.server import versions
from serving.server.errors import Code, ServingError, as_serving_error, invalid_argument
from serving.server.flags import Options
from serving.server.servable import Servable
from serving.server.states import Model, State, Version, not_available

_log = logging.getLogger(__name__)

Loader = Callable[[str, int, str], Servable]

# AspiredVersionsManager looks at its versions this often.
_TICK_SECONDS = 0.1


class ModelManager:
    """All models of a server. Every method may be called from any thread."""

    def __init__(self, options: Options, loader: Loader):
        """Prepare; nothing runs before `start`.

        Args:
            options: the server's.
            loader: loads and warms version N of model NAME from a folder.
        """
        self._options = options
        self._loader = loader
        self._config = model_server_config_pb2.ModelServerConfig()
        self._models: dict[str, Model] = {}
        # Guards every state below `_models`; notified at every change of one.
        self._changed = threading.Condition()
        self._wake = threading.Event()
        self._stopping = False
        self._poll_at = 0.0
        self._polled = False
        self._reload_lock = threading.Lock()
        self._loads = concurrent.futures.ThreadPoolExecutor(
            max_workers=max(1, options.num_load_threads), thread_name_prefix="load"
        )
        self._thread = threading.Thread(
            target=self._main, name="model-manager", daemon=True
        )

    # --- requests ------------------------------------------------------------

    def acquire(self, spec: Any) -> Servable:
        """Return the servable a `ModelSpec` asks for, and hold it.

        Every call is to be matched by one of `release`.

        Raises:
            ServingError: INVALID_ARGUMENT, no name or an unknown label;
                NOT_FOUND, no such model or version is available.
        """
        name = spec.name
        if not name:
            raise invalid_argument("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        with self._changed:
            model = self._models.get(name)
            number: int | None = None
            if choice == "version":
                number = spec.version.value
            elif choice == "version_label":
                number = model.labels.get(spec.version_label) if model else None
                if number is None:
                    raise invalid_argument(
                        f"Unrecognized servable version label: {spec.version_label}"
                    )
            version = None
            if model is not None:
                chosen = model.latest if number is None else number
                version = model.available.get(chosen)  # type: ignore[arg-type]
            if version is None or version.servable is None:
                what = (
                    f"Latest({name})"
                    if number is None
                    else (f"Specific({name}, {number})")
                )
                raise ServingError(
                    Code.NOT_FOUND, f"Servable not found for request: {what}"
                )
            version.servable.references += 1
            return version.servable

    def release(self, servable: Servable) -> None:
        """Give back what `acquire` returned."""
        with self._changed:
            servable.references -= 1
            if not servable.references:
                self._changed.notify_all()

    def statuses(self, spec: Any) -> list[tuple[int, int, ServingError | None]]:
        """Return number, state and error of a model's versions, highest first.

        A label in `spec` is not looked at, as in get_model_status_impl.cc.

        Raises:
            ServingError: NOT_FOUND, the model or the version never was.
        """
        with self._changed:
            model = self._models.get(spec.name)
            known = model.versions if model else {}
            if spec.WhichOneof("version_choice") == "version":
                number = spec.version.value
                if number not in known:
                    raise ServingError(
                        Code.NOT_FOUND,
                        f"Could not find version {number} of model {spec.name}",
                    )
                known = {number: known[number]}
            if not known:
                raise ServingError(
                    Code.NOT_FOUND,
                    f"Could not find any versions of model {spec.name}",
                )
            return [
                (number, version.state, version.error)
                for number, version in sorted(known.items(), reverse=True)
            ]

    def names(self) -> Collection[str]:
        """Return the names of all models there are or were."""
        return self._models.keys()

    # --- configuration -------------------------------------------------------

    def start(self) -> None:
        """Start to poll and load."""
        self._thread.start()

    def reload(self, config: Any, cancelled: Callable[[], bool] | None = None) -> None:
        """Replace the configuration; wait until its models are available.

        That is, for those that are new or changed, until every version they now
        call for was tried once and at least one is available. TensorFlow Serving
        waits for the first; labels of the others then fail at start-up
        (tensorflow/serving #1230).

        Args:
            config: a `ModelServerConfig`.
            cancelled: asked now and then whether the caller still waits.

        Raises:
            ServingError: INVALID_ARGUMENT, the configuration; UNKNOWN, a new model
                did not load; FAILED_PRECONDITION, a label of a version that is not
                available; CANCELLED.
        """
        with self._reload_lock:
            versions.check_config(config, self._config)
            models = {model.name: model for model in config.model_config_list.config}
            with self._changed:
                changed = [
                    name
                    for name, model in models.items()
                    if name not in self._models
                    or not self._models[name].configured
                    or self._models[name].config != model
                ]
                for name, model in self._models.items():
                    if name not in models:
                        model.configured = False
                        model.labels = {}
                for name, model_config in models.items():
                    known = self._models.setdefault(name, Model(model_config))
                    known.config, known.configured = model_config, True
                    known.polled = known.polled and name not in changed
                self._config = config
                self._poll_at = 0.0
                self._polled = False
            self._wake.set()
            self._await_available(changed, cancelled or (lambda: False))
            self._assign_labels(models.values())

    def _await_available(
        self, names: Iterable[str], cancelled: Callable[[], bool]
    ) -> None:
        """Wait until each of the models has a version available."""
        waiting = set(names)
        with self._changed:
            while True:
                if self._stopping or cancelled():
                    raise ServingError(Code.CANCELLED, "Stopped while models load")
                failed: dict[str, list[Version]] = {}
                for name in tuple(waiting):
                    model = self._models[name]
                    known = model.versions.values()
                    if not model.polled or any(
                        version.pending and not version.attempts for version in known
                    ):
                        continue
                    if model.available:
                        waiting.discard(name)
                    elif any(version.pending for version in known):
                        continue
                    elif broken := [v for v in known if v.aspired and v.error]:
                        failed[name] = broken
                if not waiting:
                    return
                if len(failed) == len(waiting):
                    raise ServingError(Code.UNKNOWN, not_available(failed))
                self._changed.wait(_TICK_SECONDS)

    def _assign_labels(self, configs: Iterable[Any]) -> None:
        """Point the labels at their versions, all of them or none.

        Raises:
            ServingError: FAILED_PRECONDITION, one names a version that is not
                available and the flags do not let it.
        """
        with self._changed:
            for config in configs:
                model = self._models[config.name]
                for label, number in config.version_labels.items():
                    self._check_label(model, label, number)
            for config in configs:
                self._models[config.name].labels = dict(config.version_labels)

    def _check_label(self, model: Model, label: str, number: int) -> None:
        if model.labels.get(label) == number or number in model.available:
            return
        options = self._options
        if options.force_allow_any_version_labels_for_unavailable_models:
            return
        if (
            options.allow_version_labels_for_unavailable_models
            and label not in model.labels
        ):
            return
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"Request to assign label to version {number} of model "
            f"{model.config.name}, which is not currently available for inference",
        )

    # --- the thread ----------------------------------------------------------

    def stop(self) -> None:
        """Stop polling and loading; close every session nobody holds."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._loads.shutdown(wait=True, cancel_futures=True)
        with self._changed:
            everything = [v for m in self._models.values() for v in m.versions.values()]
        for version in everything:
            servable, version.servable = version.servable, None
            if servable is not None and not servable.references:
                servable.close()

    def _main(self) -> None:
        while not self._stopping:
            try:
                self._poll_if_due()
                self._step()
            except Exception:
                # The thread is the only one there is; the next round may do better.
                _log.exception("model manager: a round failed")
            self._wake.wait(_TICK_SECONDS)
            self._wake.clear()

    def _poll_if_due(self) -> None:
        """Ask the file system which versions should be served."""
        interval = self._options.file_system_poll_wait_seconds
        now = time.monotonic()
        if interval < 0 or now < self._poll_at or (interval == 0 and self._polled):
            return
        self._poll_at, self._polled = now + interval, True
        with self._changed:
            models = list(self._models.values())
        for model in models:
            if not model.configured:
                self._aspire(model, {})
                continue
            try:
                loaded = set(model.available)
                self._aspire(model, versions.poll(model.config, loaded))
            except ServingError as error:
                _log.error(
                    "FileSystemStoragePathSource encountered a filesystem access "
                    "error: %s",
                    error.message,
                )

    def _aspire(self, model: Model, wanted: dict[int, str]) -> None:
        """Take `wanted` as the versions of `model` to serve."""
        with self._changed:
            for number, version in model.versions.items():
                moved = number in wanted and wanted[number] != version.path
                version.aspired = number in wanted and not moved
            for number, path in wanted.items():
                known = model.versions.get(number)
                if known is None or (
                    known.state == State.END and self._is_new(known, path)
                ):
                    _log.info("%s version %d: found in %s", _name(model), number, path)
                    model.versions[number] = Version(number, path)
            model.refresh()
            model.polled = True
            self._changed.notify_all()

    def _is_new(self, version: Version, path: str) -> bool:
        """Tell whether an ended version is worth a new start.

        One that was unloaded is, once it is wanted again; one that failed is
        after its file has changed.
        """
        if version.error is None or version.path != path:
            return True
        return versions.fingerprint(path) != version.fingerprint

    def _step(self) -> None:
        """Start the loads and unloads that are due."""
        now = time.monotonic()
        with self._changed:
            for model in self._models.values():
                self._step_model(model, now)

    def _step_model(self, model: Model, now: float) -> None:
        known = sorted(model.versions.values(), key=lambda v: -v.number)
        for version in known:
            if not version.pending:
                continue
            if not version.aspired and version.next_attempt != float("inf"):
                # Nobody wants it any more, and no load runs.
                self._set(model, version, State.END)
            elif version.aspired and now >= version.next_attempt:
                version.next_attempt = float("inf")
                self._set(model, version, State.LOADING)
                self._loads.submit(self._load, model, version)
        aspired = any(version.aspired for version in known)
        replaced = any(
            version.aspired and version.state == State.AVAILABLE for version in known
        )
        idle = [v for v in known if v.state == State.AVAILABLE and not v.aspired]
        for index, version in enumerate(reversed(idle)):
            # Without a replacement the highest of them stays.
            if not aspired or replaced or index < len(idle) - 1:
                self._set(model, version, State.UNLOADING)
        for version in known:
            if version.state == State.UNLOADING and version.servable is not None:
                if version.servable.references or version.servable.running:
                    continue
                servable, version.servable = version.servable, None
                threading.Thread(
                    target=self._unload, args=(model, version, servable), daemon=True
                ).start()

    def _load(self, model: Model, version: Version) -> None:
        """Try to load a version (on a loading thread)."""
        mark = versions.fingerprint(version.path)
        servable, error = None, None
        try:
            servable = self._loader(model.config.name, version.number, version.path)
        except Exception as failure:
            error = as_serving_error(failure)
        with self._changed:
            version.attempts += 1
            if servable is not None:
                version.servable = servable
                self._set(model, version, State.AVAILABLE)
                self._wake.set()
                return
            retry = (
                version.attempts <= self._options.max_num_load_retries
                and version.aspired
                and not self._stopping
            )
            _log.error(
                "%s version %d: load attempt %d failed: %s",
                _name(model),
                version.number,
                version.attempts,
                error,
            )
            version.error, version.fingerprint = error, mark
            if retry:
                wait = max(0, self._options.load_retry_interval_micros) / 1e6
                version.next_attempt = time.monotonic() + wait
            else:
                self._set(model, version, State.END)

    def _unload(self, model: Model, version: Version, servable: Servable) -> None:
        """Close a version nobody holds any more (on a thread of its own)."""
        try:
            servable.close()
        finally:
            del servable
            # A graph is full of reference cycles; its memory waits for this.
            gc.collect()
            with self._changed:
                self._set(model, version, State.END)

    def _set(self, model: Model, version: Version, state: int) -> None:
        """Move a version to a state; the caller holds the lock."""
        version.state = state
        if state == State.AVAILABLE:
            version.error = None
        model.refresh()
        name = State.State.Name(state)
        _log.info("%s version %d: %s", _name(model), version.number, name)
        self._changed.notify_all()


def _name(model: Model) -> str:
    return str(model.config.name)
