"""The client's messages are equal to TensorFlow Serving's, field by field."""

from typing import Any

import numpy as np
import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto

from serving.client import protocol, tensors

# Fields left out on purpose: no unary client reads or writes them.
LEFT_OUT = {
    "tensorflow.TensorProto": {"resource_handle_val", "variant_val", "float8_val"},
    "tensorflow.TensorInfo": {"coo_sparse", "composite_tensor"},
    "tensorflow.SignatureDef": {"defaults"},
    "tensorflow.serving.PredictRequest": {
        "predict_streamed_options",
        "client_id",
        "request_options",
    },
}
# Messages of which only the version of TensorFlow in a SavedModel is read.
EXCERPTS = {
    "tensorflow.MetaGraphDef": {"meta_info_def", "signature_def"},
    "tensorflow.MetaGraphDef.MetaInfoDef": {"tensorflow_version"},
    "tensorflow.SavedModel": {"meta_graphs"},
}


@pytest.fixture(scope="module")
def official() -> dict[str, Any]:
    """Returns each official message descriptor by full name; imports TensorFlow."""
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        predict_pb2,
    )

    found: dict[str, Any] = {}

    def visit(message: Any) -> None:
        found[message.full_name] = message
        for nested in message.nested_types:
            visit(nested)

    queue = [
        module.DESCRIPTOR
        for module in (
            saved_model_pb2,
            get_model_metadata_pb2,
            get_model_status_pb2,
            predict_pb2,
        )
    ]
    while queue:
        file = queue.pop()
        for message in file.message_types_by_name.values():
            visit(message)
        queue.extend(file.dependencies)
    return found


def our_messages() -> dict[str, Any]:
    """Returns each message descriptor of the client by full name."""
    found = {}

    def visit(message: Any) -> None:
        found[message.full_name] = message
        for nested in message.nested_types:
            visit(nested)

    for name in ("client/tensorflow.proto", "client/serving.proto"):
        for message in protocol.POOL.FindFileByName(
            name
        ).message_types_by_name.values():
            visit(message)
    return found


def described(message: Any, name: str) -> dict[str, Any]:
    """Returns the properties that decide a field's bytes and meaning."""
    field = message.fields_by_name[name]
    whole = DescriptorProto()
    message.CopyToProto(whole)
    (declared,) = (item for item in whole.field if item.name == name)
    return {
        "number": declared.number,
        "type": declared.type,
        "label": declared.label,
        "packed": declared.options.packed,
        "message": field.message_type and field.message_type.full_name,
        "map": bool(field.message_type and field.message_type.GetOptions().map_entry),
        "enum": field.enum_type and field.enum_type.full_name,
        "oneof": field.containing_oneof and field.containing_oneof.name,
        "presence": field.has_presence,
    }


@pytest.mark.parametrize("name", sorted(our_messages()))
def test_every_field_is_the_official_one(name: str, official: dict[str, Any]) -> None:
    ours, theirs = our_messages()[name], official[name]
    for field in ours.fields:
        assert described(ours, field.name) == described(theirs, field.name)


@pytest.mark.parametrize("name", sorted(our_messages()))
def test_only_the_named_fields_are_left_out(
    name: str, official: dict[str, Any]
) -> None:
    ours = {field.name for field in our_messages()[name].fields}
    theirs = {field.name for field in official[name].fields}
    if name in EXCERPTS:
        assert ours == EXCERPTS[name]
    else:
        assert theirs - ours <= LEFT_OUT.get(name, set())


def test_enum_values_are_the_official_ones(official: dict[str, Any]) -> None:
    tensor = official["tensorflow.TensorProto"].fields_by_name
    status = official["tensorflow.serving.ModelVersionStatus"].fields_by_name
    code = official["tensorflow.serving.StatusProto"].fields_by_name
    pairs = [
        (protocol.DataType, tensor["dtype"].enum_type),
        (protocol.VersionState, status["state"].enum_type),
        (protocol.ErrorCode, code["error_code"].enum_type),
    ]
    for ours, theirs in pairs:
        for value in ours.values:
            assert theirs.values_by_name[value.name].number == value.number


def test_tensorflow_reads_our_request_and_we_read_its_answer(
    official: dict[str, Any],
) -> None:
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    images = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    ours = protocol.PredictRequest()
    ours.model_spec.name = "mnist"
    ours.model_spec.version.value = 7
    ours.inputs["images"].CopyFrom(tensors.encode(images))
    theirs = predict_pb2.PredictRequest.FromString(ours.SerializeToString())
    assert theirs.model_spec.version.value == 7
    np.testing.assert_array_equal(tf.make_ndarray(theirs.inputs["images"]), images)

    answer = predict_pb2.PredictResponse()
    probabilities = np.linspace(0, 1, 20, dtype=np.float32).reshape(2, 10)
    answer.outputs["probabilities"].CopyFrom(tf.make_tensor_proto(probabilities))
    read = protocol.PredictResponse.FromString(answer.SerializeToString())
    np.testing.assert_array_equal(
        tensors.decode(read.outputs["probabilities"]), probabilities
    )


@pytest.mark.parametrize(
    "dtype",
    [
        "float16",
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
        "complex64",
        "complex128",
    ],
)
def test_values_in_fields_are_read_as_tensorflow_reads_them(
    dtype: str, official: dict[str, Any]
) -> None:
    import tensorflow as tf
    from tensorflow.core.framework import tensor_pb2

    values = np.array([[1, 0, 3], [0, 1, 100]]).astype(dtype)
    # make_tensor_proto writes a single value into the typed field
    for array in (values, values[:1, :1]):
        theirs = tf.make_tensor_proto(array)
        ours = protocol.TensorProto.FromString(theirs.SerializeToString())
        np.testing.assert_array_equal(tensors.decode(ours), array)
        back = tensor_pb2.TensorProto.FromString(
            tensors.encode(array).SerializeToString()
        )
        np.testing.assert_array_equal(tf.make_ndarray(back), array)


def test_bfloat16_is_read_as_float32(official: dict[str, Any]) -> None:
    import tensorflow as tf

    theirs = tf.make_tensor_proto([1.5, -2.0], tf.bfloat16)
    ours = protocol.TensorProto.FromString(theirs.SerializeToString())
    np.testing.assert_array_equal(
        tensors.decode(ours), np.array([1.5, -2.0], np.float32)
    )
