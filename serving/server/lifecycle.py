"""Moves versions through their states: finds, loads, replaces and unloads them.

One thread polls the file system and moves versions through START, LOADING, AVAILABLE,
UNLOADING and END. A new version is loaded and warmed before the one that it replaces is
unloaded, and a session is closed only after the last request that uses it
(tensorflow_serving/core/availability_preserving_policy.cc, basic_manager.cc).
"""

import concurrent.futures
import gc
import logging
import threading
import time
from collections.abc import Callable

from serving.server import versions
from serving.server.errors import ServingError, as_serving_error
from serving.server.flags import Options
from serving.server.servable import Servable
from serving.server.states import Model, State, Version

_log = logging.getLogger(__name__)

# Loads and warms version N of model NAME from a folder.
Loader = Callable[[str, int, str], Servable]

# AspiredVersionsManager checks its versions at this interval.
TICK_SECONDS = 0.1


class Lifecycle:
    """Moves the versions of all models.

    Attributes:
        models: by name; models that are no longer served stay, for their states.
        changed: guards every state in `models`; notified at every change of one.
        stopping: whether the thread should end.
    """

    def __init__(self, options: Options, loader: Loader):
        self._options = options
        self._loader = loader
        self._files = versions.model_files(options)
        self.models: dict[str, Model] = {}
        self.changed = threading.Condition()
        self.stopping = False
        self._wake = threading.Event()
        self._poll_at = 0.0
        self._polled = False
        self._loads = concurrent.futures.ThreadPoolExecutor(
            max_workers=max(1, options.num_load_threads), thread_name_prefix="load"
        )
        self._thread = threading.Thread(
            target=self._main, name="model-manager", daemon=True
        )

    def start(self) -> None:
        """Starts polling and loading."""
        self._thread.start()

    def poll_now(self) -> None:
        """Polls the file system at once; the caller holds the lock."""
        self._poll_at = 0.0
        self._polled = False
        self._wake.set()

    def stop(self, deadline: float) -> bool:
        """Stops polling and loading; closes every session that no request uses.

        Args:
            deadline: `time.monotonic()` until which it waits for loads.

        Returns:
            Whether everything ended.
        """
        with self.changed:
            self.stopping = True
            self.changed.notify_all()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(max(0.0, deadline - time.monotonic()))
        self._loads.shutdown(wait=False, cancel_futures=True)
        with self.changed:
            everything = [v for m in self.models.values() for v in m.versions.values()]
            ended = self.changed.wait_for(
                lambda: not any(v.attempting for v in everything),
                max(0.0, deadline - time.monotonic()),
            )
        for version in everything:
            servable = version.servable
            if servable is None:
                continue
            if servable.references or servable.running:
                ended = False
                continue
            version.servable = None
            servable.close()
        return ended

    def _main(self) -> None:
        while not self.stopping:
            try:
                self._poll_if_due()
                self._step()
            except Exception:
                # No other thread does this work, and the next round may succeed.
                _log.exception("model manager: a round failed")
            self._wake.wait(TICK_SECONDS)
            self._wake.clear()

    def _poll_if_due(self) -> None:
        """Polls the file system for the versions to serve, if the interval is over."""
        interval = self._options.file_system_poll_wait_seconds
        now = time.monotonic()
        if interval < 0 or now < self._poll_at or (interval == 0 and self._polled):
            return
        self._poll_at, self._polled = now + interval, True
        with self.changed:
            models = list(self.models.values())
        for model in models:
            if not model.configured:
                self._aspire(model, {})
                continue
            try:
                loaded = set(model.available)
                self._aspire(model, versions.poll(model.config, loaded, self._files))
            except ServingError as error:
                with self.changed:
                    model.poll_failed = True
                    self.changed.notify_all()
                _log.error(
                    "FileSystemStoragePathSource encountered a filesystem access "
                    "error: %s",
                    error.message,
                )

    def _aspire(self, model: Model, wanted: dict[int, str]) -> None:
        """Makes `wanted` the versions of `model` to serve."""
        with self.changed:
            for number, version in model.versions.items():
                moved = number in wanted and wanted[number] != version.path
                version.aspired = number in wanted and not moved
            for number, path in wanted.items():
                known = model.versions.get(number)
                if known is None or (
                    known.state == State.END and self._is_new(known, path)
                ):
                    _log.info(
                        "%s version %d: found in %s", model.config.name, number, path
                    )
                    model.versions[number] = Version(number, path)
            model.refresh()
            model.polled, model.poll_failed = True, False
            self.changed.notify_all()

    def _is_new(self, version: Version, path: str) -> bool:
        """Tells whether an ended version should be loaded again.

        An unloaded version should, once it is wanted again; a failed one only after
        its file has changed.
        """
        if version.error is None or version.path != path:
            return True
        return versions.fingerprint(path, self._files) != version.fingerprint

    def _step(self) -> None:
        now = time.monotonic()
        with self.changed:
            for model in self.models.values():
                self._step_model(model, now)

    def _step_model(self, model: Model, now: float) -> None:
        known = sorted(model.versions.values(), key=lambda v: -v.number)
        for version in known:
            if not version.pending:
                continue
            if not version.aspired and version.next_attempt != float("inf"):
                # It is no longer wanted, and no load runs.
                self._set(model, version, State.END)
            elif version.aspired and now >= version.next_attempt:
                version.next_attempt = float("inf")
                version.attempting = True
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
        """Tries to load a version (on a loading thread)."""
        mark = versions.fingerprint(version.path, self._files)
        servable, error = None, None
        try:
            servable = self._loader(model.config.name, version.number, version.path)
        except Exception as failure:
            error = as_serving_error(failure)
        with self.changed:
            version.attempts += 1
            version.attempting = False
            self.changed.notify_all()
            if servable is not None:
                version.servable = servable
                self._set(model, version, State.AVAILABLE)
                self._wake.set()
                return
            retry = (
                version.attempts <= self._options.max_num_load_retries
                and version.aspired
                and not self.stopping
            )
            _log.error(
                "%s version %d: load attempt %d failed: %s",
                model.config.name,
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
        """Closes a version that no request uses (on its own thread)."""
        try:
            servable.close()
        finally:
            del servable
            # A graph is full of reference cycles; only this frees its memory.
            gc.collect()
            with self.changed:
                self._set(model, version, State.END)

    def _set(self, model: Model, version: Version, state: int) -> None:
        """Moves a version to a state; the caller holds the lock."""
        version.state = state
        if state == State.AVAILABLE:
            version.error = None
        model.refresh()
        name = State.State.Name(state)
        _log.info("%s version %d: %s", model.config.name, version.number, name)
        self.changed.notify_all()
