"""Carries bytes between ML Metadata's library and a MySQL server that may stall.

The library waits for a server forever, and holds Python's GIL meanwhile: no thread of
its process can end the wait, and no signal is handled. So it connects to this process
instead, which closes the connection and prints the reason on standard output.
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
    """The MySQL server.

    Attributes:
        host: Name or address.
        port: TCP port.
        shown: Its name in messages.
        patience: Seconds without data that are allowed while an answer is awaited.
    """

    host: str
    port: int
    shown: str
    patience: float

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carries one connection; prints on standard output why it failed."""
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
            # asyncio rewords system errors; name look-up errors have negative numbers.
            number = error.errno or 0
            reason = os.strerror(number) if number > 0 else str(error.strerror)
        if reason:
            print(reason, flush=True)
        writer.close()

    async def _answers(
        self, theirs: asyncio.StreamReader, asked: "_Asked"
    ) -> AsyncIterator[bytes]:
        """Yields the server's data.

        Raises:
            TimeoutError: A request was not answered within `patience` seconds.
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
    """The time from which on an answer is awaited; None if none is.

    At first the server's greeting is awaited.
    """

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
    """Listens on a local port, which it prints; ends when standard input ends."""
    listening = await asyncio.start_server(server.carry, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    # Ctrl-C reaches both processes: this one ends, so the other one's wait ends.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    name, port, shown, patience = sys.argv[1:]
    asyncio.run(main(Server(name, int(port), shown, float(patience))))
