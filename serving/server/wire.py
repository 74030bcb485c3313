"""Reads and writes the parts of protobuf's wire format that the hot path uses.

A response is a few constant bytes around the raw values of a tensor. To join them here
takes one or two microseconds; to build the messages takes ten times as long.
See https://protobuf.dev/programming-guides/encoding/.
"""

_LENGTH_DELIMITED = 2


def varint(number: int) -> bytes:
    """Encodes a non-negative integer."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, payload: bytes) -> bytes:
    """Encodes a string, bytes, submessage or packed field."""
    return varint(number << 3 | _LENGTH_DELIMITED) + varint(len(payload)) + payload


def find_field(message: bytes, number: int) -> tuple[int, int] | None:
    """Finds the last length-delimited field `number` at the top level.

    Returns:
        Start and end of its payload, or None if it is absent.
    """
    position, found = 0, None
    while position < len(message):
        tag, position = read_varint(message, position)
        kind = tag & 7
        if kind == 0:
            _, position = read_varint(message, position)
        elif kind == 1:
            position += 8
        elif kind == _LENGTH_DELIMITED:
            length, position = read_varint(message, position)
            if tag >> 3 == number:
                found = position, position + length
            position += length
        elif kind == 5:
            position += 4
        else:
            raise ValueError(f"expected wire type 0, 1, 2 or 5, found {kind}")
    return found


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Decodes the varint at `position`; returns it and the position after it.

    Raises:
        IndexError: the data ends within it.
    """
    number = shift = 0
    while True:
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
