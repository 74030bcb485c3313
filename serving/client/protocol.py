"""The few protocol messages a client needs, without importing TensorFlow.

The generated modules of ``tensorflow-serving-api`` import
``tensorflow.core.framework``, and with it all of TensorFlow: 7 to 12 seconds
before a client has said a word. This module declares the same messages (same
full names, field numbers, types and so the same bytes) in a descriptor pool of
its own, so both can live in one process. ``tests/serving/client/test_protocol.py``
holds every field equal to the official one.

Left out are the fields no unary Predict, GetModelStatus or GetModelMetadata
client reads (streaming, resource handles, sparse tensors); protobuf carries
them along as unknown fields.

Sources: ``tensorflow_serving/apis/{model,predict,get_model_status,
get_model_metadata,status}.proto`` and ``tensorflow/core/{framework/tensor,
framework/tensor_shape,framework/types,protobuf/meta_graph,
protobuf/saved_model}.proto``.
"""

from typing import Any

from google.protobuf import any_pb2, wrappers_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_F = FieldDescriptorProto
_Field = FieldDescriptorProto | tuple[FieldDescriptorProto, DescriptorProto]


def _field(
    name: str, number: int, kind: int | str, *, repeated: bool = False
) -> FieldDescriptorProto:
    """Returns a field; `kind` is a scalar type, or a message's or enum's full name."""
    field = FieldDescriptorProto(
        name=name,
        number=number,
        label=_F.LABEL_REPEATED if repeated else _F.LABEL_OPTIONAL,
    )
    if isinstance(kind, int):
        field.type = kind  # type: ignore[assignment]
        if repeated and kind not in (_F.TYPE_STRING, _F.TYPE_BYTES):
            field.options.packed = True
        return field
    is_enum = kind in _ENUMS
    field.type = _F.TYPE_ENUM if is_enum else _F.TYPE_MESSAGE
    field.type_name = f".{kind}"
    return field


def _map(owner: str, name: str, number: int, value: str) -> _Field:
    """Returns a `map<string, value>` field of the message named `owner`."""
    entry = "".join(word.capitalize() for word in name.split("_")) + "Entry"
    declaration = DescriptorProto(
        name=entry,
        field=[_field("key", 1, _F.TYPE_STRING), _field("value", 2, value)],
    )
    declaration.options.map_entry = True
    return _field(name, number, f"{owner}.{entry}", repeated=True), declaration


def _message(
    name: str,
    *fields: _Field,
    oneof: tuple[str, frozenset[str]] | None = None,
    nested: tuple[DescriptorProto, ...] = (),
    enums: tuple[EnumDescriptorProto, ...] = (),
) -> DescriptorProto:
    message = DescriptorProto(name=name, nested_type=nested, enum_type=enums)
    for item in fields:
        field, entry = item if isinstance(item, tuple) else (item, None)
        if entry is not None:
            message.nested_type.append(entry)
        if oneof is not None and field.name in oneof[1]:
            field.oneof_index = 0
        message.field.append(field)
    if oneof is not None:
        message.oneof_decl.add(name=oneof[0])
    return message


def _enum(name: str, values: dict[str, int]) -> EnumDescriptorProto:
    enum = EnumDescriptorProto(name=name)
    for value, number in values.items():
        enum.value.add(name=value, number=number)
    return enum


# Open enums (proto3): a value that is not listed still travels as its number.
_DATA_TYPES = {
    "DT_INVALID": 0,
    "DT_FLOAT": 1,
    "DT_DOUBLE": 2,
    "DT_INT32": 3,
    "DT_UINT8": 4,
    "DT_INT16": 5,
    "DT_INT8": 6,
    "DT_STRING": 7,
    "DT_COMPLEX64": 8,
    "DT_INT64": 9,
    "DT_BOOL": 10,
    "DT_BFLOAT16": 14,
    "DT_UINT16": 17,
    "DT_COMPLEX128": 18,
    "DT_HALF": 19,
    "DT_UINT32": 22,
    "DT_UINT64": 23,
}
_ERROR_CODES = {
    "OK": 0,
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}
_STATES = {
    "UNKNOWN": 0,
    "START": 10,
    "LOADING": 20,
    "AVAILABLE": 30,
    "UNLOADING": 40,
    "END": 50,
}
_ENUMS = frozenset(
    {
        "tensorflow.DataType",
        "tensorflow.error.Code",
        "tensorflow.serving.ModelVersionStatus.State",
    }
)


