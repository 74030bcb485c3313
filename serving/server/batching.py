"""Schedules the runs of requests: alone, or in batches where that is safe.

Requests of different callers share a run in two cases only: their version has a marker
which states that its rows are independent (`marker`), or `--enable_batching` is set, as
in tensorflow_model_server. All others run alone, on a thread of their model.

With a marker, a free worker takes all requests that wait for one plan, up to the batch
size, and never waits for more. So a single request runs at once, and under load a batch
holds the requests that arrived during the previous run. With `--enable_batching` the
sizes, waits and limits of BatchingParameters apply, with the errors of
tensorflow_serving/batching.

Small gRPC requests do not come here; see `direct`.

If a batch fails, each of its requests runs again alone, so that only bad ones fail.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

import numpy as np

from serving.server.configs import BatchingParameters
from serving.server.errors import Code, ServingError, invalid_argument
from serving.server.padding import padded
from serving.server.plan import Plan
from serving.server.workers import Pools, call_on, settle

_log = logging.getLogger(__name__)

Outputs = list[np.ndarray]
Result = tuple[Outputs, float]
# Called for each run with its rows and the seconds that its first request waited.
Observer = Callable[[int, float], None]

# Entries, each with its own thread pools: the two APIs, and the batches.
GRPC, REST, BATCH = "grpc", "rest", "batch"

# After this run time of a batch, the next batch no longer waits for it.
_PATIENCE_SECONDS = 0.01


class Task:
    """A request in the queue.

    Attributes:
        arrays: its inputs, in the order of the plan's inputs.
        rows: their common first dimension; 0 if they have none, or if it is 0.
        shape: row shapes (or ranks, with padding); equal for all requests of a run.
        alone: whether it must run alone.
        future: receives the outputs and the seconds of the run.
        deadline: `time.monotonic()` after which the caller does not wait.
        arrival: `time.monotonic()` of its arrival.
    """

    __slots__ = ("alone", "arrays", "arrival", "deadline", "future", "rows", "shape")

    def __init__(
        self,
        arrays: Sequence[np.ndarray],
        future: asyncio.Future[Result],
        deadline: float | None,
        *,
        padded: bool = False,
        alone: bool = False,
    ):
        self.arrays = arrays
        self.future = future
        self.deadline = deadline
        self.alone = alone
        self.arrival = time.monotonic()
        counts = {array.shape[0] if array.ndim else 0 for array in arrays}
        self.rows = counts.pop() if len(counts) == 1 else 0
        self.shape = tuple(
            array.ndim if padded else array.shape[1:] for array in arrays
        )


class Scheduler:
    """Decides when each request runs, on which thread and in which batch."""

    def __init__(
        self,
        parameters: BatchingParameters,
        pools: Pools,
        *,
        enable_batching: bool,
        observe: Observer,
    ):
        """Creates the scheduler.

        Args:
            parameters: sizes and limits, for plans without their own.
            pools: the thread pools.
            enable_batching: whether requests of every plan share runs, and those that
                cannot be batched get the errors of `--enable_batching`.
            observe: called for every run.
        """
        self._parameters = parameters
        self._pools = pools
        self._batch_all = enable_batching
        self._observe = observe

    def submit(
        self,
        plan: Plan,
        arrays: Sequence[np.ndarray],
        deadline: float | None = None,
        *,
        alone: bool = False,
        entry: str = GRPC,
    ) -> asyncio.Future[Result]:
        """Queues a request. Must be called on the event loop.

        Args:
            plan: the plan to run.
            arrays: its inputs.
            deadline: `time.monotonic()` after which it need not run.
            alone: whether it must share no run, even if the plan allows it.
            entry: the entry whose threads run it, if it shares no run.

        Returns:
            A future of the outputs and the seconds of the run. Cancelling it before
            the run removes the request from the queue.

        Raises:
            ServingError: INVALID_ARGUMENT, the request is larger than a batch may be;
                UNAVAILABLE, the queue is full.
        """
        parameters = plan.parameters or self._parameters
        task = Task(
            arrays,
            asyncio.get_running_loop().create_future(),
            deadline,
            padded=parameters.pad_variable_length_inputs,
            alone=alone,
        )
        if self._batch_all and plan.inputs:
            self._check(task, plan, parameters)
        if task.alone or not self._shares(plan):
            with plan.lock:
                plan.running += 1
            self._pools.of(plan.group, entry).submit(lambda: self._run_one(plan, task))
            return task.future
        with plan.lock:
            plan.pending.append(task)
            start = plan.running < parameters.batches_per_signature
            if start:
                plan.running += 1
        if start:
            self._start_batch(plan)
        elif not plan.watched and not self._batch_all:
            plan.watched = True
            task.future.get_loop().call_later(_PATIENCE_SECONDS, self._relieve, plan)
        return task.future

    def _shares(self, plan: Plan) -> bool:
        return bool(plan.inputs) and (self._batch_all or plan.rows_apart)

    def _start_batch(self, plan: Plan) -> None:
        self._pools.of(plan.group, BATCH).submit(lambda: self._run_batches(plan))

    def _relieve(self, plan: Plan) -> None:
        """Starts another batch if tasks wait behind a long one."""
        with plan.lock:
            plan.watched = bool(plan.pending)
            if not plan.watched:
                return
            late = time.monotonic() - plan.pending[0].arrival >= _PATIENCE_SECONDS
            if late:
                plan.running += 1
        if late:
            self._start_batch(plan)
        loop = asyncio.get_running_loop()
        loop.call_later(_PATIENCE_SECONDS, self._relieve, plan)

    def _check(self, task: Task, plan: Plan, parameters: BatchingParameters) -> None:
        """Refuses the tasks that TensorFlow Serving's BatchingSession refuses."""
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
            with plan.lock:
                waiting = sum(other.rows for other in plan.pending)
            if waiting + task.rows > batches * parameters.max_batch_size:
                raise ServingError(
                    Code.UNAVAILABLE,
                    "The batch scheduling queue to which this task was submitted is "
                    f"full; {waiting} rows wait, in at most {batches} batches of "
                    f"{parameters.max_batch_size}",
                )

    # --- on the threads ------------------------------------------------------

    def _run_one(self, plan: Plan, task: Task) -> None:
        start = time.monotonic()
        if task.future.cancelled() or (
            task.deadline is not None and task.deadline <= start
        ):
            result: Result | Exception = EXPIRED
        else:
            self._observe(task.rows, start - task.arrival)
            result = _run_alone(plan, task)
        with plan.lock:
            plan.running -= 1
        _deliver([task], [result])

    def _run_batches(self, plan: Plan) -> None:
        """Runs one batch, and starts the next one if more tasks wait."""
        parameters = plan.parameters or self._parameters
        if parameters.batch_timeout_micros:
            _linger(plan, parameters)
        batch = self._take(plan, parameters)
        if batch:
            self._run(plan, batch, parameters)
        with plan.lock:
            more = bool(plan.pending)
            if not more:
                plan.running -= 1
        if more:
            # Through the queue, so that other plans of the model get their turn.
            self._start_batch(plan)

    def _take(self, plan: Plan, parameters: BatchingParameters) -> list[Task]:
        """Removes the oldest task, and those that may run with it, from the queue."""
        batch: list[Task] = []
        with plan.lock:
            pending = plan.pending
            now = time.monotonic()
            rows, others = 0, []
            while pending:
                task = pending.popleft()
                if task.future.cancelled() or (
                    task.deadline is not None and task.deadline <= now
                ):
                    _deliver([task], [EXPIRED])
                    continue
                if not batch:
                    batch.append(task)
                    rows = task.rows
                    if not rows:
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
        """Runs a batch and delivers the outputs to its requests."""
        start = time.monotonic()
        rows = [task.rows for task in batch]
        self._observe(sum(rows), start - batch[0].arrival)
        if all(rows) and (len(batch) > 1 or parameters.allowed_batch_sizes):
            try:
                inputs = padded([task.arrays for task in batch], parameters)
                padding = len(inputs[0]) - sum(rows)
                outputs = plan.split(plan.run(inputs), [*rows, padding])
                elapsed = time.monotonic() - start
                _deliver(batch, [(output, elapsed) for output in outputs[:-1]])
                return
            except Exception as error:  # one of them is at fault: find out which
                _log.debug("batch of %d failed: %s", len(batch), error)
        for task in batch:
            _deliver([task], [_run_alone(plan, task)])


EXPIRED = ServingError(Code.DEADLINE_EXCEEDED, "Deadline exceeded before the run")


def _linger(plan: Plan, parameters: BatchingParameters) -> None:
    """Waits for a full batch, but not past `batch_timeout_micros`."""
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


def _run_alone(plan: Plan, task: Task) -> Result | Exception:
    start = time.monotonic()
    try:
        return plan.run(task.arrays, task.deadline), time.monotonic() - start
    except Exception as error:  # the error is the answer
        return error


def _deliver(tasks: list[Task], results: Sequence[Result | Exception]) -> None:
    """Resolves the futures on their event loop, in one step for the batch."""
    call_on(tasks[0].future.get_loop(), _resolve, tasks, results)


def _resolve(tasks: list[Task], results: Sequence[Result | Exception]) -> None:
    for task, result in zip(tasks, results, strict=True):
        settle(task.future, result, result if isinstance(result, Exception) else None)
