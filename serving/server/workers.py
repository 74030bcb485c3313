"""Runs on threads the work that would block the event loop.

Each model has its own pools, each with as many threads as tensorflow_model_server has
for all models (4 for each CPU). So many long requests of one model take no threads from
the others. The threads are daemons, unlike those of `concurrent.futures`, for which
Python waits at its end: a run cannot be interrupted, but must not keep the process
alive after the grace period.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

_Result = TypeVar("_Result")
Job = Callable[[], Any]
# Pools of the work whose model is not known yet.
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
        """Runs `job` on one of the threads; it must not raise."""
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
            # Drop the references to the finished request: an idle thread would keep
            # its arrays, and its servable's session, alive.
            del job
            with self._lock:
                # This thread takes a waiting job next, which found no idle thread.
                if self._jobs.qsize() == 0:
                    self._idle += 1

    def close(self, deadline: float) -> bool:
        """Ends the threads after they have run the waiting jobs.

        Args:
            deadline: `time.monotonic()` until which it waits for them.

        Returns:
            Whether all of them ended.
        """
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)


class Pools:
    """The pools of a server: one for each model and entry (see `batching`)."""

    def __init__(self, sizes: dict[str, int]):
        """Creates no pool yet; `sizes` has the threads of a pool, by entry."""
        self._sizes = sizes
        self._pools: dict[tuple[str, str], Workers] = {}
        self._lock = threading.Lock()

    def of(self, group: str, entry: str) -> Workers:
        """Returns the pool of a model and an entry."""
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
        """Runs `function(*arguments)` on a thread and returns its result."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Result] = loop.create_future()

        def job() -> None:
            result, failure = None, None
            try:
                result = function(*arguments)
            except BaseException as error:  # the caller gets it
                failure = error
            call_on(loop, settle, future, result, failure)

        self.of(group, entry).submit(job)
        return await future

    def close(self, deadline: float) -> bool:
        """Closes every pool; argument and result are those of `Workers.close`."""
        ended = [pool.close(deadline) for pool in self._pools.values()]
        return all(ended)


def call_on(loop: asyncio.AbstractEventLoop, function: Any, *arguments: Any) -> None:
    """Calls a function on the event loop; does nothing if the loop is closed."""
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        # The server has stopped, and no caller waits.
        return


def settle(
    future: asyncio.Future[Any], result: Any, error: BaseException | None = None
) -> None:
    """Sets the result or the error of a future, unless it is already done."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
