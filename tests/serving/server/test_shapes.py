"""Undeclared shapes run if no kernel aborts on them, and are refused otherwise."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from grpc import StatusCode

from serving.server.surviving_ops import SURVIVE_ANY_RANK
from tests.serving.server.odd_models import save_odd
from tests.serving.server.running import RunningServer, predict_request, spec

BAD = StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    base = tmp_path_factory.mktemp("odd")
    save_odd(base / "1")
    with RunningServer(model_name="odd", model_base_path=str(base)) as server:
        yield server


def ask(server: RunningServer, signature: str, x: Any) -> np.ndarray:
    (answer,) = server.predict({"x": x}, spec("odd", signature)).values()
    return np.asarray(answer)


class TestAnswered:
    def test_a_vector_for_a_column(self, odd: RunningServer) -> None:
        assert ask(odd, "double", [2.0, 3.0]).tolist() == [4, 6]
        body = {"signature_name": "double", "instances": [2.0, 3.0]}
        assert odd.rest("/v1/models/odd:predict", body) == (
            200,
            {"predictions": [4.0, 6.0]},
        )

    @pytest.mark.parametrize("shape", [[], [3], [2, 3], [1, 2, 1, 2, 1], [0, 4]])
    def test_any_shape_where_no_kernel_minds(
        self, odd: RunningServer, shape: list[int]
    ) -> None:
        x = np.ones(shape, np.float32)
        assert ask(odd, "any", x).tolist() == (x + 1).tolist()

    @pytest.mark.parametrize("signature", ["blur_any", "blur_perhaps"])
    def test_an_undeclared_rank_that_the_shape_functions_accept(
        self, odd: RunningServer, signature: str
    ) -> None:
        x = np.ones([2, 5, 7, 1], np.float32)
        assert ask(odd, signature, x).shape == (2, 5, 7, 1)


class TestRefused:
    @pytest.mark.parametrize("shape", [[], [1], [2, 3], [1, 8, 8], [1, 1, 8, 8, 1]])
    def test_a_kernel_that_would_abort(
        self, odd: RunningServer, shape: list[int]
    ) -> None:
        found = odd.refused({"x": np.ones(shape, np.float32)}, spec("odd", "blur"))
        assert found.code is BAD
        assert "is not compatible with expected shape [?,8,8,1]" in found.message

    @pytest.mark.parametrize(
        ("signature", "x"),
        [
            ("blur_any", np.ones([3], np.float32)),
            ("blur_any", np.ones([1, 2, 3], np.float32)),
            ("blur_any", np.ones([1, 4, 4, 3], np.float32)),
            ("blur_perhaps", np.ones([2, 2], np.float32)),
            ("pool", np.ones([2, 2], np.float32)),
            ("scatter", np.ones([], np.int32)),
        ],
    )
    def test_an_undeclared_rank_that_the_shape_functions_refuse(
        self, odd: RunningServer, signature: str, x: np.ndarray
    ) -> None:
        found = odd.refused({"x": x}, spec("odd", signature))
        assert found.code is BAD
        assert ask(odd, "double", [[1.0]]).tolist() == [[2]]

    @pytest.mark.parametrize("signature", ["sums", "square"])
    @pytest.mark.parametrize(
        "dims", [[2**40, 0], [0, 2**40], [2**28, 0], [2**63 - 1, 0], [100_000, 0]]
    )
    def test_dimensions_that_hold_nothing(
        self, odd: RunningServer, signature: str, dims: list[int]
    ) -> None:
        request = predict_request({"x": np.zeros([0, 0], "f")}, spec("odd", signature))
        for dim, size in zip(request.inputs["x"].tensor_shape.dim, dims, strict=True):
            dim.size = size
        with pytest.raises(Exception, match=r"claims the shape|the limit is"):
            odd.call(request)

    def test_lists_that_hold_nothing(self, odd: RunningServer) -> None:
        body = {"signature_name": "square", "inputs": [[]] * 100_000}
        status, answer = odd.rest("/v1/models/odd:predict", body)
        assert (status, "claims the shape [100000,0]" in answer["error"]) == (400, True)

    def test_one_value_for_a_million(self, odd: RunningServer) -> None:
        request = predict_request({"x": [[1.0]]}, spec("odd", "square"))
        request.inputs["x"].tensor_shape.dim[0].size = 1_000_000
        with pytest.raises(Exception, match="holds 1 values"):
            odd.call(request)

    def test_more_dimensions_than_numpy_takes(self, odd: RunningServer) -> None:
        request = predict_request({"x": [1.0]}, spec("odd", "any"))
        del request.inputs["x"].tensor_shape.dim[:]
        for _ in range(40):
            request.inputs["x"].tensor_shape.dim.add(size=1)
        with pytest.raises(Exception, match="has 40 dimensions; the limit is 32"):
            odd.call(request)
        nested: Any = 1.0
        for _ in range(900):
            nested = [nested]
        body = {"signature_name": "any", "inputs": nested}
        status, answer = odd.rest("/v1/models/odd:predict", body)
        assert (status, "900 dimensions" in answer["error"]) == (400, True)


_RUN_ALL = """
import inspect, itertools, sys
import numpy as np, tensorflow as tf
from serving.server.surviving_ops import ELEMENTWISE
v1 = tf.compat.v1
SHAPES = [(), (0,), (3,), (2, 3), (2, 1, 3), (1, 2, 1, 3)]
TYPES = (tf.float32, tf.int32, tf.bool, tf.string)
OTHERS = {"Select": tf.bool, "SelectV2": tf.bool}

def build(name):
    function = getattr(tf.raw_ops, name)
    for dtype in TYPES:
        try:
            parameters = inspect.signature(function).parameters.values()
            inputs = {
                p.name: v1.placeholder(dtype) for p in parameters
                if p.default is p.empty
            }
            if name in OTHERS:
                inputs["condition"] = v1.placeholder(OTHERS[name])
            return list(inputs.values()), function(**inputs)
        except TypeError:
            continue
    raise TypeError(name)

with tf.Graph().as_default(), v1.Session() as session:
    for name in sorted(ELEMENTWISE):
        print(name, end=" ", flush=True)
        inputs, output = build(name)
        call = session.make_callable(output, inputs)
        ran = 0
        for shapes in itertools.product(SHAPES, repeat=len(inputs)):
            arrays = [
                np.full(shape, "a" if x.dtype == tf.string else 1, object)
                .astype(object if x.dtype == tf.string else x.dtype.as_numpy_dtype)
                for shape, x in zip(shapes, inputs)
            ]
            try:
                call(*arrays)
                ran += 1
            except tf.errors.OpError:
                pass
        assert ran >= len(SHAPES), (name, ran)
print("all")
"""


def test_elementwise_operations_survive_every_rank() -> None:
    """It runs in a separate process, as an operation that aborts would end it."""
    ran = subprocess.run(
        [sys.executable, "-c", _RUN_ALL], capture_output=True, text=True, check=False
    )
    # The last line printed is the operation that aborted.
    assert ran.stdout.split()[-1:] == ["all"], ran.stderr[-2000:]
    assert ran.returncode == 0


def test_what_is_known_to_abort_is_not_among_the_survivors() -> None:
    aborting = {
        *("Conv2D", "Conv3D", "DepthwiseConv2dNative", "MaxPool3D", "ScatterNd"),
        *("TensorScatterUpdate", "CombinedNonMaxSuppression"),
        *("FakeQuantWithMinMaxVarsPerChannel", "SoftmaxCrossEntropyWithLogits"),
    }
    assert not aborting & SURVIVE_ANY_RANK
