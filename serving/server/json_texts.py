"""Parses JSON texts, and writes arrays as JSON texts.

orjson handles whole texts: a call of `json` for each number takes ten times as long.
`json` parses the texts that RapidJSON accepts beyond the standard and orjson refuses:
NaN and Infinity, text of another encoding, a byte-order mark, and text after the end of
the value (tensorflow_serving/util/json_tensor.cc, ParseJson).

A float32 of an answer is written as TensorFlow Serving writes it: with six digits if
these read back as the same float, otherwise with nine (json_tensor.cc, WriteDecimal).
Only the exponent may look different: 9000000.0 for 9e+06.
"""

import base64
import codecs
import json
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from tensorflow.core.framework import types_pb2

from serving.server.errors import invalid_argument
from serving.server.tensors import TensorSpec, dtype_name

_BYTES_SUFFIX = "_bytes"
_INDENT = b",\n        "
# Up to this many rows get one line each; only programs read longer answers.
_MAX_LINES = 1000
_NON_FINITE = re.compile(rb"NaN|Inf")
# Matches strings, and RapidJSON's "Inf" outside of them; `json` calls it "Infinity".
_INF = re.compile(rb'("(?:[^"\\]|\\.)*")|\bInf\b', re.S)


def parse(body: bytes) -> Any:
    """Parses a request body.

    Raises:
        ServingError: INVALID_ARGUMENT; it is not JSON.
    """
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        failure = error
    try:
        # "surrogateescape" keeps bytes that are not UTF-8.
        text = _with_infinities(body.removeprefix(codecs.BOM_UTF8)).decode(
            "utf-8", "surrogateescape"
        )
        value, _ = _LENIENT.raw_decode(text.lstrip(" \t\r\n"))
    except (ValueError, RecursionError):
        raise invalid_argument(
            f"JSON Parse error: {failure.msg} at offset: {failure.pos}"
        ) from failure
    if _has_lone_surrogate(text):
        raise invalid_argument(
            "JSON Parse error: The surrogate pair in string is invalid. at offset: "
            f"{failure.pos}"
        )
    return value


def _number(text: str) -> int | float:
    """Returns a number; integers of more than 64 bits become doubles, as in RapidJSON.

    Raises:
        ValueError: it is too large for a double.
    """
    if text.lstrip("-").isdecimal() and len(text) < 21:
        whole = int(text)
        if -(2**63) <= whole < 2**64:
            return whole
    value = float(text)
    if math.isinf(value):
        raise ValueError("Number too big to be stored in double.")
    return value


_LENIENT = json.JSONDecoder(parse_float=_number, parse_int=_number)


def _with_infinities(body: bytes) -> bytes:
    if not _NON_FINITE.search(body):
        return body
    return _INF.sub(lambda match: match[1] or b"Infinity", body)


_ESCAPED_SURROGATE = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def _has_lone_surrogate(text: str) -> bool:
    """Tells whether an escape is half of a surrogate pair; `json` accepts those."""
    return any(match[1] for match in _ESCAPED_SURROGATE.finditer(text))


def check_text(text: str, what: str) -> str:
    """Returns a text that protobuf can hold.

    Raises:
        ServingError: INVALID_ARGUMENT; it is not UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise invalid_argument(f"{what} is not UTF-8") from error
    return text


def encode_text(text: str) -> bytes:
    """Returns the bytes of a string, which need not be UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def dump_value(key: str, array: np.ndarray, spec: TensorSpec) -> bytes:
    """Writes an answer of one tensor.

    Raises:
        ServingError: INVALID_ARGUMENT; JSON cannot represent its type.
    """
    value = _value(array, spec)
    if isinstance(value, np.ndarray):
        return _object(key, _on_lines(_dumps(value), value))
    return dump_rows(key, value) if array.ndim else _object(key, _dumps(value))


def dump_columns(key: str, arrays: dict[str, tuple[np.ndarray, TensorSpec]]) -> bytes:
    """Writes an answer of several tensors by alias; errors as in `dump_value`."""
    values = {alias: _value(array, spec) for alias, (array, spec) in arrays.items()}
    return _object(key, _dumps(values))


def dump_records(key: str, arrays: dict[str, tuple[np.ndarray, TensorSpec]]) -> bytes:
    """Writes an answer of several tensors row by row; errors as in `dump_value`."""
    columns = [_value(array, spec) for array, spec in arrays.values()]
    aliases = tuple(arrays)
    rows = zip(*columns, strict=True)
    return dump_rows(key, [dict(zip(aliases, row, strict=True)) for row in rows])


