"""Answers the requests of both APIs, gRPC and REST."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from serving.server import inference, multi_inference
from serving.server.batching import GRPC, Scheduler
from serving.server.errors import Code, ServingError
from serving.server.flags import Options
from serving.server.inference import Inference
from serving.server.manager import ModelManager
from serving.server.metrics import Metrics
from serving.server.model_info import check_model_spec
from serving.server.plan import Plan
from serving.server.predict import Prediction, row_count
from serving.server.request_log import RequestLogs, request_id_of
from serving.server.servable import Servable
from serving.server.workers import Pools

# The calls that run a model, with the functions that prepare their requests.
APIS: dict[str, Callable[[Servable, Any, Options], Inference | Prediction]] = {
    "Predict": Prediction,
    "Classify": inference.classify,
    "Regress": inference.regress,
    "MultiInference": multi_inference.multi_inference,
}

# Name of the Session runtime in TensorFlow Serving's metrics.
_RUNTIME = "TF1"

# Work on more bytes than this is done on a thread, so that the event loop stays free.
LARGE = 1 << 15


@dataclasses.dataclass(slots=True)
class Caller:
    """The caller of a request.

    Attributes:
        entry: the API, `GRPC` or `REST`.
        deadline: `time.monotonic()` after which the caller does not wait.
        headers: returns the names and values of the request's headers.
        size: bytes of the request.
        logged_as: the id under which the request was logged; empty if it was not.
    """

    entry: str = GRPC
    deadline: float | None = None
    headers: Callable[[], Iterable[tuple[str, Any]]] = tuple
    size: int = 0
    logged_as: str = ""


class PredictionService:
    """Answers Predict, Classify, Regress and MultiInference with a manager's models.

    Its coroutines belong to one event loop; the graphs run on the scheduler's
    threads.
    """

    def __init__(
        self,
        manager: ModelManager,
        scheduler: Scheduler,
        pools: Pools,
        options: Options,
        metrics: Metrics,
        logs: RequestLogs,
    ):
        self.manager = manager
        self.options = options
        self.metrics = metrics
        self.pools = pools
        self.logs = logs
        self._scheduler = scheduler

    async def answer(self, api: str, request: Any, caller: Caller) -> Any:
        """Answers a request of one of the `APIS`.

        Returns:
            The response message; a `PredictResponse` is serialised.

        Raises:
            ServingError: the request does not fit the served model.
            tf.errors.OpError: the graph refuses it.
        """
        if api == "MultiInference":
            multi_inference.check_tasks(request)
            spec = request.tasks[0].model_spec
        else:
            check_model_spec(request)
            spec = request.model_spec
        prepare, servable = APIS[api], self.manager.acquire(spec)
        try:
            prepared = await self.work(
                caller.size, servable, caller, prepare, servable, request, self.options
            )
            outputs = await self.run(
                servable, prepared.plan, prepared.arrays, caller, api
            )
            response = await self.work(
                byte_count(outputs), servable, caller, prepared.response, outputs
            )
            self.log(servable, api, prepared, request, response, caller)
            return response
        finally:
            self.manager.release(servable)

    async def work(
        self,
        size: int,
        servable: Servable,
        caller: Caller,
        function: Callable[..., Any],
        *arguments: Any,
    ) -> Any:
        """Calls a function for about `size` bytes; on a thread if more than `LARGE`."""
        if size <= LARGE:
            return function(*arguments)
        return await self.pools.call(servable.name, caller.entry, function, *arguments)

    async def run(
        self,
        servable: Servable,
        plan: Plan,
        arrays: Sequence[np.ndarray],
        caller: Caller,
        api: str,
    ) -> list[np.ndarray]:
        """Runs a plan for a request, alone or together with other requests.

        Returns:
            The plan's outputs for these inputs.

        Raises:
            ServingError: INVALID_ARGUMENT; the shapes may not run.
        """
        declared = plan.shapes.fits(arrays)
        if plan.shapes.must_infer(arrays):
            await self.pools.call(
                servable.name, caller.entry, plan.shapes.check_inferred, arrays
            )
        else:
            plan.shapes.check_inferred(arrays)
        outputs, seconds = await self._scheduler.submit(
            plan, arrays, caller.deadline, alone=not declared, entry=caller.entry
        )
        self.ran(servable, api, row_count(arrays), seconds)
        return outputs

    def ran(self, servable: Servable, api: str, rows: int, seconds: float) -> None:
        """Counts a request of `rows` rows, whose run took `seconds`."""
        self.metrics.runtime_latency.observe(
            (servable.name, api, _RUNTIME), seconds * 1e6
        )
        self.metrics.record_examples(servable.name, rows)

    def answered(
        self, model: str, api: str, entry: str, status: str, start: float
    ) -> None:
        """Counts an answer; `start` is the `time.perf_counter()` of its request."""
        if status == "OK":
            if api:
                elapsed = (time.perf_counter() - start) * 1e6
                self.metrics.request_latency.observe((model, api, entry), elapsed)
        elif model not in self.manager.names():
            # Otherwise every unknown name in a request would add a metric series.
            model = ""
        self.metrics.request_count.add((model, status))

    def log(
        self,
        servable: Servable,
        api: str,
        prepared: Any,
        request: Any,
        response: Any,
        caller: Caller,
    ) -> None:
        """Logs a request and its answer, if its model's configuration samples it.

        Args:
            servable: the servable that answered.
            api: one of the `APIS`.
            prepared: has the names of the requested signatures.
            request: the message, or a function that makes it.
            response: likewise, or its bytes.
            caller: the caller; gets the id in `logged_as`.
        """
        log = self.logs.sampled(servable.name)
        if log is None:
            return
        # Estimate for REST: the two messages are each about as large as the body.
        size = caller.size * 2 if callable(request) else caller.size + _size(response)
        caller.logged_as = request_id_of(caller.headers())
        names = prepared.signature_names
        log.record(servable, api, names, request, response, caller.logged_as, size)


def _size(response: Any) -> int:
    return len(response) if isinstance(response, bytes) else response.ByteSize()


def byte_count(arrays: Sequence[np.ndarray]) -> int:
    """Returns the approximate number of bytes in arrays."""
    return sum(
        array.nbytes if array.dtype != object else _text_bytes(array)
        for array in arrays
    )


def _text_bytes(array: np.ndarray) -> int:
    # To count many texts would take too long: estimate 32 bytes for each.
    if array.size > LARGE // 32:
        return array.size * 32
    return sum(map(len, array.flat))


def deadline_after(seconds: float | None) -> float | None:
    """Converts the remaining seconds to a `time.monotonic()` deadline.

    Raises:
        ServingError: DEADLINE_EXCEEDED; no time remains.
    """
    if seconds is None:
        return None
    if seconds <= 0:
        raise ServingError(Code.DEADLINE_EXCEEDED, "Deadline exceeded")
    return time.monotonic() + seconds
