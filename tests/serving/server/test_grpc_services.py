"""The contract of the gRPC services, case by case, over a real socket.

The codes and texts are those of TensorFlow Serving 2.16 (predict_util.cc,
server_core.cc, basic_manager.cc and others, as the tested modules name them).
"""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tensorflow_serving.apis import (
    model_management_pb2,
    predict_pb2,
)

from tests.serving.server.running import (
    TIMEOUT,
    Failure,
    RunningServer,
    failure_of,
    predict_request,
    spec,
)
from tests.serving.server.saved_models import DTYPE_VALUES

BAD = StatusCode.INVALID_ARGUMENT


def images(count: int = 1, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, 28, 28)).astype(np.uint8)


class TestPredict:
    def test_the_latest_version_answers_and_says_so(
        self, server: RunningServer
    ) -> None:
        response = server.call(predict_request({"x": [1.0, 2.0]}))
        assert list(response.outputs["y"].float_val) == [4.0, 5.0]
        assert response.model_spec == spec("adder", "serving_default", 3)

    def test_values_come_in_float_val_not_in_tensor_content(
        self, server: RunningServer
    ) -> None:
        request = predict_request({"images": images(2)}, spec("digits"))
        outputs = server.call(request).outputs
        assert outputs["probabilities"].tensor_content == b""
        assert len(outputs["probabilities"].float_val) == 20
        assert len(outputs["class_id"].int64_val) == 2
        assert [d.size for d in outputs["probabilities"].tensor_shape.dim] == [2, 10]

    @pytest.mark.parametrize(
        ("chosen", "added"),
        [
            (spec(version=1), 1.0),
            (spec(version=3), 3.0),
            (spec(label="stable"), 1.0),
            (spec(label="canary"), 3.0),
        ],
        ids=["version 1", "version 3", "label stable", "label canary"],
    )
    def test_a_version_or_label_is_honoured(
        self, server: RunningServer, chosen: Any, added: float
    ) -> None:
        assert server.predict({"x": [0.0]}, chosen)["y"] == [added]

    def test_an_output_filter_selects(self, server: RunningServer) -> None:
        inputs = {"a": [5.0], "b": [2.0]}
        outputs = server.predict(inputs, spec(signature="two_inputs"), ["sum"])
        assert outputs == {"sum": np.array([7.0])}

    @pytest.mark.parametrize("dtype", DTYPE_VALUES, ids=lambda dtype: dtype.name)
    @pytest.mark.parametrize("form", ["values", "content"])
    def test_every_dtype_there_and_back(
        self, server: RunningServer, dtype: tf.DType, form: str
    ) -> None:
        array = np.array(DTYPE_VALUES[dtype], dtype.as_numpy_dtype)
        request = predict_request({}, spec("types", dtype.name))
        if form == "content" and dtype != tf.string:
            tensor = tf.make_tensor_proto(array)
            tensor.ClearField("tensor_content")
            for field in ("float_val", "int_val", "half_val"):
                tensor.ClearField(field)
            tensor.tensor_content = array.tobytes()
        else:
            tensor = as_values(array, dtype)
        request.inputs["x"].CopyFrom(tensor)
        answer = server.call(request).outputs["y"]
        assert answer.tensor_content == b""
        assert answer.dtype == dtype.as_datatype_enum
        assert tf.make_ndarray(answer).tolist() == array.tolist()

    def test_the_last_value_stands_for_the_missing_ones(
        self, server: RunningServer
    ) -> None:
        request = predict_request({"x": [1.0]})
        request.inputs["x"].tensor_shape.dim[0].size = 4
        answer = server.call(request).outputs["y"]
        assert list(answer.float_val) == [4.0, 4.0, 4.0, 4.0]

    def test_strings_of_tensor_content(self, server: RunningServer) -> None:
        request = predict_request({}, spec(signature="text"))
        tensor = request.inputs["text"]
        tensor.dtype = tf.string.as_datatype_enum
        tensor.tensor_shape.dim.add(size=2)
        tensor.tensor_content = b"\x02\x03abcde"
        answer = server.call(request).outputs["echo"]
        assert list(answer.string_val) == [b"ab", b"cde"]

    def test_a_scalar(self, server: RunningServer) -> None:
        x = np.float32(2)
        assert server.predict({"x": x}, spec(signature="scalar"))["y"] == 5.0

    def test_no_rows(self, server: RunningServer) -> None:
        x = np.zeros([0], np.float32)
        assert server.predict({"x": x})["y"].shape == (0,)

    def test_a_keras_export(self, server: RunningServer) -> None:
        x = np.ones([2, 8, 8, 1], np.float32)
        (answer,) = server.predict({"images": x}, spec("conv")).values()
        assert answer.shape == (2, 3)

    @pytest.mark.parametrize(
        ("inputs", "model", "output_filter", "code", "message"),
        [
            ({"x": [1.0]}, spec(""), (), BAD, "ModelSpec has no name specified."),
            (
                {"x": [1.0]},
                spec("nobody"),
                (),
                StatusCode.NOT_FOUND,
                "Servable not found for request: Latest(nobody)",
            ),
            (
                {"x": [1.0]},
                spec(version=2),
                (),
                StatusCode.NOT_FOUND,
                "Servable not found for request: Specific(adder, 2)",
            ),
            (
                {"x": [1.0]},
                spec(label="beta"),
                (),
                BAD,
                "Unrecognized servable version label: beta",
            ),
            (
                {"x": [1.0]},
                spec(signature="nothing"),
                (),
                StatusCode.FAILED_PRECONDITION,
                'Serving signature key "nothing" not found.',
            ),
            (
                {"a": [1.0]},
                spec(signature="two_inputs"),
                (),
                BAD,
                "input size does not match signature: 1!=2 len({a}) != len({a,b}). "
                "Sent extra: {}. Missing but required: {b}.",
            ),
            (
                {"x": [1.0], "z": [1.0]},
                None,
                (),
                BAD,
                "input size does not match signature: 2!=1 len({x,z}) != len({x}). "
                "Sent extra: {z}. Missing but required: {}.",
            ),
            (
                {"z": [1.0]},
                None,
                (),
                BAD,
                "Signature input alias: x(feed name: x:0) not found in request and no "
                "default value provided. Inputs expected to be in the request {x}, or "
                "default input alias set: ",
            ),
            (
                {"x": np.array([1.0])},
                None,
                (),
                BAD,
                "Expects arg[0] to be float but double is provided",
            ),
            (
                {"images": np.zeros([1, 10], np.float32)},
                spec("conv"),
                (),
                BAD,
                "Shape of tensor images [1,10] is not compatible with expected shape "
                "[?,8,8,1].",
            ),
            (
                {"images": np.zeros([1, 8, 7, 1], np.float32)},
                spec("conv"),
                (),
                BAD,
                "Shape of tensor images [1,8,7,1] is not compatible with expected "
                "shape [?,8,8,1].",
            ),
            (
                {"x": [1.0]},
                None,
                ["z"],
                BAD,
                "output tensor alias not found in signature: z Outputs expected to be "
                "in the set {y}.",
            ),
            (
                {"x": [1.0]},
                None,
                ["y", "y"],
                BAD,
                "duplicate output tensor alias: y",
            ),
        ],
        ids=[
            *("empty name", "unknown model", "unknown version", "unknown label"),
            *("unknown signature", "missing input", "extra input", "wrong input name"),
            *("wrong dtype", "wrong rank", "wrong dimension"),
            *("unknown output", "repeated output"),
        ],
    )
    def test_refusals(
        self,
        server: RunningServer,
        inputs: Any,
        model: Any,
        output_filter: Any,
        code: StatusCode,
        message: str,
    ) -> None:
        assert server.refused(inputs, model, output_filter) == Failure(code, message)

    def test_without_a_model_spec(self, server: RunningServer) -> None:
        request = predict_pb2.PredictRequest()
        found = failure_of(server.prediction.Predict, request, TIMEOUT)
        assert found == Failure(BAD, "Missing ModelSpec")

    @pytest.mark.parametrize("change", ["content", "negative", "rank"])
    def test_values_that_are_no_tensor(
        self, server: RunningServer, change: str
    ) -> None:
        request = predict_request({"x": [1.0]})
        tensor = request.inputs["x"]
        if change == "content":
            tensor.ClearField("float_val")
            tensor.tensor_content = b"123"
        elif change == "negative":
            tensor.tensor_shape.dim[0].size = -1
        else:
            tensor.tensor_shape.unknown_rank = True
        found = failure_of(server.prediction.Predict, request, TIMEOUT)
        assert found == Failure(BAD, "tensor parsing error: x")

    def test_a_claim_of_ten_billion_elements_is_not_believed(
        self, server: RunningServer
    ) -> None:
        request = predict_request({"x": [1.0]})
        request.inputs["x"].tensor_shape.dim[0].size = 10**10
        assert request.inputs["x"].ByteSize() < 30
        found = failure_of(server.prediction.Predict, request, TIMEOUT)
        assert found == Failure(
            BAD,
            "Tensor x of shape [10000000000] takes 40000000000 bytes; the limit is "
            "1048576",
        )

    def test_an_overflowing_shape_is_not_believed(self, server: RunningServer) -> None:
        matrix = np.ones([1, 1], np.float32)
        request = predict_request({"matrix": matrix}, spec(signature="rows"))
        for dim in request.inputs["matrix"].tensor_shape.dim:
            dim.size = 2**32
        found = failure_of(server.prediction.Predict, request, TIMEOUT)
        assert found.code is BAD
        assert "the limit is 1048576" in found.message

    def test_a_message_past_the_cap_is_refused(self, server: RunningServer) -> None:
        x = np.zeros([300_000], np.float32)
        assert server.refused({"x": x}).code is StatusCode.RESOURCE_EXHAUSTED

    def test_the_graph_s_own_refusal_keeps_its_code(
        self, server: RunningServer
    ) -> None:
        found = server.refused({"x": [-1.0]}, spec(signature="root"))
        assert found.code is BAD
        assert "assertion failed" in found.message

    def test_a_long_message_is_cut(self, server: RunningServer) -> None:
        found = server.refused({"x": [1.0]}, spec("n" * 3000))
        assert found.message.endswith("nnn...TRUNCATED")
        assert len(found.message) == 1024 + len("...TRUNCATED")

    def test_bytes_that_are_no_message(self, server: RunningServer) -> None:
        call = server.channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict"
        )
        found = failure_of(call, b"\xff\xff\xff")
        assert found.code is StatusCode.INTERNAL
        assert found.message == "Error parsing request: no PredictRequest"

    def test_a_deadline_ends_the_wait(self, server: RunningServer) -> None:
        turns = np.int32(20_000)
        request = predict_request({"turns": turns}, spec(signature="slow"))
        found = failure_of(server.prediction.Predict, request, 0.05)
        assert found.code is StatusCode.DEADLINE_EXCEEDED
        assert server.predict({"x": [1.0]})["y"] == [4.0]


