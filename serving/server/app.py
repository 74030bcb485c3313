"""Starts the server, serves requests, and drains them at the end.

The order is that of tensorflow_model_server: the ports open only after every model has
an available version, so that a server with an open port can answer.
"""

import asyncio
import contextlib
import gc
import logging
import os
import threading
import time
from typing import Any

import grpc
from aiohttp import web
from tensorflow_serving.config import model_server_config_pb2

from serving.server import configs, page, session, warmup
from serving.server.batching import BATCH, GRPC, REST, Scheduler
from serving.server.configs import BatchingParameters
from serving.server.connections import Connections
from serving.server.errors import Code, ServingError, invalid_argument
from serving.server.flags import Options
from serving.server.grpc_core import CoreServer
from serving.server.grpc_services import GrpcServices
from serving.server.manager import ModelManager
from serving.server.metrics import Metrics
from serving.server.request_log import RequestLogs
from serving.server.rest import RestApi
from serving.server.servable import Servable
from serving.server.service import PredictionService
from serving.server.workers import Pools

_log = logging.getLogger(__name__)

# Closing gets at least this time, even if the grace period is shorter.
_CLOSING_SECONDS = 0.5


class ModelServer:
    """Serves models. Its coroutines belong to one event loop."""

    def __init__(self, options: Options):
        """Reads the configuration files; nothing is loaded or opened yet.

        Raises:
            ServingError: a flag's value or a file is wrong.
        """
        self.options = options
        self.metrics = Metrics()
        self._config = _model_config(options)
        _check_options(options)
        self._session_config = session.session_config(options)
        self._credentials = _credentials(options)
        self._channel_arguments = configs.parse_channel_arguments(
            options.grpc_channel_arguments
        )
        self._metrics_path = (
            configs.read_metrics_path(options.monitoring_config_file)
            if options.monitoring_config_file
            else None
        )
        self._page = page.load(options.page) if options.page else None
        batching = (
            configs.read_batching_parameters(options.batching_parameters_file)
            if options.enable_batching
            else BatchingParameters()
        )
        self._pools = Pools(
            {
                GRPC: options.grpc_max_threads,
                REST: options.rest_api_num_threads,
                BATCH: max(options.grpc_max_threads, batching.batches_per_signature),
            }
        )
        self._logs = RequestLogs(
            self.metrics,
            options.saved_model_tags.split(","),
            options.request_log_max_bytes,
        )
        self.manager = ModelManager(options, self._load, self._logs.update)
        scheduler = Scheduler(
            batching,
            self._pools,
            enable_batching=options.enable_batching,
            observe=self.metrics.record_batch,
        )
        self._service = PredictionService(
            self.manager, scheduler, self._pools, options, self.metrics, self._logs
        )
        self._connections = Connections(
            options.max_rest_connections, options.rest_api_timeout_in_ms / 1000
        )
        self._grpc: CoreServer | None = None
        self._services: GrpcServices | None = None
        self._rest: web.AppRunner | None = None
        self._poller: asyncio.Task[None] | None = None
        self._stopping = threading.Event()

    # --- start ---------------------------------------------------------------

    async def start(self) -> None:
        """Loads the models, then opens the ports.

        Waits while a model has no version.

        Raises:
            ServingError: a model does not load, or a port is not available.
        """
        # Imported modules stay for ever: later garbage collections can skip them.
        gc.collect()
        gc.freeze()
        self.manager.start()
        await asyncio.to_thread(
            self.manager.reload, self._config, self._stopping.is_set
        )
        await self._open_grpc()
        await self._open_rest()
        if self._services is not None:
            await self._services.set_serving(True)
        if (
            self.options.model_config_file
            and self.options.model_config_file_poll_wait_seconds > 0
        ):
            self._poller = asyncio.create_task(self._poll_config())

    async def _open_grpc(self) -> None:
        options = self.options
        if not options.port and not options.grpc_socket_path:
            return
        self._services = GrpcServices(self._service)
        server = CoreServer(
            [
                # gRPC lets two servers share a port by default; then each gets
                # half of the requests.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", options.max_message_bytes),
                ("grpc.max_send_message_length", -1),
                *self._channel_arguments,
            ],
            options.max_concurrent_rpcs,
            self._services.direct,
        )
        self._services.add_to(server)
        addresses = []
        if options.port:
            addresses.append(f"{options.bind_address}:{options.port}")
        if options.grpc_socket_path:
            addresses.append(f"unix:{options.grpc_socket_path}")
        for address in addresses:
            try:
                bound = (
                    server.add_secure_port(address, self._credentials)
                    if self._credentials
                    else server.add_insecure_port(address)
                )
            except RuntimeError:
                bound = 0
            if not bound:
                raise ServingError(
                    Code.UNAVAILABLE,
                    f"Cannot listen for gRPC at {address}: is another server there?",
                )
        await self._services.set_serving(False)
        await server.start()
        self._grpc = server
        _log.info("Running gRPC ModelServer at %s ...", " and ".join(addresses))

    async def _open_rest(self) -> None:
        options = self.options
        if not options.rest_api_port:
            return
        api = RestApi(self._service, self._metrics_path, self._page, self._connections)
        runner = web.AppRunner(
            api.application(),
            access_log=None,
            handle_signals=False,
            # `_stop_rest` has already waited for the requests.
            shutdown_timeout=0.1,
        )
        await runner.setup()
        assert runner.server is not None
        try:
            self._connections.listen(
                options.bind_address.strip("[]"), options.rest_api_port, runner.server
            )
        except OSError as error:
            await runner.cleanup()
            raise ServingError(
                Code.UNAVAILABLE,
                f"Cannot listen for REST at {options.bind_address}:"
                f"{options.rest_api_port}: {error.strerror}",
            ) from error
        self._rest = runner
        _log.info(
            "Exporting HTTP/REST API at: %s:%d ...",
            options.bind_address,
            options.rest_api_port,
        )

    async def _poll_config(self) -> None:
        """Polls the model config file; an invalid file is logged but not applied."""
        file = self.options.model_config_file
        while True:
            await asyncio.sleep(self.options.model_config_file_poll_wait_seconds)
            mark = _modified(file)
            try:
                config = _model_config(self.options)
                if config != self._config:
                    # The wait for a model that does not load ends when the file
                    # changes again.
                    await asyncio.to_thread(
                        self.manager.reload,
                        config,
                        lambda: self._stopping.is_set() or _modified(file) != mark,  # noqa: B023
                    )
                    self._config = config
                    _log.info("Reloaded %s", file)
            except ServingError as error:
                _log.error("Model config file not applied: %s", error)

    def _load(self, name: str, version: int, path: str) -> Servable:
        """Loads and warms a version (on a loading thread)."""
        start = time.perf_counter()
        try:
            servable = Servable(name, version, path, self.options, self._session_config)
        except BaseException:
            self.metrics.load_attempts.add((path, "fail"))
            raise
        seconds = time.perf_counter() - start
        self.metrics.load_attempts.add((path, "success"))
        self.metrics.load_latency.add((path,), int(seconds * 1e6))
        try:
            count = warmup.replay(servable, self.options, self.metrics)
        except BaseException:
            servable.close()
            raise
        _log.info(
            "Loaded %s version %d from %s in %.2f s; %d warm-up requests",
            name,
            version,
            path,
            seconds,
            count,
        )
        return servable

    # --- stop ----------------------------------------------------------------

    def cancel_start(self) -> None:
        """Stops waiting for models; `start` then raises CANCELLED."""
        self._stopping.set()

    async def stop(self, grace: float | None = None) -> bool:
        """Sets health to NOT_SERVING, finishes running requests, closes everything.

        Args:
            grace: longest wait for running requests in seconds; default: the flag's.

        Returns:
            Whether everything ended. A graph run cannot be interrupted: if it takes
            longer than the grace period, it continues on a daemon thread.
        """
        seconds = self.options.shutdown_grace_seconds if grace is None else grace
        deadline = time.monotonic() + seconds
        self._stopping.set()
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller
        if self._services is not None:
            await self._services.set_serving(False)
        closing = []
        if self._rest is not None:
            self._connections.close()
            closing.append(self._stop_rest(deadline))
        if self._grpc is not None:
            closing.append(self._grpc.stop(seconds))
        await asyncio.gather(*closing)
        deadline = max(deadline, time.monotonic() + _CLOSING_SECONDS)
        await asyncio.to_thread(self._logs.close, deadline)
        ended = await asyncio.to_thread(self._pools.close, deadline)
        return await asyncio.to_thread(self.manager.stop, deadline) and ended

    async def _stop_rest(self, deadline: float) -> None:
        """Waits for REST requests until `deadline`, then closes their connections."""
        assert self._rest is not None
        await self._connections.drained(deadline)
        self._connections.drop_all()
        await self._rest.cleanup()


