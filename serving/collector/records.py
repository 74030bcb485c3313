"""Converts bodies of the REST API into PredictionLogs.

JSON has no types, so the signature is read from the model's folder. The conversion is
that of the embedded server, which follows TensorFlow Serving's.
"""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from contract.errors import BadInputError
from serving.client.protocol import SavedModel
from serving.collector.joining import Exchange
from serving.server import json_tensors, tensors
from serving.server.errors import ServingError
from serving.server.rest_messages import (
    INPUTS,
    INSTANCES,
    OUTPUTS,
    PREDICTIONS,
    predict_inputs,
    signature_name,
)
from serving.server.signatures import DEFAULT_SIGNATURE, Signature
from serving.server.tensors import TensorSpec

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PATH = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d{1,18}))?(?:/|:|$)"
)
_TAG = "serve"
# Seconds that the newest version found is used before the folder is read again.
_SECONDS = 10.0


@dataclass(frozen=True)
class Asked:
    """The model and version that a request is for.

    Attributes:
        model: Name of the model.
        version: The version in the request's path; None if it is not known.
    """

    model: str
    version: int | None = None


def names_model(path: str) -> bool:
    """Tells whether a path is a REST API path of a model."""
    return _PATH.search(path) is not None


def asked(service: str, path: str) -> Asked:
    """Returns the model and version in a request's path, else the service's name.

    Args:
        service: The InferenceService's name, which is the model's.
        path: Path of the request; it may be any path.
    """
    found = _PATH.search(path)
    if found is None:
        return Asked(service)
    version = found["version"]
    return Asked(found["model"], None if version is None else int(version))


class Recorder:
    """Makes records with the signatures of the models in a folder."""

    def __init__(self, models: str, rate: float) -> None:
        """Reads nothing yet.

        Args:
            models: Folder with a folder for each model, which has one for each version.
            rate: Share of requests that is recorded; it is written into each record.
        """
        self._models = models
        self._rate = rate
        self._known: dict[Asked, tuple[float, Mapping[str, Signature]]] = {}

    def record(
        self, what: Asked, exchange: Exchange, request_id: str, now: int
    ) -> tuple[bytes, dict[str, Any]]:
        """Returns a PredictionLog, and its line of the index.

        Args:
            what: The model and version that the request is for.
            exchange: The bodies of request and answer.
            request_id: Id for the index.
            now: Time of the answer, in seconds since 1970.

        Raises:
            BadInputError: The exchange is no predict call of that model.
        """
        signatures = self._signatures(what)
        try:
            body = json_tensors.parse_object(exchange.request)
            name = signature_name(body) or DEFAULT_SIGNATURE
            if name not in signatures:
                raise BadInputError(f"{what.model}: no signature {name}")
            signature = signatures[name]
            inputs, _ = predict_inputs(body, signature)
            answer = json_tensors.parse_object(exchange.response)
            pairs = ((PREDICTIONS, INSTANCES), (OUTPUTS, INPUTS))
            outputs, _ = predict_inputs(
                {theirs: answer[ours] for ours, theirs in pairs if ours in answer},
                replace(signature, inputs=signature.outputs),
            )
        except ServingError as error:
            raise BadInputError(f"{what.model}: {error}") from error
        log = prediction_log_pb2.PredictionLog()
        metadata = log.log_metadata
        metadata.sampling_config.sampling_rate = self._rate
        metadata.saved_model_tags.append(_TAG)
        metadata.timestamp_secs = now
        request, response = log.predict_log.request, log.predict_log.response
        for spec in (metadata.model_spec, request.model_spec, response.model_spec):
            spec.name = what.model
            spec.signature_name = name
            if what.version is not None:
                spec.version.value = what.version
        _fill(request.inputs, signature.inputs, inputs)
        _fill(response.outputs, signature.outputs, outputs)
        return log.SerializeToString(), {
            "request_id": request_id,
            "model": what.model,
            "version": what.version,
            "signatures": [name],
            "timestamp_secs": now,
        }

    def _signatures(self, what: Asked) -> Mapping[str, Signature]:
        """Returns the version's signatures; without a version, the newest one's."""
        read_at, found = self._known.get(what, (0.0, {}))
        fresh = what.version is not None or time.monotonic() - read_at < _SECONDS
        if not (found and fresh):
            found = self._read(what)
            self._known[what] = time.monotonic(), found
        return found

    def _read(self, what: Asked) -> Mapping[str, Signature]:
        base = os.path.join(self._models, what.model)
        try:
            if not _MODEL.fullmatch(what.model):
                raise FileNotFoundError
            versions = {int(n): n for n in os.listdir(base) if n.isdecimal()}
            name = versions[max(versions) if what.version is None else what.version]
            with open(os.path.join(base, name, "saved_model.pb"), "rb") as stream:
                graph = SavedModel.FromString(stream.read()).meta_graphs[0]
        # A truncated file cannot be parsed, and an empty one has no graph.
        except (OSError, LookupError, ValueError, DecodeError) as error:
            raise BadInputError(f"{base}: no such model or version") from error
        definitions = graph.signature_def
        return {
            name: Signature.from_def(name, definitions[name]) for name in definitions
        }


def _fill(
    messages: Any, specs: Mapping[str, TensorSpec], arrays: tuple[np.ndarray, ...]
) -> None:
    for spec, array in zip(specs.values(), arrays, strict=True):
        messages[spec.alias].ParseFromString(tensors.encode(array, spec.dtype))
