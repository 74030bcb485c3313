"""Writes logged requests in the embedded server's form."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorflow.core.example.example_pb2 import Example
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.client import tensors
from serving.server.record_files import RecordFiles

NOW = 1_790_000_000
"""Time of the first request; each further request comes a second later."""


class Log:
    """A log to which requests are written one by one."""

    def __init__(self, prefix: Path, model: str, version: int | None = 7) -> None:
        self.prefix, self.model, self.version = prefix, model, version
        self._files = RecordFiles(str(prefix), 1 << 30)
        self._count = 0

    def predict(
        self,
        images: np.ndarray,
        probabilities: np.ndarray,
        signature: str = "serving_default",
        request_id: str = "",
    ) -> None:
        """Logs a Predict: uint8 `[rows, *shape]`, float32 `[rows, classes]`."""
        log = PredictionLog()
        given: Any = images
        if signature == "tf_examples":
            given = np.array([as_example(image) for image in images], object)
        request, answer = log.predict_log.request, log.predict_log.response
        name = "examples" if signature == "tf_examples" else "images"
        request.inputs[name].ParseFromString(tensors.encode(given).SerializeToString())
        answer.outputs["probabilities"].ParseFromString(
            tensors.encode(probabilities.astype(np.float32)).SerializeToString()
        )
        self.append(log, signature, request_id)

    def classify(
        self, images: np.ndarray, probabilities: np.ndarray, names: Sequence[str]
    ) -> None:
        """Logs a Classify, the most probable class first."""
        log = PredictionLog()
        for image, row in zip(images, probabilities, strict=True):
            example = log.classify_log.request.input.example_list.examples.add()
            example.ParseFromString(as_example(image))
            answer = log.classify_log.response.result.classifications.add()
            for label in np.argsort(-row):
                answer.classes.add(label=names[label], score=row[label])
        self.append(log, "classify")

    def append(self, log: Any, signature: str, request_id: str = "") -> None:
        """Logs any call."""
        spec = log.log_metadata.model_spec
        spec.name, spec.signature_name = self.model, signature
        if self.version is not None:
            spec.version.value = self.version
        log.log_metadata.timestamp_secs = NOW + self._count
        entry = {
            "request_id": request_id or f"request-{self._count}",
            "model": self.model,
            "version": self.version,
            "signatures": [signature],
            "timestamp_secs": NOW + self._count,
        }
        self._files.append(log.SerializeToString(), entry)
        self._count += 1

    def close(self) -> None:
        self._files.close()


def as_example(image: np.ndarray) -> bytes:
    example = Example()
    example.features.feature["image"].int64_list.value.extend(image.ravel().tolist())
    return example.SerializeToString()


def sure_of(labels: np.ndarray, classes: int, confidence: float = 0.91) -> np.ndarray:
    """Returns probabilities that have each label as the most probable class."""
    rows = np.full((len(labels), classes), (1 - confidence) / (classes - 1))
    rows[np.arange(len(labels)), labels] = confidence
    return rows.astype(np.float32)
