"""Version numbers of folders, as a server reads them from the names."""

LARGEST = 2**63 - 1
"""Largest version number: TensorFlow Serving has an int64."""


def version_number(name: str) -> int | None:
    """Returns the version number of a folder's name (123 for `00000123`), or None.

    Source: tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc.
    """
    if not (name.isascii() and name.isdecimal()):
        return None
    number = int(name)
    return number if number <= LARGEST else None
