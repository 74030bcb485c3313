"""Requests that wait together run together, and their answers do not change."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf

from serving.server.batching import BATCH, GRPC, REST, Scheduler
from serving.server.configs import BatchingParameters
from serving.server.errors import ServingError
from serving.server.plan import Plan, Program
from serving.server.shapes import ShapeRule
from serving.server.tensors import TensorSpec
from serving.server.workers import Pools
from tests.serving.server.running import (
    Failure,
    RunningServer,
    failure_of,
    predict_request,
    spec,
)

FLOAT = tf.float32.as_datatype_enum
X = TensorSpec("x", "x:0", FLOAT, np.dtype(np.float32), (None,))
Y = TensorSpec("y", "y:0", FLOAT, np.dtype(np.float32), (None,))


class Function:
    """Replaces a graph: keeps its calls, and can be blocked."""

    def __init__(self, compute: Callable[[np.ndarray], np.ndarray]):
        self._compute = compute
        self.calls: list[Any] = []
        self.threads: list[int] = []
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, x: np.ndarray) -> Sequence[np.ndarray]:
        self.calls.append(x.tolist())
        self.threads.append(threading.get_ident())
        self.entered.set()
        assert self.gate.wait(30)
        return [self._compute(x)]


def make_plan(function: Function, rows_apart: bool = True) -> Plan:
    rule = ShapeRule([X], frozenset(), lambda shapes: None)
    program = Program(function, rule, None)
    return Plan([X], [Y], program, group="adder", rows_apart=rows_apart)


def arrays(*values: float) -> tuple[np.ndarray]:
    return (np.array(values, np.float32),)


class RunningScheduler(Scheduler):
    """A scheduler with its own threads."""

    def __init__(self, strict: bool, parameters: BatchingParameters):
        self._own = Pools({GRPC: 4, REST: 4, BATCH: 4})
        super().__init__(
            parameters,
            self._own,
            enable_batching=strict,
            observe=lambda rows, waited: None,
        )

    def close(self) -> None:
        assert self._own.close(time.monotonic() + 30)


def make_scheduler(strict: bool = False, **parameters: Any) -> RunningScheduler:
    return RunningScheduler(strict, BatchingParameters(**parameters))


async def queue_behind_one(
    scheduler: RunningScheduler, plan: Plan, function: Function, requests: Any
) -> list[Any]:
    """Submits requests while a first one runs; returns all their results."""
    function.gate.clear()
    function.entered.clear()
    first = scheduler.submit(plan, arrays(0))
    await asyncio.to_thread(function.entered.wait, 30)
    others = [scheduler.submit(plan, request) for request in requests]
    function.gate.set()
    return list(await asyncio.gather(first, *others, return_exceptions=True))


class TestScheduler:
    async def test_what_waits_during_a_run_is_the_next_batch(self) -> None:
        function = Function(lambda x: x + 1)
        scheduler, plan = make_scheduler(), make_plan(function)
        results = await queue_behind_one(
            scheduler, plan, function, [arrays(1), arrays(2, 3), arrays(4)]
        )
        assert function.calls == [[0], [1, 2, 3, 4]]
        found = [outputs[0].tolist() for outputs, _ in results]
        assert found == [[1], [2], [3, 4], [5]]
        scheduler.close()

    async def test_without_a_marker_requests_run_apart(self) -> None:
        function = Function(lambda x: x)
        scheduler, plan = make_scheduler(), make_plan(function, rows_apart=False)
        await asyncio.gather(*(scheduler.submit(plan, arrays(i)) for i in range(3)))
        assert sorted(function.calls) == [[0], [1], [2]]
        assert threading.get_ident() not in function.threads
        scheduler.close()

    async def test_other_shapes_than_the_declared_one_run_apart(self) -> None:
        function = Function(lambda x: x)
        scheduler, plan = make_scheduler(), make_plan(function)
        futures = [scheduler.submit(plan, arrays(i), alone=True) for i in range(3)]
        await asyncio.gather(*futures)
        assert sorted(function.calls) == [[0], [1], [2]]
        scheduler.close()

    async def test_a_long_batch_keeps_nobody_waiting(self) -> None:
        second = threading.Event()

        def compute(x: np.ndarray) -> np.ndarray:
            # The first call ends after the second one, which came later, has run.
            if x[0] == 0:
                assert second.wait(30)
            else:
                second.set()
            return x

        function = Function(compute)
        scheduler, plan = make_scheduler(), make_plan(function)
        first = scheduler.submit(plan, arrays(0))
        await asyncio.to_thread(function.entered.wait, 30)
        await asyncio.gather(first, scheduler.submit(plan, arrays(1)))
        assert function.calls == [[0], [1]]
        scheduler.close()

    async def test_a_batch_has_an_end(self) -> None:
        function = Function(lambda x: x)
        scheduler, plan = make_scheduler(max_batch_size=3), make_plan(function)
        requests = [arrays(1, 1), arrays(2, 2), arrays(3), arrays(4, 4, 4, 4)]
        await queue_behind_one(scheduler, plan, function, requests)
        assert function.calls == [[0], [1, 1], [2, 2, 3], [4, 4, 4, 4]]
        scheduler.close()

    async def test_other_shapes_wait_for_their_own_batch(self) -> None:
        function = Function(lambda x: x.sum(axis=tuple(range(1, x.ndim))))
        scheduler, plan = make_scheduler(), make_plan(function)
        wide = (np.ones([1, 2], np.float32),)
        results = await queue_behind_one(
            scheduler, plan, function, [arrays(1), wide, arrays(2), wide]
        )
        assert function.calls == [[0], [1, 2], [[1, 1], [1, 1]]]
        found = [outputs[0].tolist() for outputs, _ in results]
        assert found == [[0], [1], [2], [2], [2]]
        scheduler.close()

    async def test_a_bad_request_fails_alone(self) -> None:
        def root(x: np.ndarray) -> np.ndarray:
            if (x < 0).any():
                raise ValueError("negative")
            return np.sqrt(x)

        function = Function(root)
        scheduler, plan = make_scheduler(), make_plan(function)
        results = await queue_behind_one(
            scheduler, plan, function, [arrays(4), arrays(-1), arrays(9)]
        )
        assert [outputs[0].tolist() for outputs, _ in results[:2]] == [[0], [2]]
        assert isinstance(results[2], ValueError)
        assert results[3][0][0].tolist() == [3]
        scheduler.close()

    async def test_who_no_longer_waits_is_not_run(self) -> None:
        function = Function(lambda x: x)
        scheduler, plan = make_scheduler(), make_plan(function)
        function.gate.clear()
        first = scheduler.submit(plan, arrays(0))
        await asyncio.to_thread(function.entered.wait, 30)
        cancelled = scheduler.submit(plan, arrays(1))
        cancelled.cancel()
        late = scheduler.submit(plan, arrays(2), deadline=0.0)
        function.gate.set()
        await first
        with pytest.raises(ServingError, match="DEADLINE_EXCEEDED"):
            await late
        assert function.calls == [[0]]
        scheduler.close()

    async def test_padding_to_an_allowed_size(self) -> None:
        function = Function(lambda x: x + 1)
        plan = make_plan(function)
        scheduler = make_scheduler(
            strict=True, max_batch_size=4, allowed_batch_sizes=(2, 4)
        )
        outputs, _ = await scheduler.submit(plan, arrays(5, 6, 7))
        assert function.calls == [[5, 6, 7, 5]]
        assert outputs[0].tolist() == [6, 7, 8]
        scheduler.close()

    async def test_requests_of_other_lengths_padded_to_one(self) -> None:
        function = Function(lambda x: x.sum(axis=1) if x.ndim > 1 else x)
        plan = make_plan(function)
        scheduler = make_scheduler(pad_variable_length_inputs=True)
        requests = [(np.full([1, n], n, np.float32),) for n in (1, 3)]
        await queue_behind_one(scheduler, plan, function, requests)
        assert function.calls[1:] == [[[1, 1, 1], [3, 3, 3]]]
        scheduler.close()

    async def test_a_timeout_gathers_a_batch(self) -> None:
        function = Function(lambda x: x)
        plan = make_plan(function)
        scheduler = make_scheduler(batch_timeout_micros=30_000_000, max_batch_size=3)
        futures = [scheduler.submit(plan, arrays(i)) for i in range(3)]
        await asyncio.wait_for(asyncio.gather(*futures), 20)
        assert function.calls == [[0, 1, 2]]
        scheduler.close()

    async def test_the_errors_of_enable_batching(self) -> None:
        function = Function(lambda x: x)
        plan = make_plan(function)
        scheduler = make_scheduler(
            strict=True, max_batch_size=2, max_request_size=2, max_enqueued_batches=1
        )
        with pytest.raises(
            ServingError,
            match="Task size 3 is larger than maximum input batch size 2",
        ):
            scheduler.submit(plan, arrays(1, 2, 3))
        function.gate.clear()
        first = scheduler.submit(plan, arrays(0))
        await asyncio.to_thread(function.entered.wait, 30)
        waiting = scheduler.submit(plan, arrays(1, 2))
        with pytest.raises(
            ServingError,
            match="UNAVAILABLE: The batch scheduling queue to which this task was",
        ):
            scheduler.submit(plan, arrays(3))
        function.gate.set()
        await asyncio.gather(first, waiting)
        scheduler.close()


class TestUnderLoad:
    @pytest.mark.parametrize(
        ("signature", "expected"),
        [
            ("serving_default", lambda x: x + 3),
            ("centred", lambda x: x - x.mean()),
            ("root", np.sqrt),
        ],
    )
    def test_everybody_gets_their_own_answer(
        self, server: RunningServer, signature: str, expected: Any
    ) -> None:
        generator = np.random.default_rng(11)
        inputs = [
            generator.uniform(0, 9, generator.integers(1, 5)).astype(np.float32)
            for _ in range(300)
        ]
        if signature == "root":
            for x in inputs[::7]:
                x[0] = -1.0

        def ask(x: np.ndarray) -> Any:
            try:
                return server.predict({"x": x}, spec(signature=signature))["y"]
            except grpc.RpcError as error:
                return error.code()

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(ask, inputs))
        for x, answer in zip(inputs, answers, strict=True):
            if signature == "root" and x[0] < 0:
                assert answer is grpc.StatusCode.INVALID_ARGUMENT
            else:
                np.testing.assert_allclose(answer, expected(x), rtol=1e-4, atol=1e-5)

    def test_enable_batching_from_files(self, library: Path, tmp_path: Path) -> None:
        parameters = tmp_path / "batching.config"
        parameters.write_text(
            "max_batch_size { value: 4 } batch_timeout_micros { value: 1000 } "
            "num_batch_threads { value: 2 } allowed_batch_sizes: [2, 4]"
        )
        with RunningServer(
            model_name="adder",
            model_base_path=str(library / "adder"),
            enable_batching=True,
            batching_parameters_file=str(parameters),
        ) as running:
            assert running.predict({"x": [1.0, 2.0, 3.0]})["y"].tolist() == [4, 5, 6]
            assert running.refused({"x": [0.0] * 5}) == Failure(
                grpc.StatusCode.INVALID_ARGUMENT,
                "Task size 5 is larger than maximum input batch size 4",
            )
            request = predict_request(
                {"a": [1.0, 2.0], "b": [1.0]}, spec(signature="two_inputs")
            )
            assert failure_of(running.call, request) == Failure(
                grpc.StatusCode.INVALID_ARGUMENT,
                "Batching Run() input tensors must have equal 0th-dimension size",
            )