def as_values(array: np.ndarray, dtype: tf.DType) -> Any:
    """Makes a TensorProto with typed lists of values, even for a single value."""
    tensor = tf.make_tensor_proto(array[:1])
    for index in range(1, len(array)):
        one = tf.make_tensor_proto(array[index : index + 1])
        for field, values in one.ListFields():
            if field.name.endswith("_val"):
                getattr(tensor, field.name).extend(values)
    tensor.tensor_shape.dim[0].size = len(array)
    return tensor


class TestOtherServices:
    def test_reload_is_off_unless_asked_for(self, server: RunningServer) -> None:
        request = model_management_pb2.ReloadConfigRequest()
        found = failure_of(server.models.HandleReloadConfigRequest, request, TIMEOUT)
        assert found.code is StatusCode.UNIMPLEMENTED
        assert "--enable_reload_config_rpc" in found.message

    @pytest.mark.parametrize(
        "name",
        [
            *("", "PredictionService", "ModelService"),
            *(
                "tensorflow.serving.PredictionService",
                "tensorflow.serving.ModelService",
            ),
        ],
    )
    def test_health(self, server: RunningServer, name: str) -> None:
        stub = health_pb2_grpc.HealthStub(server.channel)
        request = health_pb2.HealthCheckRequest(service=name)
        assert stub.Check(request, timeout=TIMEOUT).status == 1

    def test_health_of_an_unknown_service(self, server: RunningServer) -> None:
        stub = health_pb2_grpc.HealthStub(server.channel)
        request = health_pb2.HealthCheckRequest(service="nobody")
        assert failure_of(stub.Check, request, TIMEOUT).code is StatusCode.NOT_FOUND

    def test_reflection_describes_the_services(self, server: RunningServer) -> None:
        stub = reflection_pb2_grpc.ServerReflectionStub(server.channel)
        asked = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(
                file_containing_symbol="tensorflow.serving.PredictionService"
            ),
        ]
        listed, described = stub.ServerReflectionInfo(iter(asked), timeout=TIMEOUT)
        names = {item.name for item in listed.list_services_response.service}
        assert names == {
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
            "tensorflow.serving.ModelService",
            "tensorflow.serving.PredictionService",
        }
        files = described.file_descriptor_response.file_descriptor_proto
        assert any(b"GetModelMetadata" in file for file in files)

    def test_a_unix_socket(self, server: RunningServer) -> None:
        address = f"unix:{server.options.grpc_socket_path}"
        with grpc.insecure_channel(address) as channel:
            call = channel.unary_unary(
                "/tensorflow.serving.PredictionService/Predict",
                request_serializer=predict_pb2.PredictRequest.SerializeToString,
                response_deserializer=predict_pb2.PredictResponse.FromString,
            )
            answer = call(predict_request({"x": [1.0]}), timeout=TIMEOUT)
        assert list(answer.outputs["y"].float_val) == [4.0]
