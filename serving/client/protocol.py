"""Declares the few protocol messages that a client needs, without TensorFlow.

The generated modules of ``tensorflow-serving-api`` import
``tensorflow.core.framework``, and with it all of TensorFlow, which takes 7 to 12
seconds. `protocol.pbtxt` declares the same messages (same full names, field numbers and
types, and so the same bytes). They are loaded into a separate descriptor pool, so that
both can exist in one process. ``tests/serving/client/test_protocol.py`` compares every
field with the official one.

Fields that no unary Predict, GetModelStatus or GetModelMetadata client reads are left
out (streaming, resource handles, sparse tensors); protobuf keeps them as unknown
fields.

Sources: ``tensorflow_serving/apis/{model,predict,get_model_status,
get_model_metadata,status}.proto`` and ``tensorflow/core/{framework/tensor,
framework/tensor_shape,framework/types,protobuf/meta_graph,
protobuf/saved_model}.proto``.
"""

from importlib import resources
from typing import Any

from google.protobuf import any_pb2, text_format, wrappers_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass


def _build_pool() -> DescriptorPool:
    text = resources.files(__package__).joinpath("protocol.pbtxt").read_text("utf-8")
    pool = DescriptorPool()
    for known in (any_pb2, wrappers_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    for file in text_format.Parse(text, FileDescriptorSet()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


POOL = _build_pool()
"""The separate descriptor pool that holds every message of this module."""


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
