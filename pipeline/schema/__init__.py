"""Reads the curated schema, which bounds changes of the data; see `schema.pbtxt`."""

from importlib import resources

from components.task_schema_gen.schema import parse_judgement
from contract.errors import BadInputError
from contract.special_files import file_only


def judgement(path: str | None = None) -> str:
    """Returns a schema in text format, without the parts that come from the task.

    Args:
        path: Path of a file; None for the project's own schema.

    Raises:
        BadInputError: The file cannot be read, or is no schema that TaskSchemaGen
            can complete.
    """
    if path is None:
        return resources.files(__name__).joinpath("schema.pbtxt").read_text("utf-8")
    try:
        with open(path, encoding="utf-8-sig", opener=file_only) as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise BadInputError(f"data.schema: {path}: cannot be read: {reason}") from error
    parse_judgement(text, f"data.schema: {path}")
    return text
