"""The synchronous client."""

import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np

from serving.client import calls
from serving.client.base import DEFAULT_BATCH_SIZE, BaseClient
from serving.client.calls import Call, Result
from serving.client.errors import ServingError, unexpected
from serving.client.readiness import WAIT_TIMEOUT, Wait
from serving.client.results import (
    Answer,
    ClassAnswer,
    ModelMetadata,
    ServedTask,
    VersionStatus,
)
from serving.client.tasks import is_told


class Client(BaseClient):
    """Asks one model of a TensorFlow Serving server, over gRPC.

    Thread-safe; every method raises `ServingError` when the server refuses, fails
    or is not reached within the connection's deadline. See `BaseClient` for how it is
    constructed.

    Example:
        >>> with Client("localhost:8500") as client:
        ...     client.wait()
        ...     client.predict({"images": images}).outputs["probabilities"]
    """

    def _open(self) -> grpc.Channel:
        return self.connection.open()

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
        """Returns the model's task, as the serving version describes it.

        Args:
            version: A version to ask instead of the serving one.
            signature: The signature whose shapes give the task if the version does not
                describe it.

        Raises:
            ServingError: There is no such version, or it takes no images.
        """
        metadata = self._call(calls.metadata(self._version(version)))
        self._served = (
            self._call(calls.describe(metadata))
            if is_told(metadata)
            else self._derived(metadata, signature)
        )
        return self._served

    def predict_images(
        self,
        images: np.ndarray,
        *,
        signature: str = calls.DEFAULT_SIGNATURE,
        batch_size: int = DEFAULT_BATCH_SIZE,
        novelty: bool = False,
    ) -> Iterator[ClassAnswer]:
        """Classifies images, with one request for every `batch_size` of them.

        Args:
            images: uint8 of shape [n, *task.shape], where the task is that of
                `task()` (`serving.client.sources` makes such images from pictures).
            signature: A signature with input `images` and output `probabilities`.
            batch_size: Images in a request; requests of large images have fewer.
            novelty: Whether to ask for the images' novelty as well, in a second request
                for each batch, if the version has that signature.

        Yields:
            An answer for each image, in order.

        Raises:
            ValueError: `images` has another dtype or shape.
            ServingError: The server refused, failed, or was not reached.
        """
        served = self._served or self.task(None, signature)
        for batch in calls.batches(images, batch_size, served):
            call = calls.predict_images(self.model, batch, served, signature=signature)
            answer = self._call(call)
            if answer.version != served.version:  # class names may differ by version
                served = self.task(answer.version, signature)
            answers = self._class_answers(answer, batch, served)
            if novelty and served.tells_novelty:
                spec = self._version(answer.version)
                answers = calls.marked(answers, self._call(calls.novelty(spec, batch)))
            yield from answers

    def status(self) -> list[VersionStatus]:
        """Returns the state of each version the server knows, newest first."""
        return self._call(calls.status(self.model))

    def metadata(self) -> ModelMetadata:
        """Returns the signatures of the version that serves."""
        return self._call(calls.metadata(self.model))

    def wait(self, timeout: float = WAIT_TIMEOUT) -> int:
        """Waits until the model is served; returns the version.

        Raises:
            ServingError: DEADLINE_EXCEEDED after `timeout` seconds; or at once an error
                that does not go away by waiting.
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
