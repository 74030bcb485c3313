"""Which folders are versions to a server, by their names."""

LARGEST = 2**63 - 1
"""An int64, as in TensorFlow Serving."""


def version_number(name: str) -> int | None:
    """Returns the number that a folder's name is, `00000123` too; None if it is none.

    Source: tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc.
    """
    if not (name.isascii() and name.isdecimal()):
        return None
    number = int(name)
    return number if number <= LARGEST else None
