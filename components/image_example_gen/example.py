"""Labelled images to serialised tf.Examples, a block at a time.

Building 70,000 `tf.train.Example` messages of 784 integers each costs a minute
in Python. All examples of a data set share one layout, so the bytes are put
together directly: the varints of a whole block in NumPy, the enclosing message
headers once per length. The wire format is Protocol Buffers' own
(https://protobuf.dev/programming-guides/encoding), of the messages in
tensorflow/core/example/{example,feature}.proto; a test parses the result with
TensorFlow's classes.
"""

from functools import cache

import numpy as np

from contract.features import IMAGE, IMAGE_SIZE, LABEL

_LENGTH_DELIMITED = 2
# Field numbers in feature.proto and example.proto.
_EXAMPLE_FEATURES = 1
_FEATURES_ENTRY = 1
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_FEATURE_INT64_LIST = 3
_INT64_LIST_VALUE = 1


def serialize(images: np.ndarray, labels: np.ndarray) -> list[bytes]:
    """Serialises a block of labelled images.

    Args:
        images: uint8 `[rows, 28, 28]`.
        labels: uint8 `[rows]`, each below 128.

    Returns:
        One serialised tf.Example per row: feature `image` with the 784 pixels,
        feature `label` with one integer, both int64 lists.
    """
    pixels = images.reshape(-1, IMAGE_SIZE)
    # A value from 128 to 255 is a varint of two bytes: the low seven bits with
    # the continuation bit set (the byte itself), then 1.
    two_bytes = pixels >= 0x80
    varints = np.empty((*pixels.shape, 2), np.uint8)
    varints[..., 0] = pixels
    varints[..., 1] = 1
    used = np.ones_like(varints, bool)
    used[..., 1] = two_bytes
    packed = varints[used].tobytes()
    ends = np.cumsum(IMAGE_SIZE + np.count_nonzero(two_bytes, axis=1)).tolist()

    records = []
    start = 0
    for end, label in zip(ends, labels.tolist(), strict=True):
        records.append(
            _image_header(end - start) + packed[start:end] + _label_entry(label)
        )
        start = end
    return records


@cache
def _image_header(packed_bytes: int) -> bytes:
    """Returns all bytes of an Example that come before the packed pixels."""
    header = b""
    length = packed_bytes
    for field, before in (
        (_INT64_LIST_VALUE, b""),
        (_FEATURE_INT64_LIST, b""),
        (_ENTRY_VALUE, _field(_ENTRY_KEY, IMAGE.encode())),
        (_FEATURES_ENTRY, b""),
    ):
        header = before + _tag(field, length + len(header)) + header
    length += len(header) + len(_label_entry(0))
    return _tag(_EXAMPLE_FEATURES, length) + header


@cache
def _label_entry(label: int) -> bytes:
    """Returns the map entry of the label feature."""
    feature = _field(_FEATURE_INT64_LIST, _field(_INT64_LIST_VALUE, bytes([label])))
    entry = _field(_ENTRY_KEY, LABEL.encode()) + _field(_ENTRY_VALUE, feature)
    return _field(_FEATURES_ENTRY, entry)


def _field(number: int, payload: bytes) -> bytes:
    return _tag(number, len(payload)) + payload


def _tag(number: int, length: int) -> bytes:
    """Returns the header of a length-delimited field."""
    header = bytearray([number << 3 | _LENGTH_DELIMITED])
    while length >= 0x80:
        header.append(length & 0x7F | 0x80)
        length >>= 7
    header.append(length)
    return bytes(header)
