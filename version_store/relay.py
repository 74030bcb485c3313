"""Carries bytes between ML Metadata's library and a MySQL server that may stall.

The library waits for a server for ever, and keeps Python's lock meanwhile: no thread of
its process can end the wait, and no signal is heard. So it connects to this process
instead, which hangs up for it, and says why in a line on standard output.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

from contract.waiting import told

_SHOWN_AFTER_SECONDS = 1.0
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Server:
    """The server.

    Attributes:
        host: Name or address.
        port: Of TCP.
        shown: What people call it.
        patience: Seconds that nothing may come while something is awaited.
    """

    host: str
    port: int
    shown: str
    patience: float

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carries one connection; says on standard output why it could not."""
        heard = False
        try:
            with told(f"waiting for {self.shown}"):
                theirs, ours = await asyncio.wait_for(
                    asyncio.open_connection(self.host, self.port), self.patience
                )
            asked = _Asked(asyncio.get_running_loop().time())
            asking = asyncio.create_task(asked.carry(reader, ours))
            try:
                async for data in self._answers(theirs, asked):
                    heard = True
                    writer.write(data)
                    await writer.drain()
            finally:
                asking.cancel()
                ours.close()
            reason = "" if heard else "it hangs up"
        except TimeoutError:
            reason = f"no answer within {self.patience:g} seconds"
        except OSError as error:
            # asyncio words those of the system itself; those of names are negative.
            number = error.errno or 0
            reason = os.strerror(number) if number > 0 else str(error.strerror)
        if reason:
            print(reason, flush=True)
        writer.close()

    async def _answers(
        self, theirs: asyncio.StreamReader, asked: "_Asked"
    ) -> AsyncIterator[bytes]:
        """Yields what comes.

        Raises:
            TimeoutError: Nothing came for too long, although something was asked.
        """
        loop = asyncio.get_running_loop()
        told = False
        step = min(_SHOWN_AFTER_SECONDS, self.patience)
        while True:
            try:
                data = await asyncio.wait_for(theirs.read(_CHUNK), step)
            except TimeoutError:
                if asked.since is None:
                    continue
                if loop.time() - asked.since >= self.patience:
                    raise
                if not told:
                    told = True
                    print(f"waiting for {self.shown}", file=sys.stderr, flush=True)
                continue
            if not data:
                return
            asked.since, told = None, False
            yield data


@dataclass
class _Asked:
    """Since when an answer is awaited, if one is; the greeting comes unasked."""

    since: float | None

    async def carry(
        self, reader: asyncio.StreamReader, ours: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(_CHUNK):
            self.since = asyncio.get_running_loop().time()
            ours.write(data)
            await ours.drain()
        ours.close()


async def main(server: Server) -> None:
    """Listens on a port of this machine, which it prints; ends with standard input."""
    listening = await asyncio.start_server(server.carry, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    # Ctrl-C is for both of us: without this end, the other one hears it as well.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    name, port, shown, patience = sys.argv[1:]
    asyncio.run(main(Server(name, int(port), shown, float(patience))))
