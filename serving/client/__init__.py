"""A gRPC client of TensorFlow Serving, and of this project's embedded server.

The library is `Client` and `AsyncClient`; ``python -m serving.client`` is the same
from a shell. Neither imports TensorFlow.
"""

import warnings
from typing import Any

from serving.client.aio import AsyncClient
from serving.client.channel import Connection, Tls
from serving.client.client import Client
from serving.client.errors import ClientError, ExitCode, InputError, ServingError
from serving.client.results import (
    Answer,
    ClassAnswer,
    ModelMetadata,
    ModelSpec,
    ServedTask,
    Signature,
    TensorSpec,
    VersionStatus,
)

__all__ = [
    "Answer",
    "AsyncClient",
    "ClassAnswer",
    "Client",
    "ClientError",
    "Connection",
    "ExitCode",
    "InputError",
    "ModelMetadata",
    "ModelSpec",
    "ServedTask",
    "ServingError",
    "Signature",
    "TensorSpec",
    "Tls",
    "VersionStatus",
]


def __getattr__(name: str) -> Any:
    """Returns what version 0.1 called otherwise, and says so."""
    if name == "DigitAnswer":
        warnings.warn(
            "DigitAnswer is deprecated: use ClassAnswer",
            DeprecationWarning,
            stacklevel=2,
        )
        return ClassAnswer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
