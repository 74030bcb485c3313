"""Thousands of malformed Predict bodies: each gets a status, the server lives."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2

from tests.serving.server.running import TIMEOUT, RunningServer, predict_request, spec

METHOD = "/tensorflow.serving.PredictionService/Predict"
# What a client can be to blame for; INTERNAL is a body that is no message.
CLIENTS_FAULT = {
    *(grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND),
    *(grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INTERNAL),
    *(grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.RESOURCE_EXHAUSTED),
    grpc.StatusCode.OUT_OF_RANGE,
}

SIZES = st.one_of(
    st.integers(-2, 30), st.sampled_from([2**31, 2**32, 2**62, 2**63 - 1, -(2**63)])
)
NAMES = st.sampled_from(["x", "a", "b", "images", "text", "matrix", "inputs", "", "é"])
MODELS = st.builds(
    lambda name, signature, version: spec(name, signature, version),
    st.sampled_from(["adder", "digits", "conv", "types", "nobody", ""]),
    st.sampled_from(
        [
            *("", "two_inputs", "scalar", "text", "rows", "classify", "tf_examples"),
            *("float32", "string", "bfloat16", "nothing", "__saved_model_init_op"),
        ]
    ),
    st.one_of(st.none(), SIZES),
)


@st.composite
def tensors(draw: st.DrawFn) -> Any:
    """Draw a TensorProto whose parts need not fit together."""
    tensor = tensor_pb2.TensorProto(dtype=draw(st.integers(0, 30)))
    if draw(st.booleans()):
        tensor.dtype = draw(st.sampled_from([1, 3, 4, 7]))
    tensor.tensor_shape.unknown_rank = draw(st.sampled_from([False] * 9 + [True]))
    for size in draw(st.lists(SIZES, max_size=5)):
        tensor.tensor_shape.dim.add(size=size)
    if draw(st.booleans()):
        tensor.tensor_content = draw(st.binary(max_size=64))
    values = st.lists(st.integers(0, 255), max_size=6)
    for field in ("float_val", "int_val", "int64_val", "half_val", "bool_val"):
        if draw(st.sampled_from([False, False, True])):
            kind = bool if field == "bool_val" else int
            getattr(tensor, field).extend(map(kind, draw(values)))
    if draw(st.booleans()):
        tensor.string_val.extend(draw(st.lists(st.binary(max_size=9), max_size=4)))
    return tensor


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Draw a serialised request, in some cases with bytes of it changed."""
    request = predict_pb2.PredictRequest()
    if draw(st.sampled_from([True] * 9 + [False])):
        request.model_spec.CopyFrom(draw(MODELS))
    for name in draw(st.lists(NAMES, max_size=3)):
        request.inputs[name].CopyFrom(draw(tensors()))
    request.output_filter.extend(draw(st.lists(NAMES, max_size=2)))
    data = bytearray(request.SerializeToString())
    if data and draw(st.booleans()):
        for _ in range(draw(st.integers(1, 4))):
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
        data = data[: draw(st.integers(0, len(data)))]
    return bytes(data)


def status_of(server: RunningServer, data: bytes) -> grpc.StatusCode:
    try:
        server.channel.unary_unary(METHOD)(data, timeout=TIMEOUT)
    except grpc.RpcError as error:
        code = error.code()
        assert isinstance(code, grpc.StatusCode)
        return code
    return grpc.StatusCode.OK


@settings(
    max_examples=1200,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(data=requests())
def test_any_message_gets_a_status(server: RunningServer, data: bytes) -> None:
    assert status_of(server, data) in CLIENTS_FAULT | {grpc.StatusCode.OK}


@settings(max_examples=1500, deadline=None, database=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_get_a_status(server: RunningServer, data: bytes) -> None:
    assert status_of(server, data) in CLIENTS_FAULT


@settings(max_examples=500, deadline=None, database=None)
@given(
    name=st.sampled_from(["conv", "digits"]),
    shape=st.lists(st.integers(0, 9), max_size=5),
)
def test_any_shape_for_models_whose_kernels_would_abort(
    server: RunningServer, name: str, shape: list[int]
) -> None:
    dtype = np.float32 if name == "conv" else np.uint8
    request = predict_request({"images": np.zeros(shape, dtype)}, spec(name))
    status = status_of(server, request.SerializeToString())
    fits = len(shape) == 4 and shape[1:] == [8, 8, 1]
    assert (status is grpc.StatusCode.INVALID_ARGUMENT) or fits
    assert server.predict({"x": [1.0]})["y"] == [4.0]
