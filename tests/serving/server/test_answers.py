"""Details in which an answer may easily differ from TensorFlow Serving's."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from grpc import StatusCode
from tensorflow_serving.apis import inference_pb2

from serving.server import json_texts
from serving.server.tensors import TensorSpec
from tests.serving.server import odd_models
from tests.serving.server.odd_models import spec as tensor
from tests.serving.server.running import TIMEOUT, RunningServer, failure_of, spec
from tests.serving.server.test_inference import CLASSIFY, REGRESS, examples

BAD = StatusCode.INVALID_ARGUMENT


def parsed(serialized: Any) -> Any:
    spec_of = {"v": tf.io.FixedLenFeature([1], tf.float32)}
    return tf.io.parse_example(serialized, spec_of)["v"]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    base = tmp_path_factory.mktemp("odd")
    texts = [tensor([None], tf.string, "inputs")]
    asked = ("label", "numbers", "constant", "any")
    odd_models.save(
        base / "1",
        {
            **{name: odd_models.ODD[name] for name in asked},
            "regress": (texts, lambda inputs: {"outputs": parsed(inputs) * 2}),
            "classify": (
                texts,
                lambda inputs: {
                    "scores": parsed(inputs),
                    "classes": tf.fill([tf.size(inputs), 1], "up"),
                },
            ),
        },
    )
    with RunningServer(model_name="odd", model_base_path=str(base)) as server:
        yield server


PREDICT = "/v1/models/odd:predict"


def rest(server: RunningServer, signature: str, body: dict[str, Any]) -> Any:
    return server.rest(PREDICT, {"signature_name": signature, **body})


class TestScalars:
    def test_a_text(self, odd: RunningServer) -> None:
        assert rest(odd, "label", {"inputs": "text"}) == (200, {"outputs": "text"})
        answer = odd.predict({"x": np.array(b"text", object)}, spec("odd", "label"))
        assert answer["y"].tolist() == b"text"

    def test_a_number(self, odd: RunningServer) -> None:
        assert rest(odd, "any", {"inputs": 1.5}) == (200, {"outputs": 2.5})


class TestNumbers:
    @pytest.mark.parametrize(
        ("given", "found"),
        [
            (1435774380, 1435774340.0),
            (16777217, 16777216.0),
            (1e39, float("inf")),
            (-(10**300), float("-inf")),
            (0.1, 0.1),
            (1 / 3, 0.333333343),
            (9000000, 9000000.0),
        ],
    )
    def test_they_are_rounded(
        self, odd: RunningServer, given: float, found: float
    ) -> None:
        body = {"signature_name": "numbers", "inputs": [given]}
        data = json.dumps(body).encode()
        assert odd.rest(PREDICT, data) == (200, {"outputs": [found]})

    @pytest.mark.parametrize("text", ["Infinity", "Inf"])
    def test_what_json_has_no_number_for(self, odd: RunningServer, text: str) -> None:
        data = f'{{"signature_name": "numbers", "inputs": [{text}, -{text}, NaN]}}'
        _, answer, _ = odd.http(PREDICT, data.encode())
        assert b"Infinity" in answer
        assert b"-Infinity" in answer
        assert b"NaN" in answer

    def test_in_examples(self, odd: RunningServer) -> None:
        for value, found in ((1435774380.5, 1435774340.0), (1e39, float("inf"))):
            body = {"signature_name": "regress", "examples": [{"v": value / 2}]}
            status, answer = odd.rest("/v1/models/odd:regress", body)
            assert (status, answer) == (200, {"results": [found]})

    def test_the_digits_are_theirs(self) -> None:
        """Six digits if they read back as the same float, else nine."""
        bits = np.random.default_rng(5).integers(0, 2**32, 20_000, np.uint32)
        values = bits.view(np.float32)
        values = values[np.isfinite(values)]
        for value, found in zip(values, json_texts.rounded(values), strict=True):
            text = f"{float(value):g}"
            if np.float32(text) != value:
                text = f"{float(value):.9g}"
            assert found == float(text)


class TestTexts:
    @pytest.mark.parametrize(
        "text",
        ["aGVsbG8=", "aGVs\nbG8=\n", " aGVs bG8 ", "aGVsbG8"],
        ids=["plain", "lines", "blanks", "no padding"],
    )
    def test_base64_as_tools_print_it(self, odd: RunningServer, text: str) -> None:
        body = {"inputs": {"b64": text}}
        assert rest(odd, "label", body) == (200, {"outputs": "hello"})

    def test_bytes_of_another_encoding(self, odd: RunningServer) -> None:
        data = b'{"signature_name": "label", "inputs": "caf\xe9"}'
        status, answer, _ = odd.http(PREDICT, data)
        assert (status, b'"caf\xe9"' in answer) == (200, True)

    @pytest.mark.parametrize(
        "data",
        [
            b'{"signature_name": "w\xeb", "examples": [{}]}',
            b'{"signature_name": "classify", "examples": [{"n\xeb": 1}]}',
        ],
        ids=["signature", "feature"],
    )
    def test_names_of_another_encoding(self, odd: RunningServer, data: bytes) -> None:
        status, answer = odd.rest("/v1/models/odd:classify", data)
        assert (status, "is not UTF-8" in answer["error"]) == (400, True)

    def test_an_error_that_quotes_other_bytes(self, odd: RunningServer) -> None:
        inputs = {"inputs": np.array([b"\x88\xff" * 20], object)}
        found = odd.refused(inputs, spec("odd", "classify"))
        assert found.code is BAD
        assert "Could not parse example input" in found.message

    def test_half_a_character(self, odd: RunningServer) -> None:
        data = rb'{"signature_name": "\ud800", "inputs": "a"}'
        status, answer = odd.rest(PREDICT, data)
        assert (status, answer["error"][:16]) == (400, "JSON Parse error")

    def test_what_follows_the_body(self, odd: RunningServer) -> None:
        data = b'\xef\xbb\xbf{"signature_name": "label", "inputs": "a"} and more'
        assert odd.rest(PREDICT, data) == (200, {"outputs": "a"})

    def test_a_number_that_is_none(self, odd: RunningServer) -> None:
        for text in (b"1e400", b"1" * 400):
            data = b'{"signature_name": "numbers", "inputs": ' + text + b"}"
            status, answer = odd.rest(PREDICT, data)
            assert (status, answer["error"][:16]) == (400, "JSON Parse error")

    @pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 50_000, b"\xff", b"{"])
    def test_what_is_no_json(self, odd: RunningServer, data: bytes) -> None:
        status, answer = odd.rest(PREDICT, data)
        assert (status, answer["error"][:16]) == (400, "JSON Parse error")

    @pytest.mark.parametrize(
        ("array", "expected"),
        [
            (np.zeros([2, 0], np.float32), [[], []]),
            (np.zeros([0], np.int64), []),
            (np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], np.int8), None),
            (np.array([[True, False]]), None),
            (np.arange(3000, dtype=np.uint64), None),
            (np.array([[np.nan, 1], [2, 3]], np.float64), None),
        ],
        ids=["no columns", "nothing", "three deep", "truth", "many", "nan"],
    )
    def test_arrays_as_json(self, array: np.ndarray, expected: Any) -> None:
        dtype = tf.dtypes.as_dtype(array.dtype).as_datatype_enum
        one = TensorSpec("y", "y:0", dtype, array.dtype, None)
        found = json.loads(json_texts.dump_value("outputs", array, one))["outputs"]
        np.testing.assert_equal(found, array.tolist() if expected is None else expected)


def test_a_signature_without_inputs(odd: RunningServer) -> None:
    assert odd.predict({}, spec("odd", "constant"))["y"].tolist() == [1, 2]
    status, answer = rest(odd, "constant", {"inputs": {}})
    assert status == 400
    assert "Failed to get input map for signature" in answer["error"]


class TestMultiInference:
    def test_signatures_with_inputs_of_their_own(self, odd: RunningServer) -> None:
        request = inference_pb2.MultiInferenceRequest(input=examples(1.5, -2.0))
        for signature, method in (("regress", REGRESS), ("classify", CLASSIFY)):
            request.tasks.add(model_spec=spec("odd", signature), method_name=method)
        answer = odd.prediction.MultiInference(request, timeout=TIMEOUT)
        regression, classification = answer.results
        values = [item.value for item in regression.regression_result.regressions]
        assert values == [3.0, -4.0]
        rows = classification.classification_result.classifications
        assert [row.classes[0].score for row in rows] == [1.5, -2.0]


def test_a_signature_of_another_kind(server: RunningServer) -> None:
    for method in ("classify", "regress"):
        body = {"signature_name": "pair", "examples": [{"v": 1.0}]}
        status, answer = server.rest(f"/v1/models/adder:{method}", body)
        assert status == 400
        assert "Expected one" in answer["error"] or "No " in answer["error"]


def test_the_method_name_is_checked_where_asked_for(library: Any) -> None:
    with RunningServer(
        model_name="digits",
        model_base_path=str(library / "digits"),
        enable_signature_method_name_check=True,
    ) as server:
        image = np.zeros([1, 28, 28], np.uint8)
        assert server.predict({"images": image}, spec("digits"))["class_id"].shape == (
            1,
        )
        signature = "__saved_model_init_op"
        found = server.refused({}, spec("digits", signature))
        assert found.code is StatusCode.INTERNAL
        assert "Expected prediction signature method_name to be one of" in found.message


def test_an_input_nobody_declared(odd: RunningServer) -> None:
    from serving.server.signatures import Signature

    one = TensorSpec("x", "x:0", 1, np.dtype(np.float32), (None,))
    proto = tf.make_tensor_proto(np.ones([1], np.float32))
    signature = Signature("s", "", {"x": one, "y": one}, {}, {"y": proto})
    with pytest.raises(Exception, match=r"Inputs contains invalid name\. Used request"):
        signature.decode_inputs({"x": proto, "nope": proto}, 1000)


def test_a_proxy_s_form_of_a_target(odd: RunningServer) -> None:
    port = odd.options.rest_api_port
    proxy = urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{port}"})
    opener = urllib.request.build_opener(proxy)
    with opener.open(f"http://example.org:{port}/v1/models/odd", timeout=9) as answer:
        assert answer.status == 200


def test_an_upper_case_method_is_malformed_as_there(odd: RunningServer) -> None:
    status, answer = odd.rest("/v1/models/odd:PREDICT", {"inputs": 1})
    assert (status, answer["error"]) == (
        400,
        "Malformed request: POST /v1/models/odd:PREDICT",
    )


def test_errors_in_their_order(odd: RunningServer) -> None:
    status, answer = odd.rest("/v1/models/nobody:predict", b"{")
    assert (status, answer["error"][:16]) == (400, "JSON Parse error")


def test_latencies_are_of_answers(odd: RunningServer) -> None:
    failure_of(odd.call, odd_request())
    rest(odd, "label", {"inputs": "a"})
    lines = odd.server.metrics.runtime_latency.lines()
    assert any('API="Predict",runtime="TF1"' in line for line in lines)


def odd_request() -> Any:
    from tests.serving.server.running import predict_request

    return predict_request({"x": [1.0]}, spec("odd", "none"))
