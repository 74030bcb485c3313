"""Answers small Predict calls without the event loop.

To hand a small request to another thread and back costs more than to run it, and the
event loop is one more step. So small calls are decoded where they arrive, on the thread
of gRPC's core (`grpc_core`). Then:

- Calls of plans with independent rows (`marker`) run there if earlier calls of the same
  shapes were quick; calls that arrived together run as one batch. A marker is only for
  operations whose work is bounded by their shapes, so calls of equal shapes take about
  the same time.
- Other calls of graphs without a loop run alone on a thread of their model, which also
  answers them.

Every other call, and every invalid one, goes to its handler.
"""

import dataclasses
import functools
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from tensorflow_serving.apis import predict_pb2

from serving.server.batching import EXPIRED, GRPC, Outputs
from serving.server.errors import as_serving_error
from serving.server.grpc_call import Call
from serving.server.model_info import check_model_spec
from serving.server.plan import Plan, merge
from serving.server.predict import Prediction, row_count
from serving.server.servable import Servable
from serving.server.service import LARGE, Caller, PredictionService, deadline_after
from serving.server.service_descriptors import PREDICTION_SERVICE

PREDICT = f"/{PREDICTION_SERVICE}/Predict".encode()

# Longest run on this thread, as estimated from earlier runs.
_QUICK_SECONDS = 1e-3
_MAX_ROWS = 64


@dataclasses.dataclass(slots=True)
class _Taken:
    """A waiting call; `start` is the `time.perf_counter()` of its arrival."""

    call: Call
    caller: Caller
    request: Any
    prediction: Prediction
    servable: Servable
    start: float

    @property
    def rows(self) -> int:
        """The rows of its inputs; 0 if they have none."""
        return row_count(self.prediction.arrays)


class DirectPredict:
    """Takes calls, runs them and answers them."""

    def __init__(self, service: PredictionService):
        self._service = service
        # With batching parameters the scheduler forms the batches.
        self._off = service.options.enable_batching
        self._taken: dict[Any, list[_Taken]] = {}

    def take(self, call: Call, data: bytes) -> bool:
        """Takes a call; returns False to leave it to its handler."""
        if self._off or call.method != PREDICT or len(data) > LARGE:
            return False
        start = time.perf_counter()
        manager, options = self._service.manager, self._service.options
        servable = None
        try:
            request = call.parsed = predict_pb2.PredictRequest.FromString(data)
            check_model_spec(request)
            servable = manager.acquire(request.model_spec)
            prediction = Prediction(servable, request, options)
            caller = Caller(
                GRPC,
                deadline_after(call.time_remaining()),
                call.invocation_metadata,
                len(data),
            )
            item = _Taken(call, caller, request, prediction, servable, start)
            if self._place(prediction.plan, item):
                return True
        except Exception:
            # The handler meets the same error and reports it.
            pass
        if servable is not None:
            manager.release(servable)
        return False

    def _place(self, plan: Plan, item: _Taken) -> bool:
        """Queues a call for `flush` or a thread; False leaves it to its handler."""
        arrays = item.prediction.arrays
        if plan.rows_apart:
            shapes = _shapes_if_quick(plan, arrays)
            if shapes is not None:
                self._taken.setdefault((plan, shapes), []).append(item)
            return shapes is not None
        if plan.breaks_off or plan.shapes.must_infer(arrays):
            return False
        plan.shapes.fits(arrays)
        plan.shapes.check_inferred(arrays)
        item.call.watch()
        pool = self._service.pools.of(plan.group, GRPC)
        pool.submit(functools.partial(self._run_alone, plan, item))
        return True

    def _run_alone(self, plan: Plan, item: _Taken) -> None:
        """Runs a call on a thread of its model, if its caller still waits."""
        deadline = item.caller.deadline
        if item.call.gone or (deadline is not None and deadline <= time.monotonic()):
            self._answer(item, EXPIRED, 0.0)
        else:
            self._run(plan, [item])

    def flush(self) -> None:
        """Runs and answers the calls that wait for it."""
        if not self._taken:
            return
        groups, self._taken = self._taken, {}
        for (plan, shapes), taken in groups.items():
            while taken:
                seconds = plan.row_seconds.get(shapes, _QUICK_SECONDS)
                limit = min(_MAX_ROWS, _QUICK_SECONDS / seconds)
                count = rows = 0
                for item in taken:
                    rows += item.rows
                    if count and rows > limit:
                        break
                    count += 1
                self._run(plan, taken[:count])
                del taken[:count]

    def _run(self, plan: Plan, batch: list[_Taken]) -> None:
        now = time.perf_counter()
        rows = [item.rows for item in batch]
        self._service.metrics.record_batch(sum(rows), now - batch[0].start)
        try:
            if len(batch) == 1:
                outputs = [plan.run(batch[0].prediction.arrays)]
            else:
                inputs = merge([item.prediction.arrays for item in batch])
                outputs = plan.split(plan.run(inputs), rows)
        except Exception as error:
            if len(batch) == 1:
                self._answer(batch[0], error, 0.0)
            else:  # one of them is at fault: find out which
                for item in batch:
                    self._run(plan, [item])
            return
        seconds = time.perf_counter() - now
        for item, output in zip(batch, outputs, strict=True):
            self._answer(item, output, seconds)

    def _answer(
        self, item: _Taken, result: Outputs | Exception, seconds: float
    ) -> None:
        """Sends the result of a run that took `seconds`, and counts it."""
        service, servable, caller = self._service, item.servable, item.caller
        status = "OK"
        try:
            if isinstance(result, Exception):
                raise result
            response = item.prediction.response(result)
            service.log(
                servable, "Predict", item.prediction, item.request, response, caller
            )
            service.ran(servable, "Predict", item.rows, seconds)
            if caller.logged_as:
                item.call.set_trailing_metadata((("x-request-id", caller.logged_as),))
            item.call.finish(response)
        except Exception as failure:
            error = as_serving_error(failure)
            status = error.code.name
            item.call.finish(None, error.code, error.wire_message)
        finally:
            service.manager.release(servable)
        service.answered(servable.name, "Predict", "GRPC", status, item.start)


def _shapes_if_quick(plan: Plan, arrays: Sequence[np.ndarray]) -> Any:
    """Returns the shapes of the rows, or None if they may not run here."""
    if not plan.shapes.fits(arrays):
        return None
    rows = len(arrays[0])
    if not 0 < rows <= _MAX_ROWS or any(len(array) != rows for array in arrays):
        return None
    shapes = plan.row_shapes(arrays)
    if rows * plan.row_seconds.get(shapes, _QUICK_SECONDS) >= _QUICK_SECONDS:
        return None
    return shapes
