"""Converts TensorProto to NumPy and back, with checks before any allocation.

A TensorProto of 20 bytes may claim 10^10 elements: the last value of its list stands
for all missing ones (tensorflow core/framework/tensor.cc, FromProto). So before any
allocation the type is compared with the signature, the size with a limit, and the
claimed shape with the values that the message holds.

Responses use `float_val` or a similar field, and `tensor_content` only if a flag asks
for it: TensorFlow Serving does the same (Tensor::AsProtoField), and clients read these
fields.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2

from serving.server import wire
from serving.server.errors import ServingError, invalid_argument

Shape = tuple[int | None, ...]

# Least bytes of a string element, without its text: a pointer in NumPy, a tstring in
# TensorFlow.
_STRING_COST = 32
# NumPy 1 allows no more dimensions; TensorFlow allows 254.
MAX_RANK = 32
_FREE_ELEMENTS = 8192

_DT_STRING = types_pb2.DT_STRING

# dtype -> the field of its values in TensorProto.
_VALUE_FIELDS: dict[int, str] = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_INT16: "int_val",
    types_pb2.DT_INT8: "int_val",
    types_pb2.DT_UINT16: "int_val",
    types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_STRING: "string_val",
    types_pb2.DT_HALF: "half_val",
    types_pb2.DT_BFLOAT16: "half_val",
    types_pb2.DT_COMPLEX64: "scomplex_val",
    types_pb2.DT_COMPLEX128: "dcomplex_val",
}
# Fields whose packed payload has the same bytes as the array.
_RAW_FIELDS: dict[int, int] = {
    types_pb2.DT_FLOAT: tensor_pb2.TensorProto.FLOAT_VAL_FIELD_NUMBER,
    types_pb2.DT_DOUBLE: tensor_pb2.TensorProto.DOUBLE_VAL_FIELD_NUMBER,
    types_pb2.DT_COMPLEX64: tensor_pb2.TensorProto.SCOMPLEX_VAL_FIELD_NUMBER,
    types_pb2.DT_COMPLEX128: tensor_pb2.TensorProto.DCOMPLEX_VAL_FIELD_NUMBER,
}
_BIT_PATTERNS = (types_pb2.DT_HALF, types_pb2.DT_BFLOAT16)
_CXX_NAMES = {"float32": "float", "float64": "double", "float16": "half"}
_CONTENT = tensor_pb2.TensorProto.TENSOR_CONTENT_FIELD_NUMBER
_DTYPE_TAG = bytes((tensor_pb2.TensorProto.DTYPE_FIELD_NUMBER << 3,))
_SHAPE = tensor_pb2.TensorProto.TENSOR_SHAPE_FIELD_NUMBER
_DIM = tensor_shape_pb2.TensorShapeProto.DIM_FIELD_NUMBER


@functools.cache
def dtype_name(dtype: int) -> str:
    """Returns the name of a `DataType` in TensorFlow's C++ messages, as in "float"."""
    try:
        name = tf.dtypes.as_dtype(dtype).name
    except TypeError:
        return f"unknown dtype enum ({dtype})"
    return _CXX_NAMES.get(name, name)


