"""JSON values to arrays and back, as the REST API has them.

Source: tensorflow_serving/util/json_tensor.cc. Only the fast path is ours: a
nested list is checked level by level with whole-list operations, and walked
element by element only to say what is wrong with it.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
from typing import Any

import numpy as np
from tensorflow.core.framework import types_pb2

from serving.server.errors import Code, ServingError, invalid_argument
from serving.server.tensors import TensorSpec, dtype_name

_BYTES_SUFFIX = "_bytes"
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
    text = value[_B64]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_argument("Unable to base64 decode") from error


def shown(value: Any) -> str:
    """Print a JSON value for a message."""
    text = json.dumps(value)
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
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    try:
        value = json.loads(body)
    except json.JSONDecodeError as error:
        raise invalid_argument(
            f"JSON Parse error: {error.msg} at offset: {error.pos}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise invalid_argument(f"JSON Parse error: {error}") from error
    if not isinstance(value, dict):
        raise invalid_argument(f"JSON Value: {shown(value)} Is not object")
    return value


def to_array(value: Any, spec: TensorSpec, batch: int | None = None) -> np.ndarray:
    """Turn a nested list, or a bare value, into an array of the type of `spec`.

    Args:
        value: from JSON.
        spec: gives the type; its shape is the caller's to check.
        batch: stands in front of the dimensions of each value where `value` is a
            list of that many of them.

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
    return _convert(level, spec).reshape(dims)


def _convert(leaves: list[Any], spec: TensorSpec) -> np.ndarray:
    """Turn JSON's scalars into a vector."""
    kind = spec.numpy_dtype.kind
    types = set(map(type, leaves))
    if spec.dtype == types_pb2.DT_STRING:
        return _convert_strings(leaves, spec)
    if spec.dtype in (types_pb2.DT_HALF, types_pb2.DT_BFLOAT16) or kind == "f":
        _check_types(leaves, types, {int, float}, spec)
        return _convert_floats(leaves, types, spec)
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


def _convert_floats(
    leaves: list[Any], types: set[type], spec: TensorSpec
) -> np.ndarray:
    """Turn numbers into floats; refuse what would not survive it."""
    single = spec.numpy_dtype.itemsize < 8
    if int in types:
        largest = (1 << (24 if single else 53)) - 1
        for value in leaves:
            if isinstance(value, int) and abs(value) > largest:
                raise _lossy(value, single)
    wide = np.array(leaves, np.float64)
    with np.errstate(over="ignore"):
        array = wide.astype(spec.numpy_dtype)
    overflown = np.isinf(array.astype(np.float64)) & np.isfinite(wide)
    if overflown.any():
        raise _lossy(leaves[int(np.argmax(overflown))], single)
    return array


def _lossy(value: Any, single: bool) -> ServingError:
    return invalid_argument(
        f"Cannot convert JSON value: {shown(value)} to "
        f"{'float' if single else 'double'} without loss of precision."
    )


def _convert_strings(leaves: list[Any], spec: TensorSpec) -> np.ndarray:
    array = np.empty(len(leaves), object)
    for index, value in enumerate(leaves):
        if isinstance(value, str):
            array[index] = value.encode("utf-8", "surrogatepass")
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


def from_array(array: np.ndarray, spec: TensorSpec) -> Any:
    """Turn an output into nested lists, or a bare value.

    Floats come out as the shortest decimals that read back as the same float of
    their own width. Strings are text, or `{"b64": ...}` where the alias ends in
    `_bytes`.
    """
    if spec.dtype == types_pb2.DT_STRING:
        as_bytes = spec.alias.endswith(_BYTES_SUFFIX)
        flat = np.empty(array.size, object)
        for index, item in enumerate(array.ravel().tolist()):
            # Bytes that are no UTF-8 leave the server as they are, as theirs do.
            flat[index] = (
                {_B64: base64.b64encode(item).decode()}
                if as_bytes
                else item.decode("utf-8", "surrogateescape")
            )
        return flat.reshape(array.shape).tolist()
    if array.dtype.kind == "f" and array.dtype.itemsize >= 8:
        return array.tolist()
    if array.dtype.kind in "iub":
        return array.tolist()
    if array.dtype.kind == "f" or spec.dtype == types_pb2.DT_BFLOAT16:
        narrow = array if array.dtype.kind == "f" else array.astype(np.float32)
        return shortest(narrow).tolist()
    raise invalid_argument(
        f"Failed to write JSON value for tensor type: {dtype_name(spec.dtype)}"
    )


def shortest(array: np.ndarray) -> np.ndarray:
    """Return doubles that print as the shortest decimals of narrower floats."""
    if not array.size:
        return array.astype(np.float64)
    return array.astype(np.str_).astype(np.float64)


def dump(key: str, value: Any) -> bytes:
    """Write a response of one key; the items of a list on lines of their own."""
    if isinstance(value, list):
        items = ",\n        ".join(_dumps(item) for item in value)
        text = f"[\n        {items}\n    ]" if value else "[]"
    else:
        text = _dumps(value)
    return f'{{\n    "{key}": {text}\n}}\n'.encode("utf-8", "surrogateescape")


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
