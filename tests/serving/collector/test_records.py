"""Bodies of the REST API become the messages of the same call."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from contract.errors import BadInputError
from serving.client.protocol import DataType, SavedModel
from serving.collector.joining import Exchange
from serving.collector.records import Asked, Recorder, asked

SIGNATURES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "serving_default": (
        {"images": ("DT_UINT8", [-1, 2, 2])},
        {"class_id": ("DT_INT64", [-1]), "probabilities": ("DT_FLOAT", [-1, 3])},
    ),
    "examples": (
        {"examples": ("DT_STRING", [-1])},
        {"probabilities": ("DT_FLOAT", [-1, 3])},
    ),
}
"""Inputs and outputs of the signatures: type and shape by name."""

IMAGES = [[[0, 1], [2, 255]], [[9, 9], [9, 9]]]
ANSWERS = [
    {"class_id": 2, "probabilities": [0.1, 0.2, 0.7]},
    {"class_id": 0, "probabilities": [0.5, 0.25, 0.25]},
]
NOW = 1_795_687_200


def save_letters(models: Path) -> None:
    """Writes versions 3 and 12 of a model `letters`; they can be read, but not run."""
    model = SavedModel()
    definitions = model.meta_graphs.add().signature_def
    for name, sides in SIGNATURES.items():
        for side, tensors in zip(("inputs", "outputs"), sides, strict=True):
            for alias, (dtype, shape) in tensors.items():
                info = getattr(definitions[name], side)[alias]
                info.dtype = DataType.values_by_name[dtype].number
                for size in shape:
                    info.tensor_shape.dim.add().size = size
    for version in ("3", "12"):
        folder = models / "letters" / version
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_bytes(model.SerializeToString())


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    save_letters(tmp_path)
    return Recorder(str(tmp_path), rate=0.5)


def exchange(request: Any, response: Any) -> Exchange:
    return Exchange(json.dumps(request).encode(), json.dumps(response).encode())


ROWS = exchange({"instances": IMAGES}, {"predictions": ANSWERS})
COLUMNS = exchange(
    {"inputs": {"images": IMAGES}, "signature_name": "serving_default"},
    {
        "outputs": {
            "class_id": [2, 0],
            "probabilities": [one["probabilities"] for one in ANSWERS],
        }
    },
)


def arrays(messages: Any) -> dict[str, np.ndarray]:
    return {alias: tf.make_ndarray(messages[alias]) for alias in messages}


@pytest.mark.parametrize("bodies", [ROWS, COLUMNS], ids=["rows", "columns"])
def test_they_have_the_types_of_the_signature(
    recorder: Recorder, bodies: Exchange
) -> None:
    data, _ = recorder.record(Asked("letters", 3), bodies, "an-id", NOW)
    log = PredictionLog.FromString(data).predict_log
    [(alias, images)] = arrays(log.request.inputs).items()
    assert (alias, images.dtype) == ("images", np.uint8)
    assert images.tolist() == IMAGES
    answer = arrays(log.response.outputs)
    assert answer["class_id"].dtype == np.int64
    assert answer["class_id"].tolist() == [2, 0]
    expected = np.array([one["probabilities"] for one in ANSWERS], np.float32)
    np.testing.assert_array_equal(answer["probabilities"], expected)


def test_bytes_and_a_single_output(recorder: Recorder) -> None:
    bodies = exchange(
        {"instances": [{"b64": "AP8="}], "signature_name": "examples"},
        {"predictions": [[0.5, 0.25, 0.25]]},
    )
    data, _ = recorder.record(Asked("letters"), bodies, "an-id", NOW)
    log = PredictionLog.FromString(data).predict_log
    assert arrays(log.request.inputs)["examples"].tolist() == [b"\x00\xff"]
    answer = arrays(log.response.outputs)
    assert answer["probabilities"].tolist() == [[0.5, 0.25, 0.25]]


@pytest.mark.parametrize("version", [3, None])
def test_a_record_says_who_answered_and_when(
    recorder: Recorder, version: int | None
) -> None:
    data, entry = recorder.record(Asked("letters", version), ROWS, "an-id", NOW)
    assert entry == {
        "request_id": "an-id",
        "model": "letters",
        "version": version,
        "signatures": ["serving_default"],
        "timestamp_secs": NOW,
    }
    metadata = PredictionLog.FromString(data).log_metadata
    spec = metadata.model_spec
    assert (spec.name, spec.signature_name) == ("letters", "serving_default")
    assert spec.HasField("version") == (version is not None)
    assert spec.version.value == (version or 0)
    assert metadata.timestamp_secs == NOW
    assert metadata.sampling_config.sampling_rate == 0.5


@pytest.mark.parametrize(
    ("what", "bodies", "message"),
    [
        (Asked("letters"), Exchange(b"", b"{}"), "JSON Parse error"),
        (Asked("letters"), exchange({"examples": []}, {}), "Missing 'inputs'"),
        (
            Asked("letters"),
            exchange({"instances": IMAGES}, {"error": "no"}),
            "Missing 'inputs'",
        ),
        (
            Asked("letters"),
            exchange({"instances": IMAGES, "signature_name": "x"}, {}),
            "no signature x",
        ),
        (Asked("numbers"), ROWS, "no such model or version"),
        (Asked("letters", 4), ROWS, "no such model or version"),
        (Asked("../letters"), ROWS, "no such model or version"),
    ],
)
def test_what_is_no_predict_call_of_the_model_is_refused(
    recorder: Recorder, what: Asked, bodies: Exchange, message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        recorder.record(what, bodies, "an-id", NOW)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", Asked("service")),
        ("/v1/models/letters:predict", Asked("letters")),
        ("/v1/models/letters/versions/7:predict", Asked("letters", 7)),
        ("/v1/models/letters/versions/7", Asked("letters", 7)),
        ("/v1/models/letters/labels/canary:predict", Asked("letters")),
    ],
)
def test_a_path_says_which_version(path: str, expected: Asked) -> None:
    assert asked("service", path) == expected


@pytest.mark.parametrize("content", [b"", b"torn"])
def test_a_model_that_cannot_be_parsed_is_none(
    recorder: Recorder, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "letters" / "12" / "saved_model.pb").write_bytes(content)
    with pytest.raises(BadInputError, match="no such model or version"):
        recorder.record(Asked("letters"), ROWS, "id", NOW)