@dataclasses.dataclass(frozen=True, slots=True)
class TensorSpec:
    """The declaration of one tensor in a signature.

    Attributes:
        alias: its name in requests and responses.
        name: its name in the graph; empty if it is not a single tensor.
        dtype: its `DataType`.
        numpy_dtype: the same for NumPy; `object` for strings.
        shape: its dimensions, each None if it may have any size; None instead of the
            tuple if even the rank is unknown.
    """

    alias: str
    name: str
    dtype: int
    numpy_dtype: Any
    shape: Shape | None

    @classmethod
    def from_info(cls, alias: str, info: Any) -> Self:
        """Reads a `TensorInfo`."""
        shape: Shape | None = None
        if not info.tensor_shape.unknown_rank:
            shape = tuple(
                None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim
            )
        try:
            kind = tf.dtypes.as_dtype(info.dtype).base_dtype
            dtype, numpy_dtype = kind.as_datatype_enum, np.dtype(kind.as_numpy_dtype)
        except TypeError:
            dtype, numpy_dtype = info.dtype, np.dtype(object)
        return cls(alias, info.name, dtype, numpy_dtype, shape)

    @property
    def batched(self) -> bool:
        """Whether the first dimension may be of any size."""
        return self.shape is not None and self.shape[:1] == (None,)

    def accepts(self, dims: Sequence[int]) -> bool:
        """Tells whether `dims` fit the declared shape."""
        return self.shape is None or (
            len(dims) == len(self.shape)
            and all(
                expected is None or dim == expected
                for dim, expected in zip(dims, self.shape, strict=True)
            )
        )

    def mismatch(self, dims: Sequence[int]) -> ServingError:
        """Returns the error for wrong dimensions, with the text of ensure_shape."""
        return invalid_argument(
            f"Shape of tensor {self.alias} {_bracketed(dims)} is not compatible with "
            f"expected shape {_bracketed(self.shape or ())}."
        )

    def check_claim(self, dims: Sequence[int], held: int) -> None:
        """Refuses a shape that is too large for the values in the request.

        A tensor without elements may name a dimension of 2^40, and one value may stand
        for a million; but kernels allocate by dimensions. If the request does not hold
        all values, the product of the dimensions that the signature leaves open may be
        at most `_FREE_ELEMENTS`.

        Args:
            dims: dimensions of the request's tensor.
            held: number of values that it carries.

        Raises:
            ServingError: INVALID_ARGUMENT.
        """
        if len(dims) > MAX_RANK:
            raise invalid_argument(
                f"Tensor {self.alias} has {len(dims)} dimensions; the limit is "
                f"{MAX_RANK}"
            )
        # Zeros are skipped: a product of 0 would hide the other dimensions.
        claimed = math.prod(dim or 1 for dim in dims)
        if claimed <= held:
            return
        declared = self.shape or ()
        if len(declared) == len(dims):
            own = math.prod(
                dim or 1
                for dim, expected in zip(dims, declared, strict=True)
                if dim == expected
            )
            claimed //= own
        if claimed > _FREE_ELEMENTS:
            raise invalid_argument(
                f"Tensor {self.alias} claims the shape {_bracketed(dims)} and holds "
                f"{held} values; at most {_FREE_ELEMENTS} elements may go without"
            )


def _bracketed(dims: Sequence[int | None]) -> str:
    return "[" + ",".join("?" if d is None else str(d) for d in dims) + "]"


def decode(proto: Any, spec: TensorSpec, position: int, limit: int) -> np.ndarray:
    """Converts a request's tensor to an array of the signature's type.

    It checks only that the message justifies the shape; the plan decides whether the
    shape may run (`shapes`).

    Args:
        proto: the `TensorProto`.
        spec: its declaration in the signature.
        position: its place among the inputs, for the message about its type.
        limit: most bytes that the array may take.

    Returns:
        An array, read-only if it is a view of the message. Strings are
        `bytes` objects.

    Raises:
        ServingError: INVALID_ARGUMENT; the type is not the signature's, there are more
            elements than the limit allows, or the values do not fill the claimed shape.
    """
    if proto.dtype != spec.dtype:
        raise invalid_argument(
            f"Expects arg[{position}] to be {dtype_name(spec.dtype)} but "
            f"{dtype_name(proto.dtype)} is provided"
        )
    if proto.tensor_shape.unknown_rank:
        raise unparsable(spec.alias)
    dims = [dim.size for dim in proto.tensor_shape.dim]
    if dims and min(dims) < 0:
        raise unparsable(spec.alias)
    count = math.prod(dims)
    dtype = spec.numpy_dtype
    size = count * (_STRING_COST if spec.dtype == _DT_STRING else dtype.itemsize)
    if size > limit:
        raise invalid_argument(
            f"Tensor {spec.alias} of shape {_bracketed(dims)} takes {size} bytes; the "
            f"limit is {limit}"
        )
    spec.check_claim(dims, _held(proto, spec, count))
    content = proto.tensor_content
    if content and count:
        if spec.dtype == _DT_STRING:
            return _decode_string_content(content, spec.alias, count).reshape(dims)
        if len(content) != size:
            raise unparsable(spec.alias)
        if spec.dtype == types_pb2.DT_BOOL:
            # Kernels accept only the bytes 0 and 1 as bool.
            return (np.frombuffer(content, np.uint8) != 0).reshape(dims)
        return np.frombuffer(content, dtype).reshape(dims)
    return _decode_values(proto, spec, count).reshape(dims)


