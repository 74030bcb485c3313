"""A gRPC client of TensorFlow Serving, and of this project's embedded server.

The library is `Client` and `AsyncClient`; ``python -m serving.client`` is the same
from a shell. Neither imports TensorFlow.
"""

from serving.client.aio import AsyncClient
from serving.client.channel import Connection, Tls
from serving.client.client import Client
from serving.client.errors import ClientError, ExitCode, InputError, ServingError
from serving.client.results import (
    Answer,
    DigitAnswer,
    ModelMetadata,
    ModelSpec,
    Signature,
    TensorSpec,
    VersionStatus,
)

__all__ = [
    "Answer",
    "AsyncClient",
    "Client",
    "ClientError",
    "Connection",
    "DigitAnswer",
    "ExitCode",
    "InputError",
    "ModelMetadata",
    "ModelSpec",
    "ServingError",
    "Signature",
    "TensorSpec",
    "Tls",
    "VersionStatus",
]
