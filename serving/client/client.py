"""The synchronous client."""

import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np

from serving.client import calls
from serving.client.calls import Call, Result, UnexpectedResponse
from serving.client.channel import Connection
from serving.client.errors import ServingError
from serving.client.results import (
    Answer,
    DigitAnswer,
    ModelMetadata,
    ModelSpec,
    VersionStatus,
)
from serving.client.waiting import WAIT_TIMEOUT, Wait

DEFAULT_MODEL = "mnist"
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
        """Close the channel; calls in flight are cancelled."""
        self._channel.close()

    def predict(
        self,
        inputs: Mapping[str, Any],
        *,
        signature: str = calls.DEFAULT_SIGNATURE,
        outputs: Sequence[str] = (),
    ) -> Answer:
        """Run a signature.

        Args:
          inputs: Input alias to array, with the dtype the signature declares.
          signature: The signature's name.
          outputs: The output aliases wanted; all of them when empty.
        """
        return self._call(
            calls.predict(self.model, inputs, signature=signature, outputs=outputs)
        )

    def predict_digits(
        self,
        images: np.ndarray,
        *,
        signature: str = calls.DEFAULT_SIGNATURE,
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> Iterator[DigitAnswer]:
        """Read digits, one request for each `batch_size` images.

        Args:
          images: uint8 of shape [n, 28, 28], 0 for the background (see
            `serving.client.prepare` for pictures of other forms).
          signature: A signature of input ``images`` and output ``probabilities``.
          batch_size: Images in a request.

        Yields:
          An answer for each image, in order.

        Raises:
          ValueError: `images` has another dtype or shape.
        """
        for start in range(0, len(images), batch_size):
            yield from self._call(
                calls.predict_digits(
                    self.model,
                    images[start : start + batch_size],
                    signature=signature,
                )
            )

    def status(self) -> list[VersionStatus]:
        """The state of each version the server knows, newest first."""
        return self._call(calls.status(self.model))

    def metadata(self) -> ModelMetadata:
        """The signatures of the version that serves."""
        return self._call(calls.metadata(self.model))

    def wait(self, timeout: float = WAIT_TIMEOUT) -> int:
        """Wait until the model is served; returns the version.

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
            return call.read(response)
        except grpc.RpcError as error:
            raise ServingError.of(error, self.connection.address) from error
        except UnexpectedResponse as error:
            raise ServingError(
                grpc.StatusCode.INTERNAL, str(error), self.connection.address
            ) from error
