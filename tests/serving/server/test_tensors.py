"""The codec agrees with TensorFlow's own and checks every claim of a message."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow.core.framework import tensor_pb2

from serving.server import tensors, wire
from serving.server.errors import ServingError
from serving.server.tensors import TensorSpec

LIMIT = 1 << 20
DTYPES = [
    *(np.float32, np.float64, np.float16, np.int8, np.int16, np.int32, np.int64),
    *(np.uint8, np.uint16, np.uint32, np.uint64, np.bool_, np.complex64, np.complex128),
]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4)
    )
)


def spec_of(array: np.ndarray, shape: Any = None) -> TensorSpec:
    dtype = tf.dtypes.as_dtype(array.dtype)
    return TensorSpec("x", "x:0", dtype.as_datatype_enum, array.dtype, shape)


@settings(max_examples=200, deadline=None, database=None)
@given(array=ARRAYS, as_content=st.booleans())
def test_tensorflow_reads_what_is_encoded(array: np.ndarray, as_content: bool) -> None:
    spec = spec_of(array)
    data = tensors.encode(array, spec.dtype, as_content)
    proto = tensor_pb2.TensorProto.FromString(data)
    assert bool(proto.tensor_content) == (as_content and array.size > 0)
    np.testing.assert_array_equal(tf.make_ndarray(proto), array)


@settings(max_examples=200, deadline=None, database=None)
@given(array=ARRAYS)
def test_what_tensorflow_encodes_is_read(array: np.ndarray) -> None:
    spec = spec_of(array, tuple(array.shape))
    proto = tf.make_tensor_proto(array)
    np.testing.assert_array_equal(tensors.decode(proto, spec, 0, LIMIT), array)
    data = tensors.encode(array, spec.dtype)
    values = tensor_pb2.TensorProto.FromString(data)
    np.testing.assert_array_equal(tensors.decode(values, spec, 0, LIMIT), array)


@pytest.mark.parametrize("dims", [[], [0], [1], [2], [2, 2]])
@pytest.mark.parametrize(
    ("field", "dtype", "values"),
    [
        ("float_val", tf.float32, [5.0, 6.0, 7.0]),
        ("half_val", tf.float16, [15360, 16384, 17408]),
        ("int_val", tf.int32, [1, 2, 3]),
        ("bool_val", tf.bool, [True, False, True]),
        ("string_val", tf.string, [b"a", b"b", b"c"]),
        ("scomplex_val", tf.complex64, [1.0, 2.0, 3.0, 4.0, 5.0]),
        ("tensor_content", tf.float32, []),
    ],
)
def test_more_or_fewer_values_than_the_shape_are_read_as_tensorflow_does(
    field: str, dtype: tf.DType, values: list[Any], dims: list[int]
) -> None:
    spec = TensorSpec(
        "x", "x:0", dtype.as_datatype_enum, np.dtype(dtype.as_numpy_dtype), None
    )
    for count in range(len(values) + 1):
        proto = tensor_pb2.TensorProto(dtype=spec.dtype)
        for size in dims:
            proto.tensor_shape.dim.add(size=size)
        if field == "tensor_content":
            # Readers ignore the content of a tensor without elements.
            proto.tensor_content = bytes(4 * (int(np.prod(dims)) or 3))
        else:
            getattr(proto, field).extend(values[:count])
        expected = tf.io.parse_tensor(proto.SerializeToString(), dtype).numpy()
        found = tensors.decode(proto, spec, 0, LIMIT)
        assert found.shape == np.shape(expected)
        assert found.tolist() == np.asarray(expected, found.dtype).tolist()


def test_strings_there_and_back() -> None:
    array = np.array([[b"", b"\xff"], [b"text", b"x" * 300]], object)
    spec = TensorSpec("x", "x:0", tf.string.as_datatype_enum, array.dtype, (None, 2))
    data = tensors.encode(array, spec.dtype, as_content=True)
    proto = tensor_pb2.TensorProto.FromString(data)
    assert tf.make_ndarray(proto).tolist() == array.tolist()
    assert tensors.decode(proto, spec, 0, LIMIT).tolist() == array.tolist()


def test_a_bool_is_zero_or_one() -> None:
    proto = tensor_pb2.TensorProto(dtype=tf.bool.as_datatype_enum)
    proto.tensor_shape.dim.add(size=3)
    proto.tensor_content = b"\x00\x01\x07"
    spec = spec_of(np.zeros(0, np.bool_))
    assert tensors.decode(proto, spec, 0, 99).view(np.uint8).tolist() == [0, 1, 1]


@pytest.mark.parametrize("value", [-1, 256])
def test_an_integer_past_its_type_is_refused(value: int) -> None:
    proto = tensor_pb2.TensorProto(dtype=tf.uint8.as_datatype_enum, int_val=[value])
    with pytest.raises(ServingError, match="Tensor x has a value that is no uint8"):
        tensors.decode(proto, spec_of(np.zeros(0, np.uint8)), 0, LIMIT)


@pytest.mark.parametrize(
    ("dims", "shape", "fits"),
    [
        ([2, 3], (None, 3), True),
        ([0, 3], (None, 3), True),
        ([5], None, True),
        ([], (), True),
        ([2, 3], (None, 4), False),
        ([2], (None, 3), False),
        ([2, 3, 1], (None, 3), False),
    ],
)
def test_shapes(dims: list[int], shape: Any, fits: bool) -> None:
    spec = spec_of(np.zeros(0, np.float32), shape)
    assert spec.accepts(dims) is fits
    assert "is not compatible with expected shape" in str(spec.mismatch(dims))


@given(number=st.integers(0, 2**64 - 1))
def test_varints_there_and_back(number: int) -> None:
    data = wire.varint(number)
    assert wire.read_varint(data, 0) == (number, len(data))


def test_a_field_is_found_behind_others() -> None:
    proto = tensor_pb2.TensorProto(dtype=1, version_number=300, double_val=[1.0])
    proto.tensor_shape.dim.add(size=1)
    proto.float_val.extend([1.0, 2.0])
    data = proto.SerializeToString()
    start, end = wire.find_field(data, 5) or (0, 0)
    assert np.frombuffer(data[start:end], np.float32).tolist() == [1.0, 2.0]
    assert wire.find_field(data, 4) is None
