"""The curated schema, kept in git: what an example has to be."""

from importlib import resources


def schema_text() -> str:
    """Returns `schema.pbtxt`: a tensorflow.metadata.v0.Schema in text format."""
    return resources.files(__name__).joinpath("schema.pbtxt").read_text()
