"""TensorProto codecs without TensorFlow; test_protocol.py compares them with it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serving.client import protocol, tensors

NUMBERS = st.sampled_from(
    ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8"]
)


@given(
    array=NUMBERS.flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_side=4))
    )
)
def test_an_array_comes_back_as_it_went(array: np.ndarray) -> None:
    back = tensors.decode(tensors.encode(array))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_big_endian_arrays_travel_as_little_endian() -> None:
    array = np.array([1, 258], ">i4")
    assert tensors.encode(array).tensor_content == b"\1\0\0\0\2\1\0\0"


def test_text_and_bytes_travel_as_strings() -> None:
    for value in ("é", b"\xff"):
        proto = tensors.encode([[value]])
        assert tensors.dtype_name(proto.dtype) == "string"
        expected = "é".encode() if isinstance(value, str) else value
        assert tensors.decode(proto).tolist() == [[expected]]


def test_fewer_values_repeat_the_last() -> None:
    proto = protocol.TensorProto(dtype=1, float_val=[1.0, 2.0])
    proto.tensor_shape.dim.add().size = 4
    assert tensors.decode(proto).tolist() == [1, 2, 2, 2]


def test_no_values_are_zeros() -> None:
    proto = protocol.TensorProto(dtype=9)
    proto.tensor_shape.dim.add().size = 3
    assert tensors.decode(proto).tolist() == [0, 0, 0]


def tensor(*sizes: int, **fields: Any) -> Any:
    proto = protocol.TensorProto(dtype=1, **fields)
    for size in sizes:
        proto.tensor_shape.dim.add().size = size
    return proto


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (tensor(10**5, 10**5, float_val=[1]), "tensor of 10000000000 elements"),
        (tensor(2, tensor_content=b"1234"), "needs 8 bytes, got 4"),
        (tensor(1, float_val=[1, 2]), "tensor of 1 elements holds 2 values"),
        (tensor(-1, float_val=[1]), r"shape must be known, got \[-1\]"),
        (protocol.TensorProto(dtype=20), "cannot read a tensor of DataType"),
    ],
)
def test_a_tensor_that_cannot_be_is_refused(proto: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tensors.decode(proto)


def test_a_dtype_tensorflow_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="datetime64"):
        tensors.encode(np.array(["2020-01-01"], "M8[D]"))


def test_objects_are_not_text() -> None:
    with pytest.raises(TypeError, match="expected str or bytes, got dict"):
        tensors.encode([{}])
