"""Makes the same call with the sync and the asyncio client."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from serving.client import AsyncClient, Client, Connection


def ask_sync(connection: Connection | str, model: Any, ask: Callable) -> Any:
    with Client(connection, model) as client:
        answer = ask(client)
        return list(answer) if inspect.isgenerator(answer) else answer


def ask_async(connection: Connection | str, model: Any, ask: Callable) -> Any:
    async def run() -> Any:
        async with AsyncClient(connection, model) as client:
            answer = ask(client)
            if inspect.isasyncgen(answer):
                return [item async for item in answer]
            return await answer

    return asyncio.run(run())
