"""Run requests, together where several wait at the same moment.

Greedy: a worker that comes free takes all that waits for one plan, up to the
size of a batch, and never waits for more. So a lone request is run at once, and
under load batches grow by themselves to what arrives during a run. With
`--enable_batching` the sizes, waits and limits of BatchingParameters hold, with
the errors of tensorflow_serving/batching.

A request that is alone in the server, small, and of a graph known to be quick does
not even leave the event loop: handing it to a thread and back costs more than
running it.

A batch that fails is run again request by request, so that one bad request
fails alone.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from serving.server.configs import BatchingParameters
from serving.server.errors import Code, ServingError, invalid_argument
from serving.server.padding import padded
from serving.server.plan import Plan, Sharing

_log = logging.getLogger(__name__)

Outputs = list[np.ndarray]
# Told of each batch: rows, seconds its first request waited.
Observer = Callable[[int, float], None]

# What the event loop itself runs: no more rows, and no longer than this before.
_INLINE_ROWS = 8
_INLINE_SECONDS = 1e-3

_TRIAL_INTERVAL_SECONDS = 1.0
_TRIAL_TASKS = 3


class Task:
    """One request that waits to be run.

    Attributes:
        arrays: its inputs, in the order of the plan's.
        rows: their common first dimension; 0 where there is none, or it is 0.
        shape: what must be the same for two requests to share a run.
        future: receives the outputs and the seconds the run took.
        deadline: `time.monotonic()` from which nobody waits for it.
        arrival: when it came.
    """

    __slots__ = ("arrays", "arrival", "deadline", "future", "rows", "shape")

    def __init__(
        self,
        arrays: Sequence[np.ndarray],
        future: asyncio.Future[tuple[Outputs, float]],
        deadline: float | None,
        padded: bool,
    ):
        self.arrays = arrays
        self.future = future
        self.deadline = deadline
        self.arrival = time.monotonic()
        counts = {array.shape[0] if array.ndim else 0 for array in arrays}
        self.rows = counts.pop() if len(counts) == 1 else 0
        self.shape = tuple(
            array.ndim if padded else array.shape[1:] for array in arrays
        )


class Scheduler:
    """Worker threads and what they share."""

    def __init__(
        self,
        parameters: BatchingParameters,
        *,
        share: bool,
        strict: bool,
        observe: Observer,
    ):
        """Start the threads.

        Args:
            parameters: sizes and limits, for plans without their own.
            share: whether requests may share runs at all.
            strict: answer requests that cannot be batched with the errors of
                `--enable_batching` instead of running them alone.
            observe: told of every batch.
        """
        self._parameters = parameters
        self._share = share
        self._strict = strict
        self._observe = observe
        # Requests submitted and not answered yet; the event loop's alone.
        self._unanswered = 0
        self._jobs: queue.SimpleQueue[Plan | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"batch-{index}", daemon=True)
            for index in range(parameters.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop the threads once they have run what they hold."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def submit(
        self, plan: Plan, arrays: Sequence[np.ndarray], deadline: float | None = None
    ) -> asyncio.Future[tuple[Outputs, float]]:
        """Queue a request; call it on the event loop.

        Args:
            plan: what to run.
            arrays: its inputs.
            deadline: `time.monotonic()` from which it need not be run any more.

        Returns:
            A future of the outputs and the seconds the run took. Cancelling it
            before its run takes it out of the queue.

        Raises:
            ServingError: INVALID_ARGUMENT, it is larger than a batch may be;
                UNAVAILABLE, the queue is full.
        """
        parameters = plan.parameters or self._parameters
        task = Task(
            arrays,
            asyncio.get_running_loop().create_future(),
            deadline,
            parameters.pad_variable_length_inputs,
        )
        if self._strict and plan.sharing is not Sharing.NEVER:
            self._check(task, plan, parameters)
        lone = (
            not self._unanswered
            and task.rows <= _INLINE_ROWS
            and plan.seconds < _INLINE_SECONDS
            and not parameters.batch_timeout_micros
            and not parameters.allowed_batch_sizes
        )
        self._unanswered += 1
        limit = (
            parameters.batches_per_signature
            if self._may_share(plan)
            else parameters.num_batch_threads
        )
        with plan.lock:
            plan.pending.append(task)
            start = plan.running < limit
            if start:
                plan.running += 1
        if start and lone:
            # Those that came with it are about to be submitted, too.
            task.future.get_loop().call_soon(self._start_lone, plan)
        elif start:
            self._jobs.put(plan)
        return task.future

    def _start_lone(self, plan: Plan) -> None:
        """Run a request that is still alone here; let a worker run several."""
        if self._unanswered > 1:
            self._jobs.put(plan)
            return
        with plan.lock:
            task = plan.pending.popleft()
        self._unanswered -= 1
        if not task.future.done():
            self._observe(task.rows, time.monotonic() - task.arrival)
            _settle(task.future, _run_alone(plan, task))
        with plan.lock:
            plan.running -= 1

    def _check(self, task: Task, plan: Plan, parameters: BatchingParameters) -> None:
        """Refuse what TensorFlow Serving's BatchingSession refuses."""
        if any(array.ndim == 0 for array in task.arrays):
            raise invalid_argument(
                "Batching Run() input tensors must have at least one dimension"
            )
        if len({array.shape[0] for array in task.arrays}) > 1:
            raise invalid_argument(
                "Batching Run() input tensors must have equal 0th-dimension size"
            )
        largest = parameters.max_request_size
        if largest is not None and task.rows > largest:
            raise invalid_argument(
                f"Task size {task.rows} is larger than maximum input batch size "
                f"{largest}"
            )
        batches = parameters.max_enqueued_batches
        if batches is not None:
            waiting = sum(other.rows for other in tuple(plan.pending))
            if waiting + task.rows > batches * parameters.max_batch_size:
                raise ServingError(
                    Code.UNAVAILABLE,
                    "The batch scheduling queue to which this task was submitted is "
                    f"full; {waiting} rows wait, in at most {batches} batches of "
                    f"{parameters.max_batch_size}",
                )

    def _work(self) -> None:
        """Run batches until told to stop."""
        while (plan := self._jobs.get()) is not None:
            parameters = plan.parameters or self._parameters
            if parameters.batch_timeout_micros and self._may_share(plan):
                self._linger(plan, parameters)
            batch = self._take(plan, parameters)
            if batch:
                self._run(plan, batch, parameters)
            with plan.lock:
                if plan.pending:
                    self._jobs.put(plan)
                else:
                    plan.running -= 1
            # Nothing of a finished request may outlive it here: an idle worker
            # would keep its arrays, and its servable's session, alive.
            del plan, batch

    def _may_share(self, plan: Plan) -> bool:
        return self._share and plan.sharing is Sharing.PROVEN

    def _linger(self, plan: Plan, parameters: BatchingParameters) -> None:
        """Wait for a full batch, but not past `batch_timeout_micros`."""
        step = min(parameters.batch_timeout_micros / 1e6 / 4, 1e-3)
        while True:
            with plan.lock:
                rows = sum(task.rows for task in plan.pending)
                oldest = plan.pending[0].arrival if plan.pending else None
            if oldest is None or rows >= parameters.max_batch_size:
                return
            age = time.monotonic() - oldest
            if age >= parameters.batch_timeout_micros / 1e6:
                return
            time.sleep(step)

    def _take(self, plan: Plan, parameters: BatchingParameters) -> list[Task]:
        """Take the oldest task, and those that may run with it, off the queue."""
        batch: list[Task] = []
        share = self._share and plan.sharing is not Sharing.NEVER
        with plan.lock:
            pending = plan.pending
            now = time.monotonic()
            rows, others = 0, []
            while pending:
                task = pending.popleft()
                if task.future.cancelled():
                    self._deliver([task], [_EXPIRED])
                    continue
                if task.deadline is not None and task.deadline <= now:
                    self._deliver([task], [_EXPIRED])
                    continue
                if not batch:
                    batch.append(task)
                    rows = task.rows
                    if not share or not rows:
                        break
                elif (
                    task.rows
                    and task.shape == batch[0].shape
                    and rows + task.rows <= parameters.max_batch_size
                ):
                    batch.append(task)
                    rows += task.rows
                else:
                    others.append(task)
                    if rows + task.rows > parameters.max_batch_size:
                        break
            pending.extendleft(reversed(others))
        return batch

    def _run(
        self, plan: Plan, batch: list[Task], parameters: BatchingParameters
    ) -> None:
        """Run a batch and hand its requests their outputs."""
        start = time.monotonic()
        self._observe(sum(task.rows for task in batch), start - batch[0].arrival)
        shared = self._may_share(plan)
        if shared and (len(batch) > 1 or parameters.allowed_batch_sizes):
            try:
                inputs = padded([task.arrays for task in batch], parameters)
                outputs = plan.split(plan.run(inputs), [task.rows for task in batch])
                elapsed = time.monotonic() - start
                self._deliver(batch, [(output, elapsed) for output in outputs])
                return
            except Exception as error:  # one of them is at fault: find out which
                _log.debug("batch of %d failed: %s", len(batch), error)
        for task in batch:
            self._deliver([task], [_run_alone(plan, task)])
        if not shared and len(batch) > 1 and start >= plan.next_trial:
            plan.next_trial = start + _TRIAL_INTERVAL_SECONDS
            plan.prove([task.arrays for task in batch[:_TRIAL_TASKS]])
            plan.prove_with(batch[0].arrays)

    def _deliver(
        self,
        tasks: list[Task],
        results: Sequence[tuple[Outputs, float] | Exception],
    ) -> None:
        """Resolve the futures on their event loop, in one step for the batch."""
        try:
            loop = tasks[0].future.get_loop()
            loop.call_soon_threadsafe(self._resolve, tasks, results)
        except RuntimeError:
            # The loop is closed: the server has stopped and nobody waits.
            return

    def _resolve(
        self,
        tasks: list[Task],
        results: Sequence[tuple[Outputs, float] | Exception],
    ) -> None:
        self._unanswered -= len(tasks)
        for task, result in zip(tasks, results, strict=True):
            _settle(task.future, result)


_EXPIRED = ServingError(Code.DEADLINE_EXCEEDED, "Deadline exceeded before the run")


def _run_alone(plan: Plan, task: Task) -> tuple[Outputs, float] | Exception:
    start = time.monotonic()
    try:
        return plan.run(task.arrays), time.monotonic() - start
    except Exception as error:  # it is the request's answer
        return error


def _settle(
    future: asyncio.Future[tuple[Outputs, float]],
    result: tuple[Outputs, float] | Exception,
) -> None:
    """Give a future its result, unless nobody waits for it any more."""
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
