"""Small calls of marked signatures run together on gRPC's thread."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from serving.server.direct import PREDICT, DirectPredict
from tests.serving.server import odd_models
from tests.serving.server.running import (
    RunningServer,
    eventually,
    predict_request,
    spec,
)
from tests.serving.server.saved_models import save_adder

QUICK = 1e-6
SLOW = 0.5


class Call:
    """Replaces a call of gRPC; keeps its answer."""

    def __init__(self, request: Any, method: bytes = PREDICT):
        self.data = request.SerializeToString()
        self.method = method
        self.parsed: Any = None
        self.response: bytes | None = None
        self.code: grpc.StatusCode | None = None
        self.gone = False
        self.done = threading.Event()
        self.thread = ""

    def watch(self) -> None:
        pass

    def time_remaining(self) -> float:
        return 30.0

    def invocation_metadata(self) -> tuple[()]:
        return ()

    def finish(
        self,
        response: bytes | None,
        code: grpc.StatusCode = grpc.StatusCode.OK,
        details: str = "",
    ) -> None:
        self.response, self.code = response, code
        self.thread = threading.current_thread().name
        self.done.set()

    @property
    def y(self) -> Any:
        assert self.response is not None
        answer = predict_pb2.PredictResponse.FromString(self.response)
        return tf.make_ndarray(answer.outputs["y"]).tolist()


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    base = tmp_path_factory.mktemp("marked")
    save_adder(base / "1", 1.0, only=("serving_default", "root", "pair", "slow"))
    odd_models.mark(base / "1", "serving_default", "root")
    with RunningServer(model_name="adder", model_base_path=str(base)) as server:
        yield server


class Quick(DirectPredict):
    """A DirectPredict whose run times are set by the test, with its counts."""

    def __init__(self, server: RunningServer, row_seconds: float | None = QUICK):
        self.counted: list[str] = []
        service = copy.copy(server.server._service)
        service.answered = lambda *about: (  # type: ignore[method-assign]
            self.counted.append(about[3])
        )
        super().__init__(service)
        self._server = server
        for name in ("serving_default", "root", "pair"):
            self.plan(name).row_seconds = (
                {} if row_seconds is None else {((),): row_seconds}
            )

    def plan(self, name: str) -> Any:
        servable = self.servable()
        signature = servable.signatures[name]
        return servable.signature_plan(signature, tuple(signature.outputs))

    def servable(self) -> Any:
        manager = self._server.server.manager
        servable = manager.acquire(spec())
        manager.release(servable)
        return servable

    def takes(self, call: Call) -> bool:
        return self.take(call, call.data)  # type: ignore[arg-type]

    def runs(self) -> int:
        return self._server.server.metrics.graph_runs.total()


def call(*values: float, signature: str = "") -> Call:
    return Call(predict_request({"x": list(values)}, spec(signature=signature)))


def test_those_that_came_together_are_one_run(marked: RunningServer) -> None:
    quick, calls = Quick(marked), [call(1), call(2, 3), call(4)]
    before = quick.runs()
    assert all(map(quick.takes, calls))
    quick.flush()
    assert [item.y for item in calls] == [[2], [3, 4], [5]]
    assert quick.runs() == before + 1
    assert quick.counted == ["OK"] * 3
    assert quick.servable().references == 0


def test_a_run_is_no_longer_than_a_quick_one(marked: RunningServer) -> None:
    # If a row takes 0.4 ms, two rows take less than 1 ms.
    quick, calls = Quick(marked, 4e-4), [call(float(i)) for i in range(5)]
    before = quick.runs()
    assert all(map(quick.takes, calls))
    plan = quick.plan("serving_default")
    plan._learn = lambda arrays, elapsed: None
    quick.flush()
    del plan._learn
    assert [item.y for item in calls] == [[i + 1] for i in range(5)]
    assert quick.runs() == before + 3


def test_one_that_fails_fails_alone(marked: RunningServer) -> None:
    quick, calls = Quick(marked), [call(v, signature="root") for v in (4, -1, 9)]
    assert all(map(quick.takes, calls))
    quick.flush()
    assert (calls[0].y, calls[2].y) == ([2], [3])
    assert calls[1].code is grpc.StatusCode.INVALID_ARGUMENT
    assert sorted(quick.counted) == ["INVALID_ARGUMENT", "OK", "OK"]
    assert quick.servable().references == 0


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(
            Call(predict_request({"turns": np.int32(1)}, spec(signature="slow"))),
            id="a loop",
        ),
        pytest.param(call(*[1.0] * 65), id="many rows"),
        pytest.param(Call(predict_request({"x": [[1.0]]}, spec())), id="another shape"),
        pytest.param(Call(predict_request({"x": []}, spec())), id="no rows"),
        pytest.param(Call(predict_request({"z": [1.0]}, spec())), id="a wrong name"),
        pytest.param(Call(predict_request({"x": [1.0]}, spec("nobody"))), id="nobody"),
        pytest.param(Call(predict_request({"x": [1.0]}), b"/other"), id="not Predict"),
    ],
)
def test_what_it_leaves_to_its_handler(marked: RunningServer, other: Call) -> None:
    quick = Quick(marked)
    assert not quick.takes(other)
    assert quick.servable().references == 0


def test_without_a_marker_each_runs_alone_on_a_thread(marked: RunningServer) -> None:
    quick, calls = Quick(marked), [call(float(i), signature="pair") for i in range(3)]
    before = quick.runs()
    assert all(map(quick.takes, calls))
    assert all(item.done.wait(30) for item in calls)
    assert [item.y for item in calls] == [[i + 1] for i in range(3)]
    assert quick.runs() == before + 3
    assert {item.thread[:10] for item in calls} == {"grpc-adder"}
    eventually(lambda: quick.servable().references == 0)
    assert quick.counted == ["OK"] * 3


def test_who_is_gone_is_not_run(marked: RunningServer) -> None:
    quick, gone = Quick(marked), call(1, signature="pair")
    gone.gone = True
    before = quick.runs()
    assert quick.takes(gone)
    assert gone.done.wait(30)
    assert gone.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert quick.runs() == before


@pytest.mark.parametrize("row_seconds", [None, SLOW])
def test_what_is_slow_or_not_known_is_left(
    marked: RunningServer, row_seconds: float | None
) -> None:
    assert not Quick(marked, row_seconds).takes(call(1))


def test_a_run_elsewhere_makes_its_kind_known(marked: RunningServer) -> None:
    quick = Quick(marked, None)
    marked.predict({"x": [1.0]})
    assert list(quick.plan("serving_default").row_seconds) == [((),)]


def test_with_enable_batching_the_scheduler_decides(marked: RunningServer) -> None:
    with RunningServer(
        model_name="adder",
        model_base_path=marked.options.model_base_path,
        enable_batching=True,
    ) as server:
        assert not Quick(server).takes(call(1))
