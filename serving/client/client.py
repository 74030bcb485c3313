"""The synchronous client."""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np

from serving.client import calls
from serving.client.calls import Call, Result
from serving.client.channel import Connection
from serving.client.errors import ServingError, unexpected
from serving.client.results import (
    Answer,
    ClassAnswer,
    ModelMetadata,
    ModelSpec,
    ServedTask,
    VersionStatus,
)
from serving.client.tasks import NoTaskError, derived_task, is_told
from serving.client.waiting import WAIT_TIMEOUT, Wait

DEFAULT_MODEL = "mnist"
"""Nothing in the protocol lists a server's models, so one has to be named."""

DEFAULT_BATCH_SIZE = 64


class Client:
    """Asks one model of a TensorFlow Serving server, over gRPC.

    Thread-safe; every method raises `ServingError` when the server refuses, fails
    or is not reached within the connection's deadline.

    Args:
        connection: The server's address, or a `Connection` for TLS, deadline and
            retries.
        model: The model's name, or a `ModelSpec` for a version or label.

    Example:
        >>> with Client("localhost:8500") as client:
        ...     client.wait()
        ...     client.predict({"images": images}).outputs["probabilities"]
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
        self._channel = connection.open()
        self._stubs = {
            rpc.path: self._channel.unary_unary(
                rpc.path, rpc.request.SerializeToString, rpc.response.FromString
            )
            for rpc in calls.RPCS
        }
        self._served: ServedTask | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the channel; calls in flight are cancelled."""
        self._channel.close()

    def predict(
        self,
        inputs: Mapping[str, Any],
        *,
        signature: str = calls.DEFAULT_SIGNATURE,
        outputs: Sequence[str] = (),
    ) -> Answer:
        """Runs a signature.

        Args:
            inputs: Input alias to array, with the dtype the signature declares.
            signature: The signature's name.
            outputs: The output aliases wanted; all of them when empty.
        """
        return self._call(
            calls.predict(self.model, inputs, signature=signature, outputs=outputs)
        )

    def task(
        self,
        version: int | None = None,
        signature: str = calls.DEFAULT_SIGNATURE,
    ) -> ServedTask:
        """Returns what the model is asked, as the version that serves tells it.

        Args:
            version: Of this version instead.
            signature: Whose shapes it is derived from where the model does not tell.

        Raises:
            ServingError: There is none, or it takes no images.
        """
        spec = self.model if version is None else ModelSpec(self.model.name, version)
        metadata = self._call(calls.metadata(spec))
        if is_told(metadata):
            self._served = self._call(calls.describe(metadata))
            return self._served
        try:
            self._served = derived_task(metadata, signature)
            return self._served
        except NoTaskError as error:
            raise self.connection.unsuitable(metadata, error) from error

    def predict_images(
        self,
        images: np.ndarray,
        *,
        signature: str = calls.DEFAULT_SIGNATURE,
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> Iterator[ClassAnswer]:
        """Classifies images, one request for each `batch_size` of them.

        Args:
            images: uint8 of shape [n, *task.shape], where the task is that of
                `task()` (`serving.client.sources` makes such images of pictures).
            signature: A signature of input `images` and output `probabilities`.
            batch_size: Images in a request; large images go in smaller ones.

        Yields:
            An answer for each image, in order.

        Raises:
            ValueError: `images` has another dtype or shape.
            ServingError: The server refused, failed, or was not reached.
        """
        served = self._served or self.task(None, signature)
        for _, batch in calls.batches(images, batch_size, served):
            call = calls.predict_images(self.model, batch, served, signature=signature)
            answer = self._call(call)
            if answer.version != served.version:  # names belong to a version
                served = self.task(answer.version, signature)
            rows = answer.outputs.get(calls.PROBABILITIES)
            with unexpected(self.connection.address):
                answers = calls.class_answers(rows, len(batch), served)
            yield from answers

    def predict_digits(
        self,
        images: np.ndarray,
        *,
        signature: str = calls.DEFAULT_SIGNATURE,
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> Iterator[ClassAnswer]:
        """Does what `predict_images` does, under its name in version 0.1."""
        warn_of_digits()
        return self.predict_images(images, signature=signature, batch_size=batch_size)

    def status(self) -> list[VersionStatus]:
        """Returns the state of each version the server knows, newest first."""
        return self._call(calls.status(self.model))

    def metadata(self) -> ModelMetadata:
        """Returns the signatures of the version that serves."""
        return self._call(calls.metadata(self.model))

    def wait(self, timeout: float = WAIT_TIMEOUT) -> int:
        """Waits until the model is served; returns the version.

        Raises:
            ServingError: DEADLINE_EXCEEDED after `timeout` seconds, or at once for
                an error that waiting does not mend.
        """
        wait = Wait(self.model, timeout)
        while True:
            try:
                call = calls.metadata(self.model)
                return self._call(call, wait.attempt_timeout()).version
            except ServingError as error:
                time.sleep(wait.pause(error))

    def _call(self, call: Call[Result], timeout: float | None = None) -> Result:
        try:
            response = self._stubs[call.rpc.path](
                call.request, timeout=timeout or self.connection.timeout
            )
        except grpc.RpcError as error:
            raise self.connection.failure(error) from error
        with unexpected(self.connection.address):
            return call.read(response)


def warn_of_digits() -> None:
    """Says by what `predict_digits` is replaced."""
    warnings.warn(
        "predict_digits is deprecated: use predict_images",
        DeprecationWarning,
        stacklevel=3,
    )
