"""Reads TFRecords of tf.Examples with a picture and a label, as in TensorFlow Datasets.

A TFRecord is its length in bytes (uint64), a checksum of that (uint32), the bytes, and
their checksum; see https://www.tensorflow.org/tutorials/load_data/tfrecord. TensorFlow
is not used because its import takes seconds.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any

import google_crc32c
import numpy as np
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from components.image_example_gen import pictures, roles
from components.image_example_gen.files import File, read_upto
from components.image_example_gen.forms import rows
from components.image_example_gen.forms.opened import Opened
from components.image_example_gen.hints import Hints
from contract.errors import BadInputError

_IMAGES = ("image", "image/encoded", "encoded", "jpg", "png", "image_raw", "x")
_LABELS = ("label", "image/class/label", "image/label", "class", "label_id", "y")
_MOST_BYTES = 1 << 30


_EXAMPLE = """
name: "example.proto" package: "records" syntax: "proto3"
message_type { name: "BytesList"
  field { name: "value" number: 1 label: LABEL_REPEATED type: TYPE_BYTES } }
message_type { name: "FloatList"
  field { name: "value" number: 1 label: LABEL_REPEATED type: TYPE_FLOAT } }
message_type { name: "Int64List"
  field { name: "value" number: 1 label: LABEL_REPEATED type: TYPE_INT64 } }
message_type { name: "Feature"
  field { name: "bytes_list" number: 1 type: TYPE_MESSAGE type_name: "BytesList" }
  field { name: "float_list" number: 2 type: TYPE_MESSAGE type_name: "FloatList" }
  field { name: "int64_list" number: 3 type: TYPE_MESSAGE type_name: "Int64List" } }
message_type { name: "Features"
  field { name: "feature" number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE
          type_name: "FeatureEntry" }
  nested_type { name: "FeatureEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING }
    field { name: "value" number: 2 type: TYPE_MESSAGE type_name: "Feature" } } }
message_type { name: "Example"
  field { name: "features" number: 1 type: TYPE_MESSAGE type_name: "Features" } }
"""
"""tf.train.Example, as in `tensorflow/core/example/{example,feature}.proto`."""


def open_parts(path: str, files: Sequence[File], hints: Hints) -> Opened:
    """Opens all files: `mnist-train.tfrecord-00000-of-00001` and the like.

    Raises:
        BadInputError: There are no training files, or examples lack a picture or a
            label.
    """
    by_part = roles.by_part(
        path,
        filter(roles.is_records, files),
        "TFRecords to train on, as train.tfrecord",
    )
    name, first = next(_examples(by_part[roles.TRAIN]), ("", None))
    if first is None:
        raise BadInputError(f"{path}: no records: expected at least 1, found none")
    image = _feature(name, first, _IMAGES, "")
    label = _feature(name, first, _LABELS, hints.label)
    labels, texts = rows.read_labels(by_part, partial(_labels, key=label))
    notices: tuple[str, ...] = ()
    if first.features.feature[image].bytes_list.value:
        encoded = partial(_pictures, key=image)
        parts = rows.of_pictures(by_part, labels, encoded, hints)
    else:
        numbers = partial(_numbers, key=image)
        parts, notices = rows.of_numbers(by_part, labels, numbers, hints)
    return Opened(parts, dict(enumerate(texts)), notices=notices)


def _records(file: File) -> Iterator[bytes]:
    with file.open() as stream:
        while head := stream.read(12):
            size = _checked(file, head[:8], head[8:])
            length = struct.unpack("<Q", size)[0]
            if length > _MOST_BYTES:
                raise BadInputError(f"{file}: a record of {length:,} bytes: too large")
            content = read_upto(stream, length)
            yield _checked(file, content, stream.read(4))


def _checked(file: File, content: bytes, checksum: bytes) -> bytes:
    """Returns the content after comparing its masked CRC-32C with the checksum."""
    crc = google_crc32c.value(content)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    if checksum != struct.pack("<I", masked):
        raise BadInputError(
            f"{file}: expected whole TFRecords, found a checksum that does not fit: it "
            "is no such file, or damaged"
        )
    return content


def _examples(files: Sequence[File]) -> Iterator[tuple[str, Any]]:
    """Yields names for messages, and examples."""
    example = _example_class()
    for file in files:
        for row, record in enumerate(_records(file)):
            name = f"{file}: example {row:,}"
            try:
                yield name, example.FromString(record)
            except DecodeError as error:
                raise BadInputError(
                    f"{name}: expected a tf.Example, found: {error}"
                ) from error


@cache
def _example_class() -> Any:
    # A separate descriptor pool avoids a conflict with TensorFlow's definitions.
    pool = DescriptorPool()
    file = text_format.Parse(_EXAMPLE, FileDescriptorProto())
    pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName("records.Example"))


def _feature(name: str, example: Any, known: Sequence[str], given: str) -> str:
    found = example.features.feature
    for key in (given,) if given else known:
        if key in found:
            return key
    expected = given or " or ".join(known)
    raise BadInputError(
        f"{name}: expected a feature {expected}, found {', '.join(sorted(found)[:8])}"
    )


def _value(name: str, example: Any, key: str) -> Any:
    """Returns the values of a feature of any of the three types."""
    if key not in example.features.feature:
        raise BadInputError(f"{name}: expected a feature {key}, found none")
    feature = example.features.feature[key]
    for kind in (feature.bytes_list, feature.int64_list, feature.float_list):
        if kind.value:
            return kind.value
    raise BadInputError(f"{name}: {key}: expected a value, found none")


def _labels(files: Sequence[File], key: str) -> list[Any]:
    found = []
    for name, example in _examples(files):
        [value] = list(_value(name, example, key))[:1]
        found.append(value.decode() if isinstance(value, bytes) else int(value))
    return found


def _pictures(files: Sequence[File], key: str) -> Iterator[pictures.Picture]:
    for name, example in _examples(files):
        content = _value(name, example, key)[0]
        yield name, lambda content=content: io.BytesIO(content)  # type: ignore[misc]


def _numbers(files: Sequence[File], key: str) -> Iterator[np.ndarray]:
    """Yields the images that are lists of numbers, one a block."""
    count = 0
    for name, example in _examples(files):
        values = np.asarray(_value(name, example, key))
        count = count or len(values)
        if len(values) != count:
            raise BadInputError(
                f"{name}: wrong image size: expected {count:,} numbers, found "
                f"{len(values):,}"
            )
        yield values[None]
