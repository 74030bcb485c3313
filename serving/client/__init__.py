"""A gRPC client of TensorFlow Serving, and of this project's embedded server.

The library is `Client` and `AsyncClient`; ``python -m serving.client`` offers the same
in a shell. Neither imports TensorFlow.

Names are imported on first use: ``python -m`` imports this package first, and must be
able to report missing libraries in one line.
"""

import importlib
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_MODULES = {"AsyncClient": "aio", "Client": "client"}
_MODULES |= dict.fromkeys(("Connection", "Tls"), "channel")
_MODULES |= dict.fromkeys(
    ("ClientError", "ExitCode", "InputError", "ServingError"), "errors"
)


def __getattr__(name: str) -> Any:
    """Imports a name of the library on first use; warns of a name of version 0.1."""
    if name == "DigitAnswer":
        warnings.warn(
            "DigitAnswer is deprecated: use ClassAnswer",
            DeprecationWarning,
            stacklevel=2,
        )
        name = "ClassAnswer"
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES.get(name, 'results')}")
    return getattr(module, name)
