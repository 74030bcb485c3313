"""The pipeline's own components, a package each."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Returns the artifact type `HTML` from where it is, when it is asked for.

    In a container TFX finds a custom type by its name, which its Kubeflow compiler
    restricts to one package and one class
    (tfx/orchestration/kubeflow/v2/compiler_utils.py: `_SCHEMA_TITLE_RE`).
    """
    if name == "HTML":
        from components.artifact import HTML

        return HTML
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
