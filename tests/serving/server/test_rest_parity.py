"""REST gives the answers of gRPC, for each API."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import classification_pb2, regression_pb2

from tests.serving.server.running import (
    TIMEOUT,
    RunningServer,
    failure_of,
    predict_request,
    spec,
)

PREDICT = "/v1/models/adder:predict"


class TestParity:
    """Both protocols give the same answers."""

    def test_predictions(self, server: RunningServer) -> None:
        images = np.random.default_rng(3).integers(0, 256, (3, 28, 28))
        outputs = server.predict({"images": images.astype(np.uint8)}, spec("digits"))
        _, answer = server.rest(
            "/v1/models/digits:predict", {"instances": images.tolist()}
        )
        rows = answer["predictions"]
        assert [row["class_id"] for row in rows] == outputs["class_id"].tolist()
        found = np.array([row["probabilities"] for row in rows], np.float32)
        np.testing.assert_allclose(found, outputs["probabilities"], rtol=1e-5)

    def test_classify(self, server: RunningServer) -> None:
        request = classification_pb2.ClassificationRequest(
            model_spec=spec(signature="classify")
        )
        for value in (0.5, -2.0):
            example = request.input.example_list.examples.add()
            example.features.feature["v"].float_list.value.append(value)
        response = server.prediction.Classify(request, timeout=TIMEOUT)
        expected = [
            [[item.label, item.score] for item in row.classes]
            for row in response.result.classifications
        ]
        body = {"signature_name": "classify", "examples": [{"v": 0.5}, {"v": [-2.0]}]}
        assert server.rest("/v1/models/adder:classify", body) == (
            200,
            {"results": expected},
        )
        assert expected == [
            [["up", 3.5], ["down", -0.5]],
            [["up", 1.0], ["down", 2.0]],
        ]

    def test_regress_with_a_context(self, server: RunningServer) -> None:
        request = regression_pb2.RegressionRequest(model_spec=spec(signature="regress"))
        listed = request.input.example_list_with_context
        listed.context.features.feature["v"].float_list.value.append(1.5)
        listed.examples.add()
        response = server.prediction.Regress(request, timeout=TIMEOUT)
        body = {"signature_name": "regress", "context": {"v": 1.5}, "examples": [{}]}
        assert server.rest("/v1/models/adder:regress", body) == (
            200,
            {"results": [3.0]},
        )
        assert [item.value for item in response.result.regressions] == [3.0]

    @pytest.mark.parametrize(
        ("inputs", "body"),
        [
            (
                {"text": np.array([[b"a"]], object)},
                {"signature_name": "text", "inputs": [["a"]]},
            ),
            ({"x": [-1.0]}, {"signature_name": "root", "inputs": [-1.0]}),
        ],
        ids=["shape", "graph"],
    )
    def test_refusals(self, server: RunningServer, inputs: Any, body: Any) -> None:
        model = spec(signature=body.get("signature_name", ""))
        found = failure_of(server.call, predict_request(inputs, model))
        status, answer = server.rest(PREDICT, body)
        assert (found.code, status) == (grpc.StatusCode.INVALID_ARGUMENT, 400)
        assert found.message.split("\n")[0] == answer["error"].split("\n")[0]

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({}, "When method is classify, key 'examples' is expected and was not"),
            ({"examples": 1}, "Expecting 'examples' value to be an list/array"),
            ({"examples": []}, "'examples' value is an empty array"),
            ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
            (
                {"examples": [{"v": None}]},
                "Feature: v has element with unexpected JSON type: Null",
            ),
            (
                {"examples": [{"v": [1.5, 2]}]},
                "Unexpected element type in feature: v expecting type: float",
            ),
            (
                {"examples": [{"v": 2**63}]},
                "Feature: v has uint64_t element. Only int64_t is supported.",
            ),
        ],
    )
    def test_refused_examples(
        self, server: RunningServer, body: Any, message: str
    ) -> None:
        status, answer = server.rest("/v1/models/adder:classify", body)
        assert status == 400
        assert message in answer["error"]
