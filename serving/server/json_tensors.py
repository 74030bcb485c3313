"""JSON values to arrays, as the REST API has them.

Source: tensorflow_serving/util/json_tensor.cc. Only the fast path is ours: a
nested list is checked level by level with whole-list operations, and walked
element by element only to say what is wrong with it.
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
    """Tell whether a JSON value is `{"b64": "..."}`."""
    return (
        isinstance(value, dict)
        and len(value) == 1
        and (isinstance(value.get(_B64), str))
    )


def decode_base64(value: dict[str, str]) -> bytes:
    """Return the bytes of `{"b64": "..."}`.

    Raises:
        ServingError: INVALID_ARGUMENT; they are not base64.
    """
    # absl::Base64Unescape skips white space and does without padding.
    text = "".join(value[_B64].split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_argument("Unable to base64 decode") from error


def shown(value: Any) -> str:
    """Print a JSON value for a message."""
    try:
        text = json.dumps(value)
    except RecursionError:
        text = "[" * _MAX_SHOWN + "["
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."


def type_name(value: Any) -> str:
    """Name the type of a JSON value as RapidJSON does."""
    if isinstance(value, bool):
        return "True" if value else "False"
    return _TYPE_NAMES[type(value)]


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a request body.

    Raises:
        ServingError: INVALID_ARGUMENT; it is no JSON object.
    """
    value = json_texts.parse(body)
    if not isinstance(value, dict):
        raise invalid_argument(f"JSON Value: {shown(value)} Is not object")
    return value


def to_array(value: Any, spec: TensorSpec) -> np.ndarray:
    """Turn a nested list, or a bare value, into an array of the type of `spec`.

    The shape that `spec` declares is the caller's to check.

    Raises:
        ServingError: INVALID_ARGUMENT; the list is ragged, or a value is of
            another type or does not fit into it.
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
    """Turn JSON's scalars into a vector."""
    kind = spec.numpy_dtype.kind
    types = set(map(type, leaves))
    if spec.dtype == types_pb2.DT_STRING:
        return _convert_strings(leaves, spec)
    if spec.dtype in (types_pb2.DT_HALF, types_pb2.DT_BFLOAT16) or kind == "f":
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
    """Turn numbers into floats: rounded, and infinite where they are too large.

    Numbers of JSON pass through a double, as with RapidJSON.
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
