"""Converts JSON values to arrays, as TensorFlow Serving's REST API does.

Source: tensorflow_serving/util/json_tensor.cc. Only the fast path differs: a nested
list is checked level by level with operations on whole lists, and element by element
only to describe an error.
"""

import base64
import binascii
import itertools
import json
import math
from typing import Any

import numpy as np
from tensorflow.core.framework import types_pb2

from serving.server import json_texts
from serving.server.errors import Code, ServingError, invalid_argument
from serving.server.tensors import MAX_RANK, TensorSpec, dtype_name

_B64 = "b64"
_TYPE_NAMES = {
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
    type(None): "Null",
}
_MAX_SHOWN = 256


def is_base64(value: Any) -> bool:
    """Tells whether a JSON value is `{"b64": "..."}`."""
    return (
        isinstance(value, dict)
        and len(value) == 1
        and (isinstance(value.get(_B64), str))
    )


def decode_base64(value: dict[str, str]) -> bytes:
    """Returns the bytes of `{"b64": "..."}`.

    Raises:
        ServingError: INVALID_ARGUMENT; the text is not base64.
    """
    # absl::Base64Unescape skips white space and needs no padding.
    text = "".join(value[_B64].split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_argument("Unable to base64 decode") from error


def shown(value: Any) -> str:
    """Returns a JSON value as text for a message, at most `_MAX_SHOWN` characters."""
    try:
        text = json.dumps(value)
    except RecursionError:
        text = "[" * _MAX_SHOWN + "["
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."


def type_name(value: Any) -> str:
    """Returns RapidJSON's name for the type of a JSON value."""
    if isinstance(value, bool):
        return "True" if value else "False"
    return _TYPE_NAMES[type(value)]


def parse_object(body: bytes) -> dict[str, Any]:
    """Parses a request body.

    Raises:
        ServingError: INVALID_ARGUMENT; it is not a JSON object.
    """
    value = json_texts.parse(body)
    if not isinstance(value, dict):
        raise invalid_argument(f"JSON Value: {shown(value)} Is not object")
    return value


def to_array(value: Any, spec: TensorSpec) -> np.ndarray:
    """Converts a nested list, or a single value, to an array of the type of `spec`.

    The caller checks the array's shape against `spec`.

    Raises:
        ServingError: INVALID_ARGUMENT; the list is ragged, or a value has another
            type or is out of its range.
    """
    dims: list[int] = []
    probe = value
    while isinstance(probe, list):
        dims.append(len(probe))
        if not probe:
            break
        probe = probe[0]
    rank = len(dims)
    if rank > MAX_RANK:
        raise invalid_argument(
            f"JSON Value for tensor {spec.alias} has {rank} dimensions; the limit is "
            f"{MAX_RANK}"
        )
    level = [value]
    for depth, size in enumerate(dims):
        if set(map(type, level)) - {list}:
            odd = next(item for item in level if not isinstance(item, list))
            raise invalid_argument(
                f"JSON Value: {shown(odd)} found at incorrect level: {depth + 1} in "
                f"the JSON DOM. Expected at level: {rank}"
            )
        if set(map(len, level)) - {size}:
            odd = next(item for item in level if len(item) != size)
            raise invalid_argument(
                f"Encountered list at unexpected size: {len(odd)} at level: {depth} "
                f"expected size: {size}"
            )
        level = list(itertools.chain.from_iterable(level))
    if list in set(map(type, level)):
        raise invalid_argument(
            f"Encountered list at unexpected level: {rank} expected < {rank}"
        )
    spec.check_claim(dims, len(level))
    return _convert(level, spec).reshape(dims)


def _convert(leaves: list[Any], spec: TensorSpec) -> np.ndarray:
    """Converts JSON scalars to a vector."""
    kind = spec.numpy_dtype.kind
    types = set(map(type, leaves))
    if spec.dtype == types_pb2.DT_STRING:
        return _convert_strings(leaves, spec)
    if spec.dtype == types_pb2.DT_BFLOAT16 or kind == "f":
        _check_types(leaves, types, {int, float}, spec)
        return _convert_floats(leaves, spec)
    if kind in "iu":
        _check_types(leaves, types, {int}, spec)
        limits = np.iinfo(spec.numpy_dtype)
        if leaves and (min(leaves) < limits.min or max(leaves) > limits.max):
            odd = next(v for v in leaves if not limits.min <= v <= limits.max)
            raise _type_error(odd, spec)
        return np.array(leaves, spec.numpy_dtype)
    if kind == "b":
        _check_types(leaves, types, {bool}, spec)
        return np.array(leaves, spec.numpy_dtype)
    raise ServingError(
        Code.UNIMPLEMENTED,
        f"Conversion of JSON Value: {shown(leaves[:1])} to type: "
        f"{dtype_name(spec.dtype)}",
    )


def _convert_floats(leaves: list[Any], spec: TensorSpec) -> np.ndarray:
    """Converts numbers to floats: rounds them, and makes too large ones infinite.

    JSON numbers become doubles first, as with RapidJSON.
    """
    try:
        wide = np.array(leaves, np.float64)
    except OverflowError:
        wide = np.array([_as_double(value) for value in leaves], np.float64)
    with np.errstate(over="ignore"):
        return wide.astype(spec.numpy_dtype)


def _as_double(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _convert_strings(leaves: list[Any], spec: TensorSpec) -> np.ndarray:
    array = np.empty(len(leaves), object)
    for index, value in enumerate(leaves):
        if isinstance(value, str):
            array[index] = json_texts.encode_text(value)
        elif is_base64(value):
            array[index] = decode_base64(value)
        elif isinstance(value, dict):
            raise invalid_argument(
                f"JSON Value: {shown(value)} not formatted correctly for base64 data"
            )
        else:
            raise _type_error(value, spec)
    return array


def _check_types(
    leaves: list[Any], types: set[type], allowed: set[type], spec: TensorSpec
) -> None:
    if types - allowed:
        raise _type_error(next(v for v in leaves if type(v) not in allowed), spec)


def _type_error(value: Any, spec: TensorSpec) -> ServingError:
    return invalid_argument(
        f"JSON Value: {shown(value)} Type: {type_name(value)} is not of expected type: "
        f"{dtype_name(spec.dtype)}"
    )
