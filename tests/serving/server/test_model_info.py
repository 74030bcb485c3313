"""States and signatures of the served versions, by gRPC."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow as tf
from grpc import StatusCode
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
)

from tests.serving.server.running import (
    TIMEOUT,
    Failure,
    RunningServer,
    State,
    failure_of,
    spec,
)

BAD = StatusCode.INVALID_ARGUMENT


class TestModelStatus:
    def ask(self, server: RunningServer, model: Any) -> Any:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=model)
        return server.models.GetModelStatus(request, timeout=TIMEOUT)

    def test_versions_from_the_highest_down(self, server: RunningServer) -> None:
        listed = self.ask(server, spec()).model_version_status
        found = [(item.version, item.state, item.status.error_code) for item in listed]
        assert found == [(3, State.AVAILABLE, 0), (1, State.AVAILABLE, 0)]

    def test_one_version(self, server: RunningServer) -> None:
        listed = self.ask(server, spec(version=1)).model_version_status
        assert [item.version for item in listed] == [1]

    def test_a_label_is_not_looked_at(self, server: RunningServer) -> None:
        assert len(self.ask(server, spec(label="none")).model_version_status) == 2

    @pytest.mark.parametrize(
        ("model", "message"),
        [
            (spec("nobody"), "Could not find any versions of model nobody"),
            (spec(version=9), "Could not find version 9 of model adder"),
        ],
    )
    def test_unknown(self, server: RunningServer, model: Any, message: str) -> None:
        found = failure_of(self.ask, server, model)
        assert found == Failure(StatusCode.NOT_FOUND, message)

    def test_without_a_model_spec(self, server: RunningServer) -> None:
        request = get_model_status_pb2.GetModelStatusRequest()
        found = failure_of(server.models.GetModelStatus, request, TIMEOUT)
        assert found == Failure(BAD, "Missing ModelSpec")


class TestModelMetadata:
    def ask(self, server: RunningServer, model: Any, *fields: str) -> Any:
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=model, metadata_field=fields
        )
        return server.prediction.GetModelMetadata(request, timeout=TIMEOUT)

    def test_the_signatures_as_the_model_has_them(self, server: RunningServer) -> None:
        response = self.ask(server, spec("digits", "tf_examples"), "signature_def")
        assert response.model_spec == spec("digits", "", 1700000000)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        assert response.metadata["signature_def"].Unpack(signatures)
        images_info = signatures.signature_def["serving_default"].inputs["images"]
        assert images_info.dtype == tf.uint8.as_datatype_enum
        assert [dim.size for dim in images_info.tensor_shape.dim] == [-1, 28, 28]

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ((), "GetModelMetadataRequest must specify at least one metadata_field"),
            (("weights",), "Metadata field weights is not supported"),
        ],
    )
    def test_refusals(
        self, server: RunningServer, fields: tuple[str, ...], message: str
    ) -> None:
        assert failure_of(self.ask, server, spec(), *fields) == Failure(BAD, message)

    def test_unknown_model(self, server: RunningServer) -> None:
        found = failure_of(self.ask, server, spec("nobody"), "signature_def")
        assert found.code is StatusCode.NOT_FOUND
