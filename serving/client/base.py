"""The base class of the sync and the asyncio client: everything that does not wait."""

import warnings
from abc import ABC, abstractmethod
from typing import Any

import grpc
import numpy as np

from serving.client import calls
from serving.client.channel import Connection
from serving.client.errors import ServingError, unexpected
from serving.client.results import (
    Answer,
    ClassAnswer,
    ModelMetadata,
    ModelSpec,
    ServedTask,
)
from serving.client.tasks import NoTaskError, derived_task

DEFAULT_MODEL = "mnist"
"""The protocol cannot list a server's models, so a name is needed."""

DEFAULT_BATCH_SIZE = 64


class BaseClient(ABC):
    """A connection to one model of a server.

    Args:
        connection: The server's address, or a `Connection` for TLS, deadline and
            retries.
        model: The model's name, or a `ModelSpec` for a version or label.
    """

    def __init__(
        self,
        connection: Connection | str = "localhost:8500",
        model: ModelSpec | str = DEFAULT_MODEL,
    ) -> None:
        if isinstance(connection, str):
            connection = Connection(connection)
        self.connection = connection
        self.model = ModelSpec(model) if isinstance(model, str) else model
        self._channel = self._open()
        self._stubs = {
            rpc.path: self._channel.unary_unary(
                rpc.path, rpc.request.SerializeToString, rpc.response.FromString
            )
            for rpc in calls.RPCS
        }
        self._served: ServedTask | None = None

    @abstractmethod
    def _open(self) -> Any:
        """Opens a channel."""

    @abstractmethod
    def predict_images(self, images: np.ndarray) -> Any:
        """Classifies images; see `Client` and `AsyncClient`."""

    def predict_digits(self, images: np.ndarray, **options: Any) -> Any:
        """Deprecated name of `predict_images`, from version 0.1."""
        warnings.warn(
            "predict_digits is deprecated: use predict_images",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.predict_images(images, **options)

    def _version(self, version: int | None) -> ModelSpec:
        return self.model if version is None else ModelSpec(self.model.name, version)

    def _derived(self, metadata: ModelMetadata, signature: str) -> ServedTask:
        """Returns the task of a version without our `describe`, from its shapes.

        Raises:
            ServingError: The version takes no images.
        """
        try:
            return derived_task(metadata, signature)
        except NoTaskError as error:
            raise ServingError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"{metadata.model} version {metadata.version} cannot be asked about "
                f"images: {error}",
                self.connection.address,
            ) from error

    def _class_answers(
        self, answer: Answer, batch: np.ndarray, served: ServedTask
    ) -> list[ClassAnswer]:
        """Reads the class of each image of a batch from an answer.

        Raises:
            ServingError: The answer has no probabilities for these images.
        """
        rows = answer.outputs.get(calls.PROBABILITIES)
        with unexpected(self.connection.address):
            return calls.class_answers(rows, len(batch), served)
