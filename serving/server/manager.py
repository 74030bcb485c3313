"""The models, for those who ask: which version answers, and what is configured.

The life of the versions themselves is `lifecycle`'s.
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
        configure: Callable[[Iterable[Any]], None] = lambda models: None,
    ):
        """Prepare; `configure` is told of every `ModelConfig` before it is applied."""
        self._options = options
        self._configure = configure
        self._config = model_server_config_pb2.ModelServerConfig()
        self._life = Lifecycle(options, loader)
        self._models = self._life.models
        self._changed = self._life.changed
        self._reload_lock = threading.Lock()

    def start(self) -> None:
        """Start to poll and load."""
        self._life.start()

    def stop(self, deadline: float) -> bool:
        """Stop; see `Lifecycle.stop`."""
        return self._life.stop(deadline)

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

    def reload(self, config: Any, cancelled: Callable[[], bool] | None = None) -> None:
        """Replace the configuration; wait until its models are available.

        That is, for those that are new, until every version they call for was tried
        once and at least one is available. TensorFlow Serving waits for the first;
        labels of the others then fail at start-up (tensorflow/serving #1230). Of
        models that are served already, no more than the first try of their new
        versions is waited for: a wrong path must not hold up the others.

        Args:
            config: a `ModelServerConfig`; one of no kind changes nothing.
            cancelled: asked now and then whether the caller still waits.

        Raises:
            ServingError: INVALID_ARGUMENT, the configuration; UNKNOWN, a new model
                did not load; FAILED_PRECONDITION, a label of a version that is not
                available; CANCELLED.
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
            # Labels go before the versions that they leave are unloaded, as in
            # ServerCore::ReloadConfig; there those that cannot go yet are an error.
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
            self._await_available(changed, served, cancelled or (lambda: False))
            self._assign_labels(models.values())

    def _await_available(
        self,
        names: Iterable[str],
        served: Collection[str],
        cancelled: Callable[[], bool],
    ) -> None:
        """Wait until each of the models has a version available, or was `served`."""
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
        """Point the labels at their versions, all of them or none.

        Raises:
            ServingError: FAILED_PRECONDITION, one names a version that is not
                available and the flags do not let it.
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
