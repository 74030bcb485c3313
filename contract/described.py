"""Reads the small JSON files that accompany a model or its data."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from contract.errors import BadInputError

T = TypeVar("T")


def parse(text: str | bytes, what: str) -> Mapping[str, Any]:
    """Returns the object in a JSON text; `what` names it in the error message.

    Raises:
        BadInputError: The text is no JSON, or no JSON object.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise BadInputError(f"{what}: expected JSON, found: {error}") from error
    if not isinstance(content, dict):
        raise BadInputError(f"{what}: expected an object, found {content!r}")
    return content


def read(path: str, of_text: Callable[[str], T]) -> T | None:
    """Returns the object that a file describes; None if there is no such file.

    Raises:
        BadInputError: The file cannot be read; the message names it.
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