def _tensorflow() -> FileDescriptorProto:
    """Package ``tensorflow``: tensors and signatures."""
    return FileDescriptorProto(
        name="client/tensorflow.proto",
        package="tensorflow",
        syntax="proto3",
        enum_type=[_enum("DataType", _DATA_TYPES)],
        message_type=[
            _message(
                "TensorShapeProto",
                _field("dim", 2, "tensorflow.TensorShapeProto.Dim", repeated=True),
                _field("unknown_rank", 3, _F.TYPE_BOOL),
                nested=(
                    _message(
                        "Dim",
                        _field("size", 1, _F.TYPE_INT64),
                        _field("name", 2, _F.TYPE_STRING),
                    ),
                ),
            ),
            _message(
                "TensorProto",
                _field("dtype", 1, "tensorflow.DataType"),
                _field("tensor_shape", 2, "tensorflow.TensorShapeProto"),
                _field("version_number", 3, _F.TYPE_INT32),
                _field("tensor_content", 4, _F.TYPE_BYTES),
                _field("float_val", 5, _F.TYPE_FLOAT, repeated=True),
                _field("double_val", 6, _F.TYPE_DOUBLE, repeated=True),
                _field("int_val", 7, _F.TYPE_INT32, repeated=True),
                _field("string_val", 8, _F.TYPE_BYTES, repeated=True),
                _field("scomplex_val", 9, _F.TYPE_FLOAT, repeated=True),
                _field("int64_val", 10, _F.TYPE_INT64, repeated=True),
                _field("bool_val", 11, _F.TYPE_BOOL, repeated=True),
                _field("dcomplex_val", 12, _F.TYPE_DOUBLE, repeated=True),
                _field("half_val", 13, _F.TYPE_INT32, repeated=True),
                _field("uint32_val", 16, _F.TYPE_UINT32, repeated=True),
                _field("uint64_val", 17, _F.TYPE_UINT64, repeated=True),
            ),
            _message(
                "TensorInfo",
                _field("name", 1, _F.TYPE_STRING),
                _field("dtype", 2, "tensorflow.DataType"),
                _field("tensor_shape", 3, "tensorflow.TensorShapeProto"),
                oneof=("encoding", frozenset({"name"})),
            ),
            _message(
                "SignatureDef",
                _map("tensorflow.SignatureDef", "inputs", 1, "tensorflow.TensorInfo"),
                _map("tensorflow.SignatureDef", "outputs", 2, "tensorflow.TensorInfo"),
                _field("method_name", 3, _F.TYPE_STRING),
            ),
            _message(
                "MetaGraphDef",
                _field("meta_info_def", 1, "tensorflow.MetaGraphDef.MetaInfoDef"),
                _map(
                    "tensorflow.MetaGraphDef",
                    "signature_def",
                    5,
                    "tensorflow.SignatureDef",
                ),
                nested=(
                    _message(
                        "MetaInfoDef", _field("tensorflow_version", 5, _F.TYPE_STRING)
                    ),
                ),
            ),
            _message(
                "SavedModel",
                _field("meta_graphs", 2, "tensorflow.MetaGraphDef", repeated=True),
            ),
        ],
    )


def _error() -> FileDescriptorProto:
    """Package ``tensorflow.error``: the status codes (those of absl and gRPC)."""
    return FileDescriptorProto(
        name="client/error.proto",
        package="tensorflow.error",
        syntax="proto3",
        enum_type=[_enum("Code", _ERROR_CODES)],
    )


