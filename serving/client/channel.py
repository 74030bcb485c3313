"""Opens gRPC channels: address, TLS, deadlines and retries.

Retries are gRPC's own (service config ``retryPolicy``, gRFC A6): only on UNAVAILABLE,
with exponential back-off and jitter, never past the call's deadline, and the same for
the sync and the asyncio channel.
"""

import json
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from contract.special_files import file_only
from contract.threads import startable
from serving.client import proxies
from serving.client.errors import ClientError, InputError, ServingError

GRPC_PORT, REST_PORT = 8500, 8501
"""TensorFlow Serving's default ports."""

DEFAULT_ADDRESS = f"localhost:{GRPC_PORT}"
MAX_RETRIES = 4
"""gRPC caps a call at five attempts."""

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS settings; all paths are paths of PEM files.

    Attributes:
        ca: Certificates to trust; None: those of the system.
        cert: The client's certificate chain, for mutual TLS.
        key: The key of `cert`.
        server_name: The name expected in the server's certificate if it differs from
            the address (through a tunnel or a port-forward).
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """Reads the files.

        Raises:
            InputError: A file cannot be read, or only one of `cert` and `key` is
                given.
        """
        if (self.cert is None) != (self.key is None):
            raise InputError(
                "a client certificate needs its key, and a key its certificate"
            )
        return grpc.ssl_channel_credentials(
            _pem(self.ca), _pem(self.key), _pem(self.cert)
        )


