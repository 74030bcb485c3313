"""Finds the version that answers a request, and applies configurations of models.

`lifecycle` loads and unloads the versions.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Collection, Iterable
from typing import Any

from tensorflow_serving.config import model_server_config_pb2

from serving.server import request_log, versions
from serving.server.errors import Code, ServingError, invalid_argument
from serving.server.flags import Options
from serving.server.lifecycle import TICK_SECONDS, Lifecycle, Loader
from serving.server.servable import Servable
from serving.server.states import Model, Version, not_available

_log = logging.getLogger(__name__)


class ModelManager:
    """All models of a server. Every method may be called from any thread."""

    def __init__(
        self,
        options: Options,
        loader: Loader,
        configure: Callable[[Iterable[Any]], None],
    ):
        """Creates it; `configure` gets all `ModelConfig`s before they are applied."""
        self._options = options
        self._configure = configure
        self._config = model_server_config_pb2.ModelServerConfig()
        self._life = Lifecycle(options, loader)
        self._models = self._life.models
        self._changed = self._life.changed
        self._reload_lock = threading.Lock()

    def start(self) -> None:
        """Starts polling and loading."""
        self._life.start()

    def stop(self, deadline: float) -> bool:
        """Stops polling and loading; see `Lifecycle.stop`."""
        return self._life.stop(deadline)

    # --- requests ------------------------------------------------------------

    def acquire(self, spec: Any) -> Servable:
        """Returns the servable that a `ModelSpec` names, and keeps it loaded.

        Every call needs a matching call of `release`.

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
        """Releases a servable that `acquire` returned."""
        with self._changed:
            servable.references -= 1
            if not servable.references:
                self._changed.notify_all()

    def statuses(self, spec: Any) -> list[tuple[int, int, ServingError | None]]:
        """Returns number, state and error of a model's versions, highest first.

        A label in `spec` is ignored, as in get_model_status_impl.cc.

        Raises:
            ServingError: NOT_FOUND, the model or the version is unknown.
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
        """Returns the names of all present and former models."""
        return self._models.keys()

    # --- configuration -------------------------------------------------------

    def reload(self, config: Any, cancelled: Callable[[], bool]) -> None:
        """Replaces the configuration and waits until its models are available.

        For a new model it waits until every wanted version was tried once and at least
        one is available. TensorFlow Serving waits for the first version only; labels of
        the others then fail at start-up (tensorflow/serving #1230). For a model that is
        already served it waits only for the first try of the new versions: a wrong path
        must not delay the other models.

        Args:
            config: a `ModelServerConfig`; an empty one changes nothing.
            cancelled: called repeatedly; the wait ends when it returns True.

        Raises:
            ServingError: INVALID_ARGUMENT, the configuration is invalid; UNKNOWN, a new
                model did not load; FAILED_PRECONDITION, a label names a version that is
                not available; CANCELLED.
        """
        with self._reload_lock:
            if config.WhichOneof("config") is None:
                _log.info("Taking no action for empty config.")
                return
            versions.check_config(config, self._config)
            models = {model.name: model for model in config.model_config_list.config}
            for model_config in models.values():
                request_log.check_config(model_config)
            self._configure(models.values())
            # Labels move before their old versions are unloaded, as in
            # ServerCore::ReloadConfig; there, labels that cannot move yet are an error.
            with contextlib.suppress(ServingError):
                self._assign_labels(models.values())
            with self._changed:
                served = {name for name, m in self._models.items() if m.configured}
                changed = [
                    name
                    for name, model_config in models.items()
                    if name not in served or self._models[name].config != model_config
                ]
                for name, model in self._models.items():
                    if name not in models:
                        model.configured = False
                        model.labels = {}
                for name, model_config in models.items():
                    known = self._models.setdefault(name, Model(model_config))
                    known.config, known.configured = model_config, True
                    known.polled = known.polled and name not in changed
                    known.poll_failed = known.poll_failed and name not in changed
                self._config = config
                self._life.poll_now()
            self._await_available(changed, served, cancelled)
            self._assign_labels(models.values())

    def _await_available(
        self,
        names: Iterable[str],
        served: Collection[str],
        cancelled: Callable[[], bool],
    ) -> None:
        """Waits until each of the models has an available version, or was `served`."""
        waiting = set(names)
        with self._changed:
            while True:
                if self._life.stopping or cancelled():
                    raise ServingError(Code.CANCELLED, "Stopped while models load")
                failed: dict[str, list[Version]] = {}
                for name in tuple(waiting):
                    model = self._models[name]
                    known = model.versions.values()
                    if model.poll_failed and name in served:
                        waiting.discard(name)
                        continue
                    if not model.polled or any(
                        version.pending and not version.attempts for version in known
                    ):
                        continue
                    if model.available or name in served:
                        waiting.discard(name)
                    elif any(version.pending for version in known):
                        continue
                    elif broken := [v for v in known if v.aspired and v.error]:
                        failed[name] = broken
                if not waiting:
                    return
                if len(failed) == len(waiting):
                    raise ServingError(Code.UNKNOWN, not_available(failed))
                self._changed.wait(TICK_SECONDS)

    def _assign_labels(self, configs: Iterable[Any]) -> None:
        """Assigns all labels to their versions, or none.

        Raises:
            ServingError: FAILED_PRECONDITION, a label names a version that is not
                available, and the flags do not allow it.
        """
        with self._changed:
            known = [
                (self._models[config.name], config.version_labels)
                for config in configs
                if config.name in self._models
            ]
            for model, labels in known:
                for label, number in labels.items():
                    self._check_label(model, label, number)
            for model, labels in known:
                model.labels = dict(labels)

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