def dump_rows(key: str, rows: Sequence[Any]) -> bytes:
    """Writes a list as an answer; up to `_MAX_LINES` items get one line each."""
    if len(rows) > _MAX_LINES or not rows:
        return _object(key, _dumps(rows))
    items = _INDENT.join(map(_dumps, rows))
    return _object(key, b"[\n        " + items + b"\n    ]")


def numbers(values: Sequence[float]) -> list[Any]:
    """Returns float32 values as orjson can write them, NaN and Infinity included."""
    return [
        value if math.isfinite(value) else orjson.Fragment(json.dumps(value))
        for value in rounded(np.array(values, np.float32)).tolist()
    ]


def dump_message(value: Any) -> bytes:
    """Writes a message or an error as an answer, with indentation for readers."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode(
        "utf-8", "surrogateescape"
    )


def _object(key: str, value: bytes) -> bytes:
    return b'{\n    "' + key.encode() + b'": ' + value + b"\n}\n"


def _on_lines(text: bytes, array: np.ndarray) -> bytes:
    """Puts each row of an array of numbers on its own line."""
    if not array.size or len(array) > _MAX_LINES:
        return text
    # Only between two rows do `depth` lists end at once; within a row fewer end.
    depth = array.ndim - 1
    ends, begins = b"]" * depth, b"[" * depth
    lines = text[1:-1].replace(ends + b"," + begins, ends + _INDENT + begins)
    return b"[\n        " + lines + b"\n    ]"


def _dumps(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _value(array: np.ndarray, spec: TensorSpec) -> Any:
    """Returns a value that orjson takes: an array of numbers, or Python objects."""
    if spec.dtype == types_pb2.DT_STRING:
        write = _base64 if spec.alias.endswith(_BYTES_SUFFIX) else _text
        flat = np.empty(array.size, object)
        flat[:] = list(map(write, array.ravel().tolist()))
        return flat.reshape(array.shape).tolist()
    if spec.dtype == types_pb2.DT_BFLOAT16:
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiub":
        raise invalid_argument(
            f"Failed to write JSON value for tensor type: {dtype_name(spec.dtype)}"
        )
    finite = array.dtype.kind != "f" or bool(np.isfinite(array).all())
    if array.dtype == np.float16:
        array = array.astype(np.str_).astype(np.float64)
    elif array.dtype == np.float32:
        array = rounded(array)
    if not finite:
        # orjson writes null for NaN and Infinity.
        doubles = array.tolist()
        if not array.ndim:
            return orjson.Fragment(json.dumps(doubles))
        return [orjson.Fragment(json.dumps(row)) for row in doubles]
    return np.ascontiguousarray(array) if array.ndim else array[()]


# All are exact as doubles, so a product or quotient of nine digits rounds only once.
_POWERS = 10.0 ** np.arange(23)


def rounded(array: np.ndarray) -> np.ndarray:
    """Returns the doubles that print with six or nine digits of the given floats."""
    # The values that cause these warnings are not kept.
    with np.errstate(all="ignore"):
        values = np.asarray(array, np.float64)
        size = np.abs(values)
        exponents = np.floor(np.log10(size))
        exponents = np.where(np.isfinite(exponents), exponents, 0).astype(np.int64)
        exponents += size >= _scaled(np.ones_like(values), exponents + 1)
        exponents -= (size < _scaled(np.ones_like(values), exponents)) & (size > 0)
        short = _with_digits(values, exponents, 6)
        exact = short.astype(array.dtype) == array
        result = np.where(exact, short, _with_digits(values, exponents, 9))
    odd = (np.abs(exponents) > 13) & np.isfinite(values)
    if odd.any():
        # Exponents beyond `_POWERS`: one number at a time.
        for index in np.flatnonzero(odd).tolist():
            value = values.flat[index]
            brief = float(f"{value:g}")
            fits = array.dtype.type(brief) == value
            result.flat[index] = brief if fits else float(f"{value:.9g}")
    return np.where(np.isfinite(values), result, values)


def _with_digits(values: np.ndarray, exponents: np.ndarray, digits: int) -> np.ndarray:
    """Rounds to `digits` significant digits."""
    places = digits - 1 - exponents
    return _scaled(np.rint(_scaled(values, places)), -places)


def _scaled(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Returns values times ten to the power of `places`, which may be negative."""
    power = _POWERS[np.minimum(np.abs(places), len(_POWERS) - 1)]
    return np.where(places >= 0, values * power, values / power)


def _base64(item: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(item).decode()}


def _text(item: bytes) -> Any:
    try:
        return item.decode()
    except UnicodeDecodeError:
        # Bytes that are not UTF-8 are sent unchanged, as in TensorFlow Serving.
        text = json.dumps(item.decode("utf-8", "surrogateescape"), ensure_ascii=False)
        return orjson.Fragment(text.encode("utf-8", "surrogateescape"))