@dataclass(frozen=True, slots=True)
class Connection:
    """The address of a server and the settings of the connection.

    Attributes:
        address: ``host:port``, ``unix:/path`` or any gRPC target; a host without a
            port gets port 8500.
        tls: None for plaintext.
        timeout: The deadline of a call in seconds, including its retries.
        retries: How often a call that failed as UNAVAILABLE is tried again, 0 to 4.
    """

    address: str = DEFAULT_ADDRESS
    tls: Tls | None = None
    timeout: float = 10.0
    retries: int = MAX_RETRIES

    def __post_init__(self) -> None:
        """Checks the address and the numbers.

        Raises:
            ValueError: The address is empty or an HTTP URL, the timeout is not
                positive, or retries is not 0 to 4.
        """
        if url := re.match(r"(?i)https?://([^/?#]*)", self.address):
            host = re.sub(r":\d*$", "", url[1].rpartition("@")[2])
            raise ValueError(
                f"the address must be HOST:PORT of gRPC, got {self.address}: try "
                f"{host or 'localhost'}:{GRPC_PORT} ({REST_PORT} is the port of REST, "
                "which is not spoken here)"
            )
        if not self.address.strip():
            raise ValueError("the address must be HOST:PORT, got nothing")
        port = re.fullmatch(r"(?:[\w.-]+|\[.*\]):([0-9]+)", self.address)
        if port and not 0 < int(port[1]) < 1 << 16:
            raise ValueError(f"a port is 1 to 65535, got {self.address}")
        if re.fullmatch(r"[\w.-]+|\[[0-9A-Fa-f:.%]+\]", self.address):
            # Without a port gRPC would use that of HTTPS.
            object.__setattr__(self, "address", f"{self.address}:{GRPC_PORT}")
        if not self.timeout > 0:
            raise ValueError(f"the timeout must be positive, got {self.timeout}")
        if not 0 <= self.retries <= MAX_RETRIES:
            raise ValueError(f"retries must be 0 to {MAX_RETRIES}, got {self.retries}")

    def options(self) -> list[tuple[str, str | int]]:
        """Returns the channel arguments."""
        options: dict[str, str | int] = {
            "grpc.max_receive_message_length": _MAX_MESSAGE_BYTES,
            "grpc.service_config": self._service_config(),
            "grpc.enable_retries": int(self.retries > 0),
            # Finds a server that has just started within half a second.
            "grpc.initial_reconnect_backoff_ms": 100,
            "grpc.max_reconnect_backoff_ms": 500,
        }
        if proxies.is_loopback(self.address):
            options["grpc.enable_http_proxy"] = 0
        if self.tls is not None and self.tls.server_name:
            options["grpc.ssl_target_name_override"] = self.tls.server_name
        return list(options.items())

    def _service_config(self) -> str:
        if self.retries == 0:
            return "{}"
        policy = {
            "maxAttempts": self.retries + 1,
            "initialBackoff": "0.2s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        return json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": policy}]})

    def open(self) -> grpc.Channel:
        """Opens a sync channel.

        Raises:
            ClientError: The system cannot start gRPC's threads.
        """
        _see_room_for_threads()
        if self.tls is None:
            return grpc.insecure_channel(self.address, self.options())
        return grpc.secure_channel(self.address, self.tls.credentials(), self.options())

    def open_async(self) -> grpc.aio.Channel:
        """Opens an asyncio channel; raises the same errors as `open`."""
        _see_room_for_threads()
        if self.tls is None:
            return grpc.aio.insecure_channel(self.address, self.options())
        return grpc.aio.secure_channel(
            self.address, self.tls.credentials(), self.options()
        )

    def failure(self, error: Any) -> ServingError:
        """Converts an error of gRPC, sync or asyncio, and adds advice to the user."""
        code, details, hint = error.code(), error.details() or "", ""
        if code is grpc.StatusCode.DEADLINE_EXCEEDED and (
            _is_answered(self.address) is False
        ):
            # gRPC retries until the deadline, and then drops the reason.
            code, details = grpc.StatusCode.UNAVAILABLE, "Connection refused"
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            hint = (
                " - is the address right, and does every firewall let it through? A "
                "busy server needs a longer --timeout"
            )
        if code is grpc.StatusCode.UNAVAILABLE:
            proxy = proxies.proxy_of(self.address)
            if proxy is not None:
                hint += f" - asked through the proxy {proxy}"
            if "http1" in details or "Failed parsing HTTP/2" in details:
                hint += (
                    f" - HTTP is spoken there, as on the port of REST ({REST_PORT} "
                    f"unless set); this client speaks gRPC ({GRPC_PORT} unless set)"
                )
            elif "CERTIFICATE_VERIFY_FAILED" in details:
                hint += (
                    " - its certificate is not trusted: name the authority's with "
                    "--tls-ca, or the name in it with --tls-server-name"
                )
            elif "Ssl handshake failed" in details:
                hint += " - no TLS is spoken there, or another one"
            elif "Connection refused" in details and _is_answered(self.address):
                # gRPC names only the last address, such as ::1 for localhost.
                hint += (
                    " - what listens at another address of that name speaks no gRPC "
                    f"(the port of gRPC is {GRPC_PORT} unless set)"
                )
            elif "Connection refused" in details and proxy is None:
                hint += " - is a server running? `make serve` starts one"
        return ServingError(code, details, self.address, hint)


def _is_answered(address: str) -> bool | None:
    """Tells whether a process listens at a port of this machine.

    Returns None for another machine, where a connection may take long, and where the
    answer is unknown.
    """
    parts = re.fullmatch(r"(?:dns:)?(localhost|[\d.]+|\[[\w:]+\]):(\d+)", address)
    if parts is None or not proxies.is_loopback(address):
        return None
    try:
        socket.create_connection((parts[1].strip("[]"), int(parts[2])), 0.2).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return None
    return True


def _see_room_for_threads() -> None:
    """Checks that the system can start as many threads as gRPC will.

    If gRPC cannot start a thread, it ignores that (src/core/util/posix/thd.cc), then
    waits forever for that thread when it closes, while it holds Python's GIL.

    Raises:
        ClientError: The system cannot start them.
    """
    # A pool of 4 to 16, by CPU cores; its watcher, a timer and two executors.
    wanted = max(4, min(os.cpu_count() or 1, 16)) + 4
    if (found := startable(wanted)) < wanted:
        raise ClientError(
            f"no room for gRPC's {wanted} threads, only for {found}: give this "
            "process more memory or threads (`ulimit -v`, `ulimit -u`, or a "
            "container's limits)"
        )


def _pem(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        with open(path, "rb", opener=file_only) as stream:
            content = stream.read()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if b"-----BEGIN " not in content:
        raise InputError(f"{path}: expected a PEM file")
    return content
