"""Reads the names of the classes from a file beside the data."""

import csv
import io
import json
import re
from collections.abc import Sequence

from components.image_example_gen.files import File
from contract.errors import BadInputError

_LISTS = re.compile(
    r"(^|.*[-_.])(classes|class[-_]names|labels|label[-_]names|categories|names)"
    r"\.(txt|json|names)$|^batches\.meta\.txt$",
    re.IGNORECASE,
)
_MAPPINGS = re.compile(
    r".*(mapping|class[-_]?map|label[-_]?map)[\w-]*\.(txt|csv|json)$", re.IGNORECASE
)

_LARGEST = 1 << 20


def find_names(files: Sequence[File]) -> dict[int, str]:
    """Returns the class names by the label in the data; empty if no file has them.

    Known formats: a list with one name per line (`classes.txt`, `labels.txt`), JSON
    with a list or an object (`class_names.json`: `{"0": "cat"}`), EMNIST's mapping
    (`*-mapping.txt`: a label, and the codes of its letters), and a table of labels
    and names (`kmnist_classmap.csv`).

    Raises:
        BadInputError: A file has such a name, but cannot be read.
    """
    parsed = (_parse(file) for file in files if is_names_file(file))
    return next(filter(None, parsed), {})


def is_names_file(file: File) -> bool:
    """Tells by its name whether a file holds the names of classes."""
    return bool(_MAPPINGS.match(file.name) or _LISTS.match(file.name))


def _parse(file: File) -> dict[int, str]:
    content = file.read()
    try:
        text = content[:_LARGEST].decode("utf-8-sig")
        if file.suffix == ".json":
            return _from_json(json.loads(text))
        lines = [row.strip() for row in text.splitlines() if row.strip()]
        if file.suffix == ".csv":
            return _from_table(list(csv.reader(io.StringIO(text))))
        if _MAPPINGS.match(file.name):
            return _from_mapping(lines)
        return dict(enumerate(lines))
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise BadInputError(
            f"{file}: expected labels and names of classes, found: {error}"
        ) from error


def _from_json(content: object) -> dict[int, str]:
    if isinstance(content, list):
        return dict(enumerate(map(str, content)))
    if isinstance(content, dict):
        if all(str(key).isdecimal() for key in content):
            return {int(key): str(name) for key, name in content.items()}
        return {int(label): str(name) for name, label in content.items()}
    raise ValueError("neither a list nor an object")


def _from_mapping(lines: Sequence[str]) -> dict[int, str]:
    """Reads EMNIST's format: `1 65 97` is label 1 with the codes of A and a."""
    names = {}
    for one in lines:
        label, code, *_ = one.replace(",", " ").split()
        names[int(label)] = chr(int(code)) if code.isdecimal() else code
    return names


def _from_table(rows: list[list[str]]) -> dict[int, str]:
    """Reads a table with the label in the first column and the name in the last."""
    body = rows if rows and rows[0][0].strip().isdecimal() else rows[1:]
    return {int(row[0]): row[-1].strip() for row in body if row}
