"""What the server does for a request, whichever way it came."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from serving.server import inference, multi_inference
from serving.server.batching import Scheduler
from serving.server.flags import Options
from serving.server.inference import Inference
from serving.server.manager import ModelManager
from serving.server.metrics import Metrics
from serving.server.model_info import check_model_spec
from serving.server.plan import Plan
from serving.server.predict import Prediction, row_count

# Prepares a request of examples: see `inference.classify`.
Prepare = Callable[[Any, Any, bool], Inference]

# The Session runtime, by the name TensorFlow Serving's metrics give it.
_RUNTIME = "TF1"


class PredictionService:
    """Predict, Classify, Regress and MultiInference on the models of a manager.

    Its coroutines belong to one event loop; the graphs run on the scheduler's
    threads.

    Attributes:
        manager: the models.
        options: the server's.
        metrics: what is counted.
    """

    def __init__(
        self,
        manager: ModelManager,
        scheduler: Scheduler,
        options: Options,
        metrics: Metrics,
    ):
        self.manager = manager
        self.options = options
        self.metrics = metrics
        self._scheduler = scheduler

    async def predict(self, request: Any, deadline: float | None) -> bytes:
        """Answer a `PredictRequest` with a serialised `PredictResponse`.

        Args:
            request: the message.
            deadline: `time.monotonic()` after which nobody wants the answer.

        Raises:
            ServingError: the request does not fit what is served.
            tf.errors.OpError: the graph refuses it.
        """
        check_model_spec(request)
        servable = self.manager.acquire(request.model_spec)
        try:
            prediction = Prediction(servable, request, self.options.max_message_bytes)
            outputs = await self.run(
                prediction.plan, prediction.arrays, deadline, servable.name, "Predict"
            )
            self.metrics.record_examples(servable.name, row_count(prediction.arrays))
            return prediction.response(
                outputs, self.options.enable_serialization_as_tensor_content
            )
        finally:
            self.manager.release(servable)

    async def classify(self, request: Any, deadline: float | None) -> Any:
        """Answer a `ClassificationRequest`; arguments and errors as `predict`."""
        check_model_spec(request)
        return await self._infer(
            inference.classify, request.model_spec, request, deadline, "Classify"
        )

    async def regress(self, request: Any, deadline: float | None) -> Any:
        """Answer a `RegressionRequest`; arguments and errors as `predict`."""
        check_model_spec(request)
        return await self._infer(
            inference.regress, request.model_spec, request, deadline, "Regress"
        )

    async def multi_inference(self, request: Any, deadline: float | None) -> Any:
        """Answer a `MultiInferenceRequest`; arguments and errors as `predict`."""
        multi_inference.check_tasks(request)
        return await self._infer(
            multi_inference.multi_inference,
            request.tasks[0].model_spec,
            request,
            deadline,
            "MultiInference",
        )

    async def _infer(
        self,
        prepare: Prepare,
        spec: Any,
        request: Any,
        deadline: float | None,
        api: str,
    ) -> Any:
        servable = self.manager.acquire(spec)
        try:
            check = self.options.enable_signature_method_name_check
            prepared = prepare(servable, request, check)
            outputs = await self.run(
                prepared.plan, prepared.arrays, deadline, servable.name, api
            )
            self.metrics.record_examples(servable.name, row_count(prepared.arrays))
            return prepared.response(outputs)
        finally:
            self.manager.release(servable)

    async def run(
        self,
        plan: Plan,
        arrays: Sequence[np.ndarray],
        deadline: float | None,
        model: str,
        api: str,
    ) -> list[np.ndarray]:
        """Run a plan, alone or with others that wait for it.

        Args:
            plan: what to run, of a servable the caller holds.
            arrays: its inputs.
            deadline: `time.monotonic()` after which it need not be run.
            model: name of the model, for the metrics.
            api: name of the call, for the metrics.

        Returns:
            The plan's outputs for these inputs.
        """
        outputs, seconds = await self._scheduler.submit(plan, arrays, deadline)
        self.metrics.runtime_latency.observe((model, api, _RUNTIME), seconds * 1e6)
        return outputs


def deadline_after(seconds: float | None) -> float | None:
    """Turn the time that remains into a `time.monotonic()` deadline."""
    return None if seconds is None else time.monotonic() + seconds
