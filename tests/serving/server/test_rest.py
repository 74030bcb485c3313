"""The REST contract, case by case."""

from __future__ import annotations

import base64
import gzip
import json
import math
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.server.running import RunningServer

PREDICT = "/v1/models/adder:predict"


class TestPredict:
    def test_rows(self, server: RunningServer) -> None:
        assert server.rest(PREDICT, {"instances": [1.0, 2]}) == (
            200,
            {"predictions": [4.0, 5.0]},
        )

    def test_columns(self, server: RunningServer) -> None:
        assert server.rest(PREDICT, {"inputs": [1.0, 2]}) == (
            200,
            {"outputs": [4.0, 5.0]},
        )

    def test_rows_of_several_inputs(self, server: RunningServer) -> None:
        body = {
            "signature_name": "two_inputs",
            "instances": [{"a": 5, "b": 3}, {"a": 1, "b": 1}],
        }
        assert server.rest(PREDICT, body) == (
            200,
            {
                "predictions": [
                    {"difference": 2.0, "sum": 8.0},
                    {"difference": 0.0, "sum": 2.0},
                ]
            },
        )

    def test_columns_of_several_inputs(self, server: RunningServer) -> None:
        body = {"signature_name": "two_inputs", "inputs": {"a": [5, 1], "b": [3, 1]}}
        assert server.rest(PREDICT, body) == (
            200,
            {"outputs": {"difference": [2.0, 0.0], "sum": [8.0, 2.0]}},
        )

    def test_a_column_of_no_rank(self, server: RunningServer) -> None:
        body = {"signature_name": "scalar", "inputs": 2.5}
        assert server.rest(PREDICT, body) == (200, {"outputs": 5.5})

    @pytest.mark.parametrize(
        ("path", "added"),
        [
            ("/v1/models/adder/versions/1:predict", 1.0),
            ("/v1/models/adder/versions/0003:predict", 3.0),
            ("/v1/models/adder/labels/stable:predict", 1.0),
            ("/v1/models/adder/labels/c%61nary:predict", 3.0),
            ("/V1/Models/adder/Versions/1:predict", 1.0),
            ("/v1/models/%61dder:predict", 3.0),
        ],
    )
    def test_paths(self, server: RunningServer, path: str, added: float) -> None:
        assert server.rest(path, {"inputs": [0]}) == (200, {"outputs": [added]})

    def test_bytes_go_in_and_out_as_base64(self, server: RunningServer) -> None:
        raw = b"\xffbytes"
        encoded = {"b64": base64.b64encode(raw).decode()}
        body = {"signature_name": "text", "instances": ["text", encoded]}
        status, data, _ = server.http(PREDICT, body)
        assert status == 200
        # An alias without the suffix `_bytes` gives the bytes unchanged.
        assert raw in data
        rows = json.loads(data.decode("utf-8", "replace"))["predictions"]
        assert rows[0]["echo"] == "text"
        assert base64.b64decode(rows[1]["raw_bytes"]["b64"]) == raw + b"!"

    def test_a_gzip_body(self, server: RunningServer) -> None:
        body = gzip.compress(json.dumps({"inputs": [1]}).encode())
        headers = {"Content-Encoding": "gzip"}
        assert server.rest(PREDICT, body, headers=headers) == (200, {"outputs": [4.0]})

    def test_numbers_that_json_has_no_word_for(self, server: RunningServer) -> None:
        body = b'{"inputs": [NaN, Infinity, -Infinity]}'
        status, data, _ = server.http(PREDICT, body)
        found = json.loads(data)["outputs"]
        assert status == 200
        assert math.isnan(found[0])
        assert found[1:] == [math.inf, -math.inf]

    def test_floats_have_the_digits_that_tensorflow_serving_writes(
        self, server: RunningServer
    ) -> None:
        body = {"signature_name": "float32", "inputs": [0.1, 16777216, 1e-7]}
        body["inputs"] = [0.1, 3, 1e-7]
        _, data, _ = server.http("/v1/models/types:predict", body)
        assert data.split() == [
            *(b"{", b'"outputs":', b"[", b"0.1,", b"3.0,", b"1e-7", b"]", b"}")
        ]

    @pytest.mark.parametrize(
        ("dtype", "values"),
        [
            *(("int8", [-128, 127]), ("uint8", [0, 255]), ("int16", [-9, 9])),
            *(("int32", [-(2**31), 2**31 - 1]), ("int64", [-(2**63), 2**63 - 1])),
            *(
                ("uint32", [2**32 - 1]),
                ("uint64", [2**64 - 1]),
                ("bool", [True, False]),
            ),
            *(("float64", [0.1, 2.0]), ("float16", [0.1, 2.0]), ("string", ["é", ""])),
            ("bfloat16", [0.5, 2.0]),
        ],
    )
    def test_every_type(self, server: RunningServer, dtype: str, values: Any) -> None:
        body = {"signature_name": dtype, "inputs": values}
        assert server.rest("/v1/models/types:predict", body) == (
            200,
            {"outputs": values},
        )

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b"", "JSON Parse error: The document is empty"),
            (b"[1]", "JSON Value: [1] Is not object"),
            (b"{nope", "JSON Parse error: unexpected character"),
            (b"\xff{}", "JSON Parse error: "),
            (b'{"inputs": ' + b"[" * 100_000, "JSON Parse error: "),
            ({}, "Missing 'inputs' or 'instances' key"),
            (
                {"inputs": [1], "instances": [1]},
                "Not formatted correctly expecting only one of 'inputs' or "
                "'instances' keys to exist",
            ),
            ({"instances": 1}, "Expecting 'instances' to be an list/array"),
            ({"instances": []}, "No values in 'instances' array"),
            ({"signature_name": 3, "inputs": [1]}, "'signature_name' key must be a"),
            (
                {"signature_name": "none", "inputs": [1]},
                'Serving signature name: "none" not found in signature def',
            ),
            (
                {"instances": [1, "two"]},
                "Failed to process element: 1 of 'instances' list. Error: "
                'INVALID_ARGUMENT: JSON Value: "two" Type: String is not of expected '
                "type: float",
            ),
            ({"instances": [True]}, "JSON Value: true Type: True is not of expected"),
            ({"instances": [None]}, "JSON Value: null Type: Null is not of expected"),
            (
                {"instances": [[1], [1, 2]]},
                "Failed to process element: 1 of 'instances' list. Error: "
                "INVALID_ARGUMENT: Expecting tensor size: 1 but got: 2",
            ),
            (
                {"instances": [{"z": 1}]},
                "Failed to process element: 0 key: z of 'instances' list. Error: "
                "INVALID_ARGUMENT: JSON object: does not have named input: z",
            ),
            (
                {"instances": [1, {"x": 1}]},
                "Expecting value/list but got object at item 1 of input list",
            ),
            (
                {"instances": [{"x": 1}, 1]},
                "Expecting object but got list at item 1 of input list",
            ),
            (
                {"inputs": [[1, 2], [3]]},
                "Encountered list at unexpected size: 1 at level: 1 expected size: 2",
            ),
            (
                {"inputs": [[1], 3]},
                "JSON Value: 3 found at incorrect level: 2 in the JSON DOM. Expected "
                "at level: 2",
            ),
            (
                {"inputs": [1, [3]]},
                "Encountered list at unexpected level: 1 expected < 1",
            ),
            ({"inputs": {"b64": "AAAA"}}, "Type: Object is not of expected type"),
            ({"inputs": {"y": [1]}}, "Missing named input: x in 'inputs' object."),
            (
                {"signature_name": "two_inputs", "instances": [1]},
                "instances is a plain list, but expecting list of objects",
            ),
            (
                {"signature_name": "two_inputs", "inputs": [1]},
                "inputs is a plain value/list, but expecting an object",
            ),
            (
                {"signature_name": "two_inputs", "instances": [{"a": 1}]},
                'JSON object: {"a": 1} keys must be equal to: a,b',
            ),
            (
                {"signature_name": "text", "inputs": [{"b64": "!"}]},
                "Unable to base64 decode",
            ),
            (
                {"signature_name": "text", "inputs": [["a"]]},
                "Shape of tensor text [1,1] is not compatible with expected shape [?].",
            ),
        ],
    )
    def test_refused_bodies(
        self, server: RunningServer, body: Any, message: str
    ) -> None:
        status, answer = server.rest(PREDICT, body, method="POST")
        assert status == 400
        assert message in answer["error"]

    @pytest.mark.parametrize("value", [300, -1, 1.5])
    def test_a_number_that_does_not_fit(
        self, server: RunningServer, value: float
    ) -> None:
        body = {"signature_name": "uint8", "inputs": [value]}
        status, answer = server.rest("/v1/models/types:predict", body)
        assert (status, answer["error"]) == (
            400,
            f"JSON Value: {value} Type: Number is not of expected type: uint8",
        )

    def test_rows_need_a_common_batch(self, server: RunningServer) -> None:
        body = {"signature_name": "slow", "instances": [1]}
        status, answer = server.rest(PREDICT, body)
        assert status == 400
        # The kernel refuses a vector: operations on scalars do not abort on it.
        assert "must be a scalar" in answer["error"]

    def test_a_body_past_the_cap(self, server: RunningServer) -> None:
        body = b'{"inputs": [' + b" " * (1 << 20) + b"1]}"
        status, answer = server.rest(PREDICT, body)
        assert status == 413
        assert "the limit is 1048576 bytes" in answer["error"]