def _held(proto: Any, spec: TensorSpec, count: int) -> int:
    """Returns the number of values in a message; `decode` checks `tensor_content`."""
    if proto.tensor_content:
        return count
    field = _VALUE_FIELDS.get(spec.dtype)
    return len(getattr(proto, field)) if field else 0


def unparsable(alias: str) -> Exception:
    """Returns the error for an invalid TensorProto."""
    return invalid_argument(f"tensor parsing error: {alias}")


def _decode_values(proto: Any, spec: TensorSpec, count: int) -> np.ndarray:
    """Reads the list of values, as FromProtoField of TensorFlow's tensor.cc does.

    The last value stands for all missing ones; excess values are ignored.
    """
    field = _VALUE_FIELDS.get(spec.dtype)
    if field is None:
        raise unparsable(spec.alias)
    values = getattr(proto, field)
    raw = _RAW_FIELDS.get(spec.dtype)
    array: np.ndarray
    if raw is not None:
        # The packed list has the array's bytes: read them from a copy of the message.
        data = proto.SerializeToString()
        found = wire.find_field(data, raw)
        if found is None:
            return np.zeros(count, spec.numpy_dtype)
        start, end = found
        # Ignore half of a complex number at the end.
        end -= (end - start) % spec.numpy_dtype.itemsize
        array = np.frombuffer(data[start:end], spec.numpy_dtype)
    elif spec.dtype == _DT_STRING:
        array = np.empty(len(values), object)
        array[:] = list(values)
    elif spec.dtype in _BIT_PATTERNS:
        wide = np.fromiter(values, np.int32, len(values))
        array = wide.astype(np.uint16).view(spec.numpy_dtype)
    elif field == "int_val":
        wide = np.fromiter(values, np.int32, len(values))
        array = wide.astype(spec.numpy_dtype, copy=False)
        if not np.array_equal(array, wide):
            raise invalid_argument(
                f"Tensor {spec.alias} has a value that is no {dtype_name(spec.dtype)}"
            )
    else:
        array = np.fromiter(values, spec.numpy_dtype, len(values))
    if len(array) == count:
        return array
    if len(array) > count:
        return array[:count]
    filler = array[-1] if len(array) else _zero(spec.dtype)
    padded = np.full(count, filler, spec.numpy_dtype)
    padded[: len(array)] = array
    return padded


def _zero(dtype: int) -> object:
    return b"" if dtype == _DT_STRING else 0


def _decode_string_content(content: bytes, alias: str, count: int) -> np.ndarray:
    """Reads strings from tensor_content: all lengths as varints, then all bytes."""
    lengths, position = [], 0
    try:
        for _ in range(count):
            length, position = wire.read_varint(content, position)
            lengths.append(length)
    except IndexError as error:
        raise unparsable(alias) from error
    if position + sum(lengths) != len(content):
        raise unparsable(alias)
    array = np.empty(count, object)
    for index, length in enumerate(lengths):
        array[index] = content[position : position + length]
        position += length
    return array


@functools.lru_cache(maxsize=1024)
def _header(dtype: int, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(
        wire.field(_DIM, b"\x08" + wire.varint(size) if size else b"") for size in shape
    )
    return _DTYPE_TAG + wire.varint(dtype) + wire.field(_SHAPE, dims)


def encode(array: np.ndarray, dtype: int, as_content: bool = False) -> bytes:
    """Encodes an array as a serialised TensorProto.

    Args:
        array: any shape; strings as `bytes` objects.
        dtype: its `DataType`.
        as_content: whether to use `tensor_content`, if the type has it.
    """
    header = _header(dtype, array.shape)
    if array.size == 0:
        return header
    if as_content and dtype != _DT_STRING:
        return header + wire.field(_CONTENT, array.tobytes())
    raw = _RAW_FIELDS.get(dtype)
    if raw is not None:
        return header + wire.field(raw, array.tobytes())
    name = _VALUE_FIELDS.get(dtype)
    if name is None:
        raise invalid_argument(f"Output of type {dtype_name(dtype)} cannot be returned")
    if dtype in _BIT_PATTERNS:
        array = array.view(np.uint16)
    values = tensor_pb2.TensorProto(**{name: array.ravel().tolist()})
    return header + bytes(values.SerializeToString())
