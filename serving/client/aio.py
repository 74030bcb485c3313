"""The asyncio client: the same calls as `serving.client.Client`, awaited."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np

from serving.client import calls
from serving.client.calls import Call, Result
from serving.client.channel import Connection
from serving.client.client import DEFAULT_BATCH_SIZE, DEFAULT_MODEL, warn_of_digits
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


class AsyncClient:
    """Asks one model of a TensorFlow Serving server, over gRPC, with asyncio.

    Open it inside a running event loop. Arguments, results and errors are those
    of `serving.client.Client`; calls may run concurrently.
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
        self._channel = connection.open_async()
        self._stubs = {
            rpc.path: self._channel.unary_unary(
                rpc.path, rpc.request.SerializeToString, rpc.response.FromString
            )
            for rpc in calls.RPCS
        }
        self._served: ServedTask | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the channel; calls in flight are cancelled."""
        await self._channel.close()

    async def predict(
        self,
        inputs: Mapping[str, Any],
        *,
        signature: str = calls.DEFAULT_SIGNATURE,
        outputs: Sequence[str] = (),
    ) -> Answer:
        """Runs a signature; see `serving.client.Client.predict`."""
        return await self._call(
            calls.predict(self.model, inputs, signature=signature, outputs=outputs)
        )

    async def task(
        self,
        version: int | None = None,
        signature: str = calls.DEFAULT_SIGNATURE,
    ) -> ServedTask:
        """Returns what the model is asked; see `serving.client.Client.task`."""
        spec = self.model if version is None else ModelSpec(self.model.name, version)
        metadata = await self._call(calls.metadata(spec))
        if is_told(metadata):
            self._served = await self._call(calls.describe(metadata))
            return self._served
        try:
            self._served = derived_task(metadata, signature)
            return self._served
        except NoTaskError as error:
            raise self.connection.unsuitable(metadata, error) from error

    async def predict_images(
        self,
        images: np.ndarray,
        *,
        signature: str = calls.DEFAULT_SIGNATURE,
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> AsyncIterator[ClassAnswer]:
        """Classifies images; see `serving.client.Client.predict_images`."""
        served = self._served or await self.task(None, signature)
        for _, batch in calls.batches(images, batch_size, served):
            call = calls.predict_images(self.model, batch, served, signature=signature)
            answer = await self._call(call)
            if answer.version != served.version:  # names belong to a version
                served = await self.task(answer.version, signature)
            rows = answer.outputs.get(calls.PROBABILITIES)
            with unexpected(self.connection.address):
                answers = calls.class_answers(rows, len(batch), served)
            for each in answers:
                yield each

    def predict_digits(
        self,
        images: np.ndarray,
        *,
        signature: str = calls.DEFAULT_SIGNATURE,
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> AsyncIterator[ClassAnswer]:
        """Does what `predict_images` does, under its name in version 0.1."""
        warn_of_digits()
        return self.predict_images(images, signature=signature, batch_size=batch_size)

    async def status(self) -> list[VersionStatus]:
        """Returns the state of each version the server knows, newest first."""
        return await self._call(calls.status(self.model))

    async def metadata(self) -> ModelMetadata:
        """Returns the signatures of the version that serves."""
        return await self._call(calls.metadata(self.model))

    async def wait(self, timeout: float = WAIT_TIMEOUT) -> int:
        """Waits until the model is served; see `serving.client.Client.wait`."""
        wait = Wait(self.model, timeout)
        while True:
            try:
                call = calls.metadata(self.model)
                return (await self._call(call, wait.attempt_timeout())).version
            except ServingError as error:
                await asyncio.sleep(wait.pause(error))

    async def _call(self, call: Call[Result], timeout: float | None = None) -> Result:
        try:
            response = await self._stubs[call.rpc.path](
                call.request, timeout=timeout or self.connection.timeout
            )
        except grpc.RpcError as error:
            raise self.connection.failure(error) from error
        with unexpected(self.connection.address):
            return call.read(response)