class TestPaths:
    @pytest.mark.parametrize(
        ("method", "path", "status", "message"),
        [
            ("GET", "/v1/models", 400, "Missing model name in request."),
            ("GET", "/v1/nothing", 400, "Malformed request: GET /v1/nothing"),
            ("GET", PREDICT, 400, f"Malformed request: GET {PREDICT}"),
            (
                "POST",
                "/v1/models/adder",
                400,
                "Malformed request: POST /v1/models/adder",
            ),
            (
                "POST",
                "/v1/models/nobody:predict",
                404,
                "Servable not found for request: Latest(nobody)",
            ),
            (
                "POST",
                "/v1/models/adder/versions/2:predict",
                404,
                "Servable not found for request: Specific(adder, 2)",
            ),
            (
                "POST",
                "/v1/models/adder/labels/beta:predict",
                400,
                "Unrecognized servable version label: beta",
            ),
            (
                "POST",
                "/v1/models/adder/versions/99999999999999999999:predict",
                400,
                "Failed to convert version: 99999999999999999999 to numeric.",
            ),
            (
                "GET",
                "/v1/models/nobody",
                404,
                "Could not find any versions of model nobody",
            ),
            (
                "GET",
                "/v1/models/adder/versions/9",
                404,
                "Could not find version 9 of model adder",
            ),
            (
                "GET",
                "/v1/models/nobody/metadata",
                404,
                "Servable not found for request: Latest(nobody)",
            ),
            ("GET", "/elsewhere", 404, "GET /elsewhere: nothing is here"),
        ],
    )
    def test_refusals(
        self, server: RunningServer, method: str, path: str, status: int, message: str
    ) -> None:
        body = {"inputs": [1]} if method == "POST" else None
        found = server.rest(path, body, method=method)
        assert found == (status, {"error": message})

    def test_status(self, server: RunningServer) -> None:
        ok = {"error_code": "OK", "error_message": ""}
        assert server.rest("/v1/models/adder") == (
            200,
            {
                "model_version_status": [
                    {"version": "3", "state": "AVAILABLE", "status": ok},
                    {"version": "1", "state": "AVAILABLE", "status": ok},
                ]
            },
        )

    def test_metadata(self, server: RunningServer) -> None:
        status, answer = server.rest("/v1/models/digits/metadata")
        assert status == 200
        assert answer["model_spec"] == {
            "name": "digits",
            "signature_name": "",
            "version": "1700000000",
        }
        signatures = answer["metadata"]["signature_def"]["signature_def"]
        images = signatures["serving_default"]["inputs"]["images"]
        assert images["dtype"] == "DT_UINT8"
        assert images["tensor_shape"] == {
            "dim": [
                {"size": "-1", "name": ""},
                {"size": "28", "name": ""},
                {"size": "28", "name": ""},
            ],
            "unknown_rank": False,
        }

    def test_the_metrics(self, server: RunningServer) -> None:
        server.predict({"x": [1.0, 2.0]})
        server.rest(PREDICT, {"inputs": [1]})
        server.rest("/v1/models/no%22body:predict", {"inputs": [1]})
        status, data, headers = server.http("/monitoring/prometheus/metrics")
        text = data.decode()
        assert status == 200
        assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "# TYPE :tensorflow:serving:request_count counter\n" in text
        assert ':tensorflow:serving:request_count{model_name="adder",status="OK"} ' in (
            text
        )
        latency = ":tensorflow:serving:request_latency_count"
        for api, entry in (("Predict", "GRPC"), ("predict", "REST")):
            labels = f'model_name="adder",API="{api}",entrypoint="{entry}"'
            assert f"{latency}{{{labels}}} " in text
        assert ':runtime_latency_bucket{model_name="adder",API="Predict",' in text
        assert ':cc:saved_model:load_attempt_count{model_path="' in text
        # A model name that is not configured gets no series.
        assert "body" not in text


def test_cors_and_a_time_limit(library: Any) -> None:
    with RunningServer(
        model_name="adder",
        model_base_path=str(library / "adder"),
        rest_api_enable_cors_support=True,
        rest_api_timeout_in_ms=500,
    ) as running:
        status, _, headers = running.http(PREDICT, method="OPTIONS")
        assert (status, headers["Access-Control-Allow-Origin"]) == (200, "*")
        body = {"signature_name": "slow", "inputs": 2**31 - 1}
        assert running.rest(PREDICT, body) == (
            504,
            {"error": "Timed out waiting for notification"},
        )
        status, _, headers = running.http(PREDICT, {"inputs": [1]})
        assert (status, headers["Access-Control-Allow-Origin"]) == (200, "*")


def test_tensorflow_itself_reads_our_json_floats(server: RunningServer) -> None:
    values = np.random.default_rng(5).normal(size=200).astype(np.float32)
    body = {"signature_name": "float32", "inputs": [float(v) for v in values]}
    _, answer = server.rest("/v1/models/types:predict", body)
    back = tf.constant(answer["outputs"], tf.float32).numpy()
    assert back.tolist() == values.tolist()
