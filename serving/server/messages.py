"""Declares, in .proto syntax, messages that the pip packages have only in C++.

They have their own descriptor pool; protobuf itself reads and writes them.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    wrappers_pb2,
)

_FIELD = re.compile(r"(repeated )?([\w.]+) (\w+) = (\d+);")
_Field = descriptor_pb2.FieldDescriptorProto


def declare(package: str, messages: Mapping[str, str]) -> Callable[[str], Any]:
    """Declares messages.

    Args:
        package: the package of the messages.
        messages: the fields of each message, by name: `repeated int64 sizes = 6;`. A
            type that is not scalar is another of these messages, or a Google wrapper.

    Returns:
        A function that returns the class of a message by its name.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name="serving_server.proto",
        package=package,
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for repeated, kind, field, number in _FIELD.findall(fields):
            declared = message.field.add(name=field, number=int(number))
            declared.label = (
                _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            )
            if kind.islower():
                declared.type = _Field.Type.Value(f"TYPE_{kind.upper()}")
            else:
                declared.type = _Field.TYPE_MESSAGE
                known = kind in messages
                declared.type_name = (
                    f".{package if known else 'google.protobuf'}.{kind}"
                )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())

    def find(name: str) -> Any:
        return message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{package}.{name}")
        )

    return find
