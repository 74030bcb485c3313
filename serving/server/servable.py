"""Loads a version of a model, and makes the plans that run it."""

import logging
import os
import threading
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from serving.server import configs, marker, tflite_runtime
from serving.server.configs import BatchingParameters
from serving.server.errors import Code, ServingError
from serving.server.flags import Options
from serving.server.graph_runtime import GraphRuntime
from serving.server.plan import Plan
from serving.server.signatures import Signature
from serving.server.tensors import TensorSpec
from serving.server.tflite_runtime import TfliteRuntime

_log = logging.getLogger(__name__)

# Largest number of kept plans: each new output filter of a client makes one.
_MAX_PLANS = 64
# tf.saved_model.save writes these for the loaders; they have no outputs.
_INTERNAL_SIGNATURES = ("__saved_model_init_op", "__saved_model_train_op")
_PER_MODEL_BATCHING = "batching_params.pbtxt"


class Servable:
    """A loaded version of a model: its signatures and their plans.

    Attributes:
        rows_apart: names of the signatures whose requests may share runs.
        references: number of requests that use it (counted by the manager).
        response_specs: serialised parts of Predict's responses, by signature.
    """

    def __init__(
        self,
        name: str,
        version: int,
        path: str,
        options: Options,
        config: config_pb2.ConfigProto,
    ):
        """Loads the version, and compiles its signatures, so that no request has to.

        Raises:
            ServingError: see `session.load`.
        """
        self.name = name
        self.version = version
        self.path = path
        self.references = 0
        self.response_specs: dict[str, bytes] = {}
        self.batching = _per_model_batching(path, options)
        self._runtime: GraphRuntime | TfliteRuntime
        if tflite_runtime.wanted(path, options):
            self._runtime = TfliteRuntime(path, options)
            self.rows_apart: frozenset[str] = frozenset()
        else:
            self._runtime = GraphRuntime(name, path, options, config)
            self.rows_apart = marker.read(path)
        self.signature_defs = self._runtime.signature_defs
        self.signatures = self._runtime.signatures
        self._plans: dict[Any, Plan] = {}
        self._lock = threading.Lock()
        try:
            self._compile()
        except BaseException:
            self.close()
            raise

    def signature_plan(self, signature: Signature, aliases: tuple[str, ...]) -> Plan:
        """Returns the plan that computes the outputs `aliases` of `signature`."""
        key = (signature.name, aliases)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._make(
                key,
                signature.feeds(),
                signature.fetches(aliases),
                signature.name in self.rows_apart,
            )
        return plan

    def plan(
        self,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        signatures: Sequence[str],
    ) -> Plan:
        """Returns the plan that computes the tensors `outputs` from `inputs`."""
        key = (
            tuple(spec.name for spec in inputs),
            tuple(spec.name for spec in outputs),
            tuple(signatures),
        )
        apart = self.rows_apart.issuperset(signatures)
        return self._plans.get(key) or self._make(key, inputs, outputs, apart)

    def _make(
        self,
        key: Any,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        rows_apart: bool,
    ) -> Plan:
        with self._lock:
            if key in self._plans:
                return self._plans[key]
            feeds = [spec.name for spec in inputs]
            if len(set(feeds)) < len(feeds):
                raise ServingError(
                    Code.UNIMPLEMENTED, f"Two inputs share one tensor: {feeds}"
                )
            plan = Plan(
                inputs,
                outputs,
                self._runtime.compile(inputs, outputs),
                group=self.name,
                rows_apart=rows_apart
                and all(spec.batched for spec in (*inputs, *outputs)),
                parameters=self.batching,
            )
            if len(self._plans) >= _MAX_PLANS:
                idle = (key for key, old in self._plans.items() if not old.running)
                if (oldest := next(idle, None)) is not None:
                    del self._plans[oldest]
            self._plans[key] = plan
            return plan

    def _compile(self) -> None:
        """Makes the plans; callers of a signature without a plan get its error."""
        for signature in self.signatures.values():
            if signature.name in _INTERNAL_SIGNATURES:
                continue
            try:
                self.signature_plan(signature, tuple(signature.outputs))
            except (ServingError, tf.errors.OpError, ValueError, KeyError) as error:
                _log.warning(
                    "%s version %d: signature %s cannot be run: %s",
                    self.name,
                    self.version,
                    signature.name,
                    error,
                )

    @property
    def running(self) -> bool:
        """Whether a batch is queued or runs, even if no caller waits for it."""
        return any(plan.running for plan in tuple(self._plans.values()))

    def close(self) -> None:
        """Frees the plans and the runtime. No run may be active."""
        self._plans.clear()
        self._runtime.close()


def _per_model_batching(path: str, options: Options) -> BatchingParameters | None:
    """Reads the version's own batching parameters, if the flags ask for them."""
    if not (options.enable_batching and options.enable_per_model_batching_parameters):
        return None
    file = os.path.join(path, _PER_MODEL_BATCHING)
    return configs.read_batching_parameters(file) if os.path.exists(file) else None
