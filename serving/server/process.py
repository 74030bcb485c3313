"""Runs the server as a process: handles signals and returns an exit code."""

import asyncio
import contextlib
import logging
import os
import signal
import sys

import tensorflow as tf

from serving.server.app import ModelServer
from serving.server.errors import Code, ServingError
from serving.server.flags import Options
from serving.server.log_bound import LogBound

_log = logging.getLogger(__name__)

# Exit code of tensorflow_model_server if it cannot start (main returns -1).
_EXIT_NOT_STARTED = 255
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(options: Options) -> int:
    """Serves until a signal stops it.

    Returns:
        0 after an orderly stop, 255 if the server could not start.
    """
    tf.get_logger().setLevel(logging.ERROR)
    for handler in logging.getLogger().handlers:
        handler.addFilter(LogBound())
    code, ended = asyncio.run(_serve(options))
    if not ended:
        # A run that still continues would crash while the interpreter ends.
        _log.warning("Requests that outlasted the grace period are given up")
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)
    return code


async def _serve(options: Options) -> tuple[int, bool]:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stopped.set)
    try:
        server = ModelServer(options)
    except ServingError as error:
        return _not_started(error), True
    starting = asyncio.create_task(server.start())
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait((starting, waiting), return_when=asyncio.FIRST_COMPLETED)
    code = 0
    if starting.done() and (failure := starting.exception()) is not None:
        if not isinstance(failure, ServingError):
            raise failure
        code = _not_started(failure)
    else:
        await waiting
        _log.info("Stopping: finishing the requests that run")
        for number in _STOP_SIGNALS:
            # A second signal ends the process without waiting.
            loop.add_signal_handler(number, os._exit, 128 + number)
    if not starting.done():
        server.cancel_start()
        with contextlib.suppress(ServingError):
            await starting
    ended = await server.stop()
    waiting.cancel()
    _log.info("Stopped")
    return code, ended


def _not_started(error: ServingError) -> int:
    print(f"Failed to start server. Error: {error}", flush=True)
    if error.code is Code.INTERNAL:
        _log.error("start-up failed", exc_info=error)
    return _EXIT_NOT_STARTED