def _serving() -> FileDescriptorProto:
    """Package ``tensorflow.serving``: requests and responses."""
    spec = _field("model_spec", 1, "tensorflow.serving.ModelSpec")
    predict_request = "tensorflow.serving.PredictRequest"
    predict_response = "tensorflow.serving.PredictResponse"
    metadata_response = "tensorflow.serving.GetModelMetadataResponse"
    signature_map = "tensorflow.serving.SignatureDefMap"
    return FileDescriptorProto(
        name="client/serving.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=[
            "client/error.proto",
            "client/tensorflow.proto",
            "google/protobuf/any.proto",
            "google/protobuf/wrappers.proto",
        ],
        message_type=[
            _message(
                "ModelSpec",
                _field("name", 1, _F.TYPE_STRING),
                _field("version", 2, "google.protobuf.Int64Value"),
                _field("signature_name", 3, _F.TYPE_STRING),
                _field("version_label", 4, _F.TYPE_STRING),
                oneof=("version_choice", frozenset({"version", "version_label"})),
            ),
            _message(
                "PredictRequest",
                spec,
                _map(predict_request, "inputs", 2, "tensorflow.TensorProto"),
                _field("output_filter", 3, _F.TYPE_STRING, repeated=True),
            ),
            _message(
                "PredictResponse",
                _map(predict_response, "outputs", 1, "tensorflow.TensorProto"),
                _field("model_spec", 2, "tensorflow.serving.ModelSpec"),
            ),
            _message(
                "StatusProto",
                _field("error_code", 1, "tensorflow.error.Code"),
                _field("error_message", 2, _F.TYPE_STRING),
            ),
            _message("GetModelStatusRequest", spec),
            _message(
                "ModelVersionStatus",
                _field("version", 1, _F.TYPE_INT64),
                _field("state", 2, "tensorflow.serving.ModelVersionStatus.State"),
                _field("status", 3, "tensorflow.serving.StatusProto"),
                enums=(_enum("State", _STATES),),
            ),
            _message(
                "GetModelStatusResponse",
                _field(
                    "model_version_status",
                    1,
                    "tensorflow.serving.ModelVersionStatus",
                    repeated=True,
                ),
            ),
            _message(
                "SignatureDefMap",
                _map(signature_map, "signature_def", 1, "tensorflow.SignatureDef"),
            ),
            _message(
                "GetModelMetadataRequest",
                spec,
                _field("metadata_field", 2, _F.TYPE_STRING, repeated=True),
            ),
            _message(
                "GetModelMetadataResponse",
                spec,
                _map(metadata_response, "metadata", 2, "google.protobuf.Any"),
            ),
        ],
    )


def _build_pool() -> DescriptorPool:
    pool = DescriptorPool()
    for known in (any_pb2, wrappers_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    for file in (_tensorflow(), _error(), _serving()):
        pool.AddSerializedFile(file.SerializeToString())
    return pool


POOL = _build_pool()
"""The private descriptor pool that holds every message of this module."""


def _class(name: str) -> Any:
    return GetMessageClass(POOL.FindMessageTypeByName(name))


TensorProto = _class("tensorflow.TensorProto")
SavedModel = _class("tensorflow.SavedModel")
ModelSpec = _class("tensorflow.serving.ModelSpec")
PredictRequest = _class("tensorflow.serving.PredictRequest")
PredictResponse = _class("tensorflow.serving.PredictResponse")
GetModelStatusRequest = _class("tensorflow.serving.GetModelStatusRequest")
GetModelStatusResponse = _class("tensorflow.serving.GetModelStatusResponse")
GetModelMetadataRequest = _class("tensorflow.serving.GetModelMetadataRequest")
GetModelMetadataResponse = _class("tensorflow.serving.GetModelMetadataResponse")
SignatureDefMap = _class("tensorflow.serving.SignatureDefMap")
DataType = POOL.FindEnumTypeByName("tensorflow.DataType")
ErrorCode = POOL.FindEnumTypeByName("tensorflow.error.Code")
VersionState = POOL.FindEnumTypeByName("tensorflow.serving.ModelVersionStatus.State")