def _modified(file: str) -> int | None:
    """Returns a file's modification time in nanoseconds, or None if it is missing."""
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return None


def _check_options(options: Options) -> None:
    """Refuses the combinations of options that server.cc refuses.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    if options.batching_parameters_file and not options.enable_batching:
        raise invalid_argument(
            "server_options.batching_parameters_file is set without setting "
            "server_options.enable_batching to true."
        )
    parallelism = (
        options.tensorflow_session_parallelism,
        options.tensorflow_intra_op_parallelism,
        options.tensorflow_inter_op_parallelism,
    )
    if all(number > 0 for number in parallelism):
        raise invalid_argument(
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, "
            "server_options.tensorflow_inter_op_parallelism) separately. You cannot "
            "configure all."
        )


def _model_config(options: Options) -> Any:
    """Returns the `ModelServerConfig` that the flags describe.

    Raises:
        ServingError: INVALID_ARGUMENT; the flags name no model, or the file is invalid.
    """
    config = model_server_config_pb2.ModelServerConfig()
    if options.model_config_file:
        configs.read_text_proto(options.model_config_file, config)
    elif options.model_base_path:
        config.model_config_list.config.add(
            name=options.model_name,
            base_path=options.model_base_path,
            model_platform="tensorflow",
        )
    else:
        raise invalid_argument(
            "Both server_options.model_base_path and server_options.model_config_file "
            "are empty!"
        )
    return config


def _credentials(options: Options) -> grpc.ServerCredentials | None:
    if not options.ssl_config_file:
        return None
    tls = configs.read_tls_config(options.ssl_config_file)
    return grpc.ssl_server_credentials(
        [(tls.server_key, tls.server_cert)],
        root_certificates=tls.custom_ca,
        require_client_auth=tls.client_verify,
    )
