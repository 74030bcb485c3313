"""No caller gets another caller's values, or waits for another caller."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serving.server import marker
from tests.serving.server import odd_models
from tests.serving.server.running import (
    TIMEOUT,
    RunningServer,
    eventually,
    predict_request,
    spec,
)
from tests.serving.server.saved_models import save_adder

# More requests than any pool has threads.
MANY = 40


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    odd_models.save_odd(root / "odd" / "1")
    save_adder(root / "adder" / "1", 1.0)
    odd_models.mark(root / "adder" / "1", "serving_default")
    return root


@pytest.fixture(scope="module")
def both(models: Path) -> Iterator[RunningServer]:
    config = models / "models.config"
    config.write_text(
        "model_config_list {"
        + "".join(
            f'config {{ name: "{name}" base_path: "{models / name}" '
            'model_platform: "tensorflow" }'
            for name in ("odd", "adder")
        )
        + "}"
    )
    with RunningServer(model_config_file=str(config)) as server:
        yield server


def ask(server: RunningServer, signature: str, x: Any) -> Any:
    (answer,) = server.predict({"x": x}, spec("odd", signature)).values()
    return answer.tolist()


class TestOthersValues:
    """Rows of these models depend on each other rarely, so trials prove little."""

    @pytest.mark.parametrize(
        ("signature", "usual", "rare", "expected"),
        [
            (
                "words",
                np.array([b"one two"], object),
                np.array([b"one two three four"], object),
                [[b"one", b"two"]],
            ),
            (
                "largest",
                np.array([500.0], np.float32),
                np.array([5000.0], np.float32),
                [0.5],
            ),
        ],
    )
    def test_an_answer_is_of_its_own_request(
        self,
        both: RunningServer,
        signature: str,
        usual: np.ndarray,
        rare: np.ndarray,
        expected: Any,
    ) -> None:
        with ThreadPoolExecutor(8) as pool:
            before = list(pool.map(lambda _: ask(both, signature, usual), range(50)))
            mixed = [
                pool.submit(ask, both, signature, rare if i % 2 else usual)
                for i in range(100)
            ]
            answers = [future.result() for future in mixed[::2]]
        assert before + answers == [expected] * 100


class TestMarker:
    def plan(self, server: RunningServer, model: str, signature: str) -> Any:
        manager = server.server.manager
        servable = manager.acquire(spec(model))
        manager.release(servable)
        found = servable.signatures[signature]
        return servable.signature_plan(found, tuple(found.outputs))

    def test_it_is_what_lets_requests_share_a_run(self, both: RunningServer) -> None:
        assert self.plan(both, "adder", "serving_default").rows_apart
        assert not self.plan(both, "adder", "pair").rows_apart
        assert not self.plan(both, "odd", "double").rows_apart

    @pytest.mark.parametrize(
        "change",
        [
            {"format": 2},
            {"saved_model_sha256": "0" * 64},
            {"signatures": "serving_default"},
            {"signatures": [1]},
            None,
        ],
    )
    def test_one_that_is_not_for_this_graph_means_nothing(
        self, models: Path, tmp_path: Path, change: Any
    ) -> None:
        version = save_adder(tmp_path / "1", 1.0, only=("serving_default",))
        odd_models.mark(version, "serving_default")
        assert marker.read(str(version)) == {"serving_default"}
        path = version / marker.MARKER_FILE
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, **change}) if change else "{")
        assert marker.read(str(version)) == frozenset()


def health(server: RunningServer) -> Callable[[], float]:
    """Returns a function that checks health and returns the seconds that it took."""
    stub = health_pb2_grpc.HealthStub(server.channel)

    def check() -> float:
        start = time.monotonic()
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT).status == 1
        return time.monotonic() - start

    return check


class TestWaiting:
    def test_long_requests_leave_other_models_and_health_alone(
        self, both: RunningServer
    ) -> None:
        request = predict_request({"x": np.int32(2**31 - 1)}, spec("odd", "spin"))
        long = [both.prediction.Predict.future(request, 4) for _ in range(MANY)]
        check = health(both)
        answered = 0
        while answered < 5:
            check()
            both.predict({"x": [1.0]}, spec("adder", "pair"))
            both.predict({"x": [1.0]}, spec("adder"))
            # The loop, too, would get no thread of TensorFlow's shared pool.
            both.predict({"turns": np.int32(1)}, spec("adder", "slow"))
            both.rest("/v1/models/adder:predict", {"inputs": [1.0]})
            answered += 1
        assert not any(call.done() for call in long[-8:])
        for call in long:
            call.cancel()

    def test_quick_ones_before_do_not_put_a_long_one_on_the_event_loop(
        self, both: RunningServer
    ) -> None:
        for _ in range(30):
            ask(both, "spin", np.int32(1))
        request = predict_request({"x": np.int32(2**31 - 1)}, spec("odd", "spin"))
        long = both.prediction.Predict.future(request, 4)
        time.sleep(0.05)
        health(both)()
        assert not long.done()
        long.cancel()

    def test_a_loop_ends_at_its_caller_s_deadline(self, both: RunningServer) -> None:
        request = predict_request({"x": np.int32(2**31 - 1)}, spec("odd", "spin"))
        for _ in range(MANY):
            with pytest.raises(grpc.RpcError):
                both.prediction.Predict(request, 0.01)
        eventually(lambda: references(both.server.manager) == 0, timeout=120)

    def test_a_large_body_is_not_worked_on_the_event_loop(
        self, both: RunningServer
    ) -> None:
        numbers = np.random.default_rng(1).random(50_000).astype(np.float32)
        body = {"signature_name": "numbers", "inputs": numbers.tolist()}
        threads: set[str] = set()

        def profile(frame: Any, event: str, _: Any) -> None:
            if frame.f_code.co_name == "parse_object":
                threads.add(threading.current_thread().name)

        threading.setprofile(profile)
        try:
            status, answer = both.rest("/v1/models/odd:predict", body)
        finally:
            threading.setprofile(None)
        assert status == 200
        assert np.array(answer["outputs"], np.float32).tolist() == numbers.tolist()
        assert all(name.startswith("rest-odd") for name in threads)


def test_the_grace_period_is_kept(models: Path) -> None:
    server = RunningServer(
        model_name="odd", model_base_path=str(models / "odd")
    ).start()
    request = predict_request({"x": np.int32(2_000_000)}, spec("odd", "spin"))
    long = server.prediction.Predict.future(request, TIMEOUT)
    body = {"signature_name": "spin", "inputs": 2_000_000}
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(_rest_or_none, server, body)
        manager = server.server.manager
        eventually(lambda: references(manager) >= 2)
        start = time.monotonic()
        ended = server.run(server.server.stop(0.5))
        # Without the fix it takes a minute.
        assert time.monotonic() - start < 10
        assert not ended
        other.result()
    with pytest.raises(grpc.RpcError):
        long.result()
    server.channel.close()


def references(manager: Any) -> int:
    servable = manager.acquire(spec("odd"))
    manager.release(servable)
    return int(servable.references)


def _rest_or_none(server: RunningServer, body: Any) -> Any:
    try:
        return server.rest("/v1/models/odd:predict", body)
    except OSError:
        return None
