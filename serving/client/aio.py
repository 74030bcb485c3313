"""The asyncio client: the same calls as `serving.client.Client`, awaited."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np

from serving.client import calls
from serving.client.calls import Call, Result, UnexpectedResponse
from serving.client.channel import Connection
from serving.client.client import DEFAULT_BATCH_SIZE, DEFAULT_MODEL
from serving.client.errors import ServingError
from serving.client.results import (
    Answer,
    DigitAnswer,
    ModelMetadata,
    ModelSpec,
    VersionStatus,
)
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
        """Close the channel; calls in flight are cancelled."""
        await self._channel.close()

    async def predict(
        self,
        inputs: Mapping[str, Any],
        *,
        signature: str = calls.DEFAULT_SIGNATURE,
        outputs: Sequence[str] = (),
    ) -> Answer:
        """Run a signature; see `serving.client.Client.predict`."""
        return await self._call(
            calls.predict(self.model, inputs, signature=signature, outputs=outputs)
        )

    async def predict_digits(
        self,
        images: np.ndarray,
        *,
        signature: str = calls.DEFAULT_SIGNATURE,
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> AsyncIterator[DigitAnswer]:
        """Read digits; see `serving.client.Client.predict_digits`."""
        for start in range(0, len(images), batch_size):
            batch = calls.predict_digits(
                self.model, images[start : start + batch_size], signature=signature
            )
            for answer in await self._call(batch):
                yield answer

    async def status(self) -> list[VersionStatus]:
        """The state of each version the server knows, newest first."""
        return await self._call(calls.status(self.model))

    async def metadata(self) -> ModelMetadata:
        """The signatures of the version that serves."""
        return await self._call(calls.metadata(self.model))

    async def wait(self, timeout: float = WAIT_TIMEOUT) -> int:
        """Wait until the model is served; see `serving.client.Client.wait`."""
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
            return call.read(response)
        except grpc.RpcError as error:
            raise ServingError.of(error, self.connection.address) from error
        except UnexpectedResponse as error:
            raise ServingError(
                grpc.StatusCode.INTERNAL, str(error), self.connection.address
            ) from error
