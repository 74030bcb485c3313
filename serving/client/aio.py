"""The asyncio client: the same calls as `serving.client.Client`, awaited."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
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


class AsyncClient(BaseClient):
    """Asks one model of a TensorFlow Serving server, over gRPC, with asyncio.

    Open it inside a running event loop. Arguments, results and errors are those
    of `serving.client.Client`; calls may run concurrently.
    """

    def _open(self) -> grpc.aio.Channel:
        return self.connection.open_async()

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
        """Returns the model's task; see `serving.client.Client.task`."""
        metadata = await self._call(calls.metadata(self._version(version)))
        self._served = (
            await self._call(calls.describe(metadata))
            if is_told(metadata)
            else self._derived(metadata, signature)
        )
        return self._served

    async def predict_images(
        self,
        images: np.ndarray,
        *,
        signature: str = calls.DEFAULT_SIGNATURE,
        batch_size: int = DEFAULT_BATCH_SIZE,
        novelty: bool = False,
    ) -> AsyncIterator[ClassAnswer]:
        """Classifies images; see `serving.client.Client.predict_images`."""
        served = self._served or await self.task(None, signature)
        for batch in calls.batches(images, batch_size, served):
            call = calls.predict_images(self.model, batch, served, signature=signature)
            answer = await self._call(call)
            if answer.version != served.version:  # class names may differ by version
                served = await self.task(answer.version, signature)
            answers = self._class_answers(answer, batch, served)
            if novelty and served.tells_novelty:
                asked = calls.novelty(self._version(answer.version), batch)
                answers = calls.marked(answers, await self._call(asked))
            for each in answers:
                yield each

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
