"""Reads the curated schema, which bounds changes of the data; see `schema.pbtxt`."""

from importlib import resources

from components.task_schema_gen.schema import parse_judgement
from contract.special_files import read_text


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
    text = read_text(path, f"data.schema: {path}")
    parse_judgement(text, f"data.schema: {path}")
    return text
