"""Converts NumPy arrays to ``TensorProto`` and back.

Encoding uses ``tensor_content`` (one copy of the array's bytes: 6 us for an
image, while a list of values takes 1.5 ms). Decoding takes both forms: TensorFlow
Serving answers with the typed ``*_val`` fields by default and with
``tensor_content`` under ``--enable_serialization_as_tensor_content``.

Source: ``tensorflow/core/framework/tensor.proto``.
"""

import math
from typing import Any

import numpy as np

from serving.client import protocol

MAX_ELEMENTS = 1 << 26
"""Limit of elements in a decoded tensor: a 20-byte message can claim 10**10."""

_BFLOAT16 = 14
_DTYPES: dict[int, tuple[np.dtype[Any], str]] = {
    1: (np.dtype("<f4"), "float_val"),
    2: (np.dtype("<f8"), "double_val"),
    3: (np.dtype("<i4"), "int_val"),
    4: (np.dtype("u1"), "int_val"),
    5: (np.dtype("<i2"), "int_val"),
    6: (np.dtype("i1"), "int_val"),
    7: (np.dtype(object), "string_val"),
    8: (np.dtype("<c8"), "scomplex_val"),
    9: (np.dtype("<i8"), "int64_val"),
    10: (np.dtype("?"), "bool_val"),
    _BFLOAT16: (np.dtype("<u2"), "half_val"),
    17: (np.dtype("<u2"), "int_val"),
    18: (np.dtype("<c16"), "dcomplex_val"),
    19: (np.dtype("<f2"), "half_val"),
    22: (np.dtype("<u4"), "uint32_val"),
    23: (np.dtype("<u8"), "uint64_val"),
}
_STRING = 7
_NUMBERS = {
    dtype: number
    for number, (dtype, _) in _DTYPES.items()
    if number not in (_BFLOAT16, _STRING)
}


def dtype_name(number: int) -> str:
    """Returns the name of a ``DataType`` as TensorFlow writes it (1 -> ``float32``)."""
    if number == _BFLOAT16:
        return "bfloat16"
    if number == _STRING:
        return "string"
    if number in _DTYPES:
        return _DTYPES[number][0].name
    known = protocol.DataType.values_by_number.get(number)
    return known.name if known else f"DataType({number})"


def encode(value: Any) -> Any:
    """Writes an array, or anything `numpy.asarray` takes, as a ``TensorProto``.

    Args:
        value: Numbers or booleans of any shape, or `str`/`bytes` (text travels as
            UTF-8).

    Returns:
        A ``TensorProto`` of the same dtype and shape.

    Raises:
        TypeError: The dtype has no TensorFlow counterpart.
    """
    array = np.asarray(value)
    proto = protocol.TensorProto()
    for size in array.shape:
        proto.tensor_shape.dim.add().size = size
    if array.dtype.kind in "OSU":
        proto.dtype = _STRING
        for item in array.ravel().tolist():
            if not isinstance(item, str | bytes):
                raise TypeError(f"expected str or bytes, got {type(item).__name__}")
            proto.string_val.append(item.encode() if isinstance(item, str) else item)
        return proto
    little = array.dtype.newbyteorder("<")
    if little not in _NUMBERS:
        raise TypeError(f"dtype {array.dtype} has no TensorFlow counterpart")
    proto.dtype = _NUMBERS[little]
    proto.tensor_content = array.astype(little, order="C", copy=False).tobytes()
    return proto


def decode(proto: Any) -> np.ndarray:
    """Reads a ``TensorProto`` into an array (strings: dtype object, of bytes).

    If there are fewer values than elements, the last value is repeated, as in
    TensorFlow; without any value the elements are zeros.

    Raises:
        ValueError: The dtype is unknown, or shape and values do not agree.
    """
    if proto.dtype not in _DTYPES:
        raise ValueError(f"cannot read a tensor of {dtype_name(proto.dtype)}")
    dtype, field = _DTYPES[proto.dtype]
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ValueError(f"a tensor's shape must be known, got {list(shape)}")
    count = math.prod(shape)
    if count > MAX_ELEMENTS:
        raise ValueError(f"tensor of {count} elements, at most {MAX_ELEMENTS} are read")
    if proto.tensor_content and proto.dtype != _STRING:
        expected = count * dtype.itemsize
        if len(proto.tensor_content) != expected:
            raise ValueError(
                f"tensor of shape {list(shape)} needs {expected} bytes, "
                f"got {len(proto.tensor_content)}"
            )
        flat = np.frombuffer(proto.tensor_content, dtype).copy()
    else:
        flat = _values(getattr(proto, field), dtype, proto.dtype, count)
    if proto.dtype == _BFLOAT16:  # the upper half of a float32
        flat = (flat.astype("<u4") << 16).view("<f4")
    return flat.reshape(shape)


def _values(values: Any, dtype: np.dtype, number: int, count: int) -> np.ndarray:
    if number == _STRING:
        flat = np.array([*values, None], dtype=object)[:-1]
    elif number in (8, 18):  # real and imaginary parts, in turn
        part = "<f4" if number == 8 else "<f8"
        flat = np.array(values, part).view(dtype)
    elif number in (19, _BFLOAT16):  # `half_val` holds their bits, not their values
        flat = np.array(values, np.int32).astype("<u2").view(dtype)
    else:
        flat = np.array(values).astype(dtype)
    if len(flat) > count:
        raise ValueError(f"tensor of {count} elements holds {len(flat)} values")
    if len(flat) < count:
        fill = flat[-1] if len(flat) else (b"" if number == _STRING else 0)
        flat = np.concatenate([flat, np.full(count - len(flat), fill, dtype)])
    return flat
