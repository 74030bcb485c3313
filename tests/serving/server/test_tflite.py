"""TensorFlow Lite models are served if the flag allows it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from grpc import StatusCode

from serving.server.errors import ServingError
from tests.serving.server import odd_models
from tests.serving.server.odd_models import spec as tensor
from tests.serving.server.running import RunningServer, spec
from tests.serving.server.saved_models import save_adder

pytestmark = pytest.mark.skipif(
    not hasattr(tf.lite, "Interpreter"), reason="this TensorFlow has no TFLite"
)
WEIGHTS = np.linspace(-1, 1, 12).reshape(4, 3).astype(np.float32)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base path with a TensorFlow Lite model and a SavedModel of other sums."""
    folder = tmp_path_factory.mktemp("lite")
    saved = odd_models.save(
        folder / "saved" / "1",
        {"serving_default": ([tensor([None, 4])], lambda x: x @ WEIGHTS)},
    )
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    version = save_adder(folder / "model" / "1", 1.0)
    (version / "model.tflite").write_bytes(converter.convert())
    return folder / "model"


@pytest.fixture(scope="module")
def lite(base: Path) -> Iterator[RunningServer]:
    with RunningServer(
        model_name="adder", model_base_path=str(base), prefer_tflite_model=True
    ) as server:
        yield server


def test_its_signature_answers_any_batch(lite: RunningServer) -> None:
    generator = np.random.default_rng(2)

    def ask(count: int) -> None:
        x = generator.random([count, 4]).astype(np.float32)
        found = lite.predict({"x": x})["y"]
        np.testing.assert_allclose(found, x @ WEIGHTS, rtol=1e-5, atol=1e-6)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, [1, 3, 1, 7, 2, 1] * 5))
    body = {"instances": np.ones([2, 4]).tolist()}
    status, answer = lite.rest("/v1/models/adder:predict", body)
    assert (status, len(answer["predictions"])) == (200, 2)


def test_the_metadata_has_the_file_s_shapes(lite: RunningServer) -> None:
    _, answer = lite.rest("/v1/models/adder/metadata")
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert list(signatures) == ["serving_default"]
    info = signatures["serving_default"]["inputs"]["x"]
    assert info["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in info["tensor_shape"]["dim"]] == ["-1", "4"]


@pytest.mark.parametrize("shape", [[4], [1, 5], [1, 1, 4], []])
def test_other_shapes_are_refused(lite: RunningServer, shape: list[int]) -> None:
    found = lite.refused({"x": np.ones(shape, np.float32)})
    assert found.code is StatusCode.INVALID_ARGUMENT


def test_a_file_without_signatures_gets_one_of_its_tensors(tmp_path: Path) -> None:
    function = tf.function(
        lambda x: x * 2, input_signature=[tf.TensorSpec([1, 2], tf.float32, "x")]
    ).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.tflite").write_bytes(converter.convert())
    with RunningServer(
        model_name="adder", model_base_path=str(tmp_path), prefer_tflite_model=True
    ) as server:
        answers = server.predict({"x": np.ones([3, 2], np.float32)})
        (found,) = answers.values()
        assert found.tolist() == [[2, 2]] * 3


def test_it_is_not_looked_at_unless_asked_for(base: Path) -> None:
    with RunningServer(model_name="adder", model_base_path=str(base)) as server:
        assert server.predict({"x": [1.0]}, spec())["y"].tolist() == [2]


def test_a_broken_file_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.tflite").write_bytes(b"no model" * 99)
    server = RunningServer(
        model_base_path=str(tmp_path), prefer_tflite_model=True, max_num_load_retries=0
    )
    with pytest.raises(ServingError, match="Cannot build FlatBufferModel from buffer"):
        server.start()
    server.stop()
