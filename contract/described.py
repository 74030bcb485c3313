"""What travels with a model or its data as a small JSON file, read as a dataclass."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from contract.errors import BadInputError

T = TypeVar("T")


def parse(text: str | bytes, what: str) -> Mapping[str, Any]:
    """Returns the object that a JSON text stands for.

    Args:
        text: Of the file.
        what: What it describes, for people.

    Raises:
        BadInputError: It is something else.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise BadInputError(f"{what}: expected JSON, found: {error}") from error
    if not isinstance(content, dict):
        raise BadInputError(f"{what}: expected an object, found {content!r}")
    return content


def read(path: str, of_text: Callable[[str], T]) -> T | None:
    """Returns what a file describes; None if there is no such file.

    Args:
        path: Of the file.
        of_text: Reads its text, or raises `BadInputError`.

    Raises:
        BadInputError: It cannot be read; the line names it.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            return of_text(stream.read())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read: {error}") from error
    except BadInputError as error:
        raise BadInputError(f"{path}: {error}") from error
