"""Threads that run what would hold up the event loop.

Each model has pools of its own, of as many threads as tensorflow_model_server has for
all (4 for each CPU): however many long requests one model gets, the others find a free
thread. The threads are daemons, unlike those of `concurrent.futures`, which Python
waits for at its end: a run that nobody can interrupt must not outlast the grace period.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

_Result = TypeVar("_Result")
Job = Callable[[], Any]
# Whose threads work what is not known to be about a model yet.
NO_MODEL = ""


class Workers:
    """A pool of threads that grows to its size as jobs need it."""

    def __init__(self, name: str, size: int):
        self._name = name
        self._size = size
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._lock = threading.Lock()

    def submit(self, job: Job) -> None:
        """Run `job` on one of the threads; it must not raise."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif len(self._threads) < self._size:
                thread = threading.Thread(
                    target=self._work,
                    name=f"{self._name}-{len(self._threads)}",
                    daemon=True,
                )
                self._threads.append(thread)
                thread.start()
        self._jobs.put(job)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            # Nothing of a finished request may outlive it here: an idle thread
            # would keep its arrays, and its servable's session, alive.
            del job
            with self._lock:
                # A job that waits is taken next; it found no thread idle.
                if self._jobs.qsize() == 0:
                    self._idle += 1

    def close(self, deadline: float) -> bool:
        """Let the threads end once they have run what waits.

        Args:
            deadline: `time.monotonic()` until which they are waited for.

        Returns:
            Whether all of them ended.
        """
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)


class Pools:
    """The pools of a server: one for each model and way in."""

    def __init__(self, sizes: dict[str, int]):
        """Make none yet; `sizes` says how many threads a pool of each way in has."""
        self._sizes = sizes
        self._pools: dict[tuple[str, str], Workers] = {}
        self._lock = threading.Lock()

    def of(self, group: str, entry: str) -> Workers:
        """Return the pool of a model and a way in."""
        key = group, entry
        pool = self._pools.get(key)
        if pool is None:
            with self._lock:
                pool = self._pools.setdefault(
                    key, Workers(f"{entry}-{group}", self._sizes[entry])
                )
        return pool

    async def call(
        self, group: str, entry: str, function: Callable[..., _Result], *arguments: Any
    ) -> _Result:
        """Run `function(*arguments)` on a thread; return what it returns."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Result] = loop.create_future()

        def job() -> None:
            result, failure = None, None
            try:
                result = function(*arguments)
            except BaseException as error:  # it is the caller's
                failure = error
            call_on(loop, settle, future, result, failure)

        self.of(group, entry).submit(job)
        return await future

    def close(self, deadline: float) -> bool:
        """Close every pool; arguments and result as those of `Workers.close`."""
        ended = [pool.close(deadline) for pool in self._pools.values()]
        return all(ended)


def call_on(loop: asyncio.AbstractEventLoop, function: Any, *arguments: Any) -> None:
    """Call a function on the event loop; do nothing where that is closed."""
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        # The server has stopped, and nobody waits any more.
        return


def settle(
    future: asyncio.Future[Any], result: Any, error: BaseException | None = None
) -> None:
    """Give a future its result, or its error, unless nobody waits for it any more."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
