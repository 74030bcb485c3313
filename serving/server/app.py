"""The server as a whole: start, serve, drain.

The order is that of tensorflow_model_server: ports open only after every model
has a version available, so that an open port means a server that answers.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import logging
import threading
from typing import Any

import grpc
from aiohttp import web
from tensorflow_serving.config import model_server_config_pb2

from serving.server import configs, session, warmup
from serving.server.batching import Scheduler
from serving.server.configs import BatchingParameters
from serving.server.errors import Code, ServingError, invalid_argument
from serving.server.flags import Options
from serving.server.grpc_services import GrpcServices
from serving.server.manager import ModelManager
from serving.server.metrics import Metrics
from serving.server.rest import RestApi
from serving.server.servable import Servable, timed_load
from serving.server.service import PredictionService

_log = logging.getLogger(__name__)


class ModelServer:
    """One server of models. Its coroutines belong to one event loop.

    Attributes:
        options: what it was told.
        manager: its models.
        metrics: what it counts.
    """

    def __init__(self, options: Options):
        """Read the configuration files; nothing is loaded or opened yet.

        Raises:
            ServingError: a flag's value or a file is wrong.
        """
        self.options = options
        self.metrics = Metrics()
        self._config = _model_config(options)
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
        self.manager = ModelManager(options, self._load)
        self._scheduler = Scheduler(
            configs.read_batching_parameters(options.batching_parameters_file)
            if options.enable_batching
            else BatchingParameters(),
            share=options.enable_batching or options.enable_greedy_batching,
            strict=options.enable_batching,
            observe=self.metrics.record_batch,
        )
        self._service = PredictionService(
            self.manager, self._scheduler, options, self.metrics
        )
        self._grpc: grpc.aio.Server | None = None
        self._services: GrpcServices | None = None
        self._rest: web.AppRunner | None = None
        self._poller: asyncio.Task[None] | None = None
        self._stopping = threading.Event()

    # --- start ---------------------------------------------------------------

    async def start(self) -> None:
        """Load the models, then open the ports.

        Waits for as long as a model has no version yet.

        Raises:
            ServingError: a model does not load, or a port cannot be had.
        """
        # What is imported by now stays; later collections need not look at it.
        gc.collect()
        gc.freeze()
        self.manager.start()
        await self._in_thread(self.manager.reload, self._config, self._stopping.is_set)
        await self._open_grpc()
        await self._open_rest()
        if self._services is not None:
            await self._services.set_serving(True)
        if (
            self.options.model_config_file
            and self.options.model_config_file_poll_wait_seconds > 0
        ):
            self._poller = asyncio.create_task(self._poll_config())

    async def _in_thread(self, function: Any, *arguments: Any) -> None:
        """Run a blocking call on a thread of its own."""
        loop = asyncio.get_running_loop()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            await loop.run_in_executor(pool, function, *arguments)

    async def _open_grpc(self) -> None:
        options = self.options
        if not options.port and not options.grpc_socket_path:
            return
        server = grpc.aio.server(
            options=[
                # gRPC lets two servers share a port by default; then each gets
                # half of the requests.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", options.max_message_bytes),
                ("grpc.max_send_message_length", -1),
                *self._channel_arguments,
            ],
            maximum_concurrent_rpcs=options.max_concurrent_rpcs,
        )
        self._services = GrpcServices(self._service)
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
        runner = web.AppRunner(
            RestApi(self._service, self._metrics_path).application(),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=options.shutdown_grace_seconds,
        )
        await runner.setup()
        host = options.bind_address.strip("[]")
        site = web.TCPSite(
            runner, host, options.rest_api_port, reuse_address=True, reuse_port=False
        )
        try:
            await site.start()
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
        """Read the model config file again and again; a bad one changes nothing."""
        while True:
            await asyncio.sleep(self.options.model_config_file_poll_wait_seconds)
            try:
                config = _model_config(self.options)
                if config != self._config:
                    await self._in_thread(
                        self.manager.reload, config, self._stopping.is_set
                    )
                    self._config = config
                    _log.info("Reloaded %s", self.options.model_config_file)
            except ServingError as error:
                _log.error("Model config file not applied: %s", error)

    def _load(self, name: str, version: int, path: str) -> Servable:
        """Load and warm a version (on a loading thread)."""
        try:
            servable, seconds = timed_load(
                name, version, path, self.options, self._session_config
            )
        except BaseException:
            self.metrics.load_attempts.add((path, "fail"))
            raise
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
        """Give up waiting for models; `start` then raises CANCELLED."""
        self._stopping.set()

    async def stop(self, grace: float | None = None) -> None:
        """Turn health to NOT_SERVING, finish what runs, close everything.

        Args:
            grace: longest wait for running gRPC calls in seconds; the flag's by
                default.
        """
        seconds = self.options.shutdown_grace_seconds if grace is None else grace
        self._stopping.set()
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller
        if self._services is not None:
            await self._services.set_serving(False)
        closing = []
        if self._rest is not None:
            closing.append(self._rest.cleanup())
        if self._grpc is not None:
            closing.append(self._grpc.stop(seconds))
        await asyncio.gather(*closing)
        await self._in_thread(self._scheduler.close)
        await self._in_thread(self.manager.stop)


def _model_config(options: Options) -> Any:
    """Return the `ModelServerConfig` the flags ask for.

    Raises:
        ServingError: INVALID_ARGUMENT; there is none, or it is wrong.
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
    """Return the TLS credentials of the gRPC port, None for plain text."""
    if not options.ssl_config_file:
        return None
    tls = configs.read_tls_config(options.ssl_config_file)
    return grpc.ssl_server_credentials(
        [(tls.server_key, tls.server_cert)],
        root_certificates=tls.custom_ca,
        require_client_auth=tls.client_verify,
    )
