"""Asks the servers whether they have a version."""

import socket
import time
from contextlib import suppress
from dataclasses import dataclass, replace

import grpc

from contract import waiting
from contract.errors import BadInputError
from contract.waiting import told
from serving.client.channel import DEFAULT_ADDRESS, Connection, Tls
from serving.client.client import Client
from serving.client.errors import ServingError
from serving.client.results import ModelSpec

PATIENCE_SECONDS = 90.0
"""Seconds until a version must be AVAILABLE: the file is read, the model is loaded
and warmed up."""

SILENCE_SECONDS = waiting.PATIENCE_SECONDS
"""Seconds that a listening server may be silent: one that loads a model answers."""

_SILENT = grpc.StatusCode.DEADLINE_EXCEEDED.name
_POLL_SECONDS = 0.25
_CALL_SECONDS = 5.0


class NotConfirmedError(BadInputError):
    """No server confirms a version; the message says in one line what was found."""


class NoServerError(NotConfirmedError):
    """No server answers at the address."""


@dataclass(frozen=True)
class Servers:
    """All servers behind an address, such as a headless Service's on Kubernetes.

    A server that does not answer is ignored, as it opens its port only when its models
    are loaded.

    Attributes:
        address: gRPC address `HOST:PORT`; each IP address of the name is asked.
        tls: None for plaintext.
        patience: Longest time to wait for them, in seconds.
    """

    address: str = DEFAULT_ADDRESS
    tls: Tls | None = None
    patience: float = PATIENCE_SECONDS

    def await_version(self, model: str, version: int, label: str | None = None) -> None:
        """Waits until every answering server has a version, or a label, AVAILABLE.

        Raises:
            NoServerError: No server answers.
            NotConfirmedError: A server failed to load it, the time is up, or a listener
                has not answered for `SILENCE_SECONDS`.
        """
        spec = ModelSpec(model, None, label) if label else ModelSpec(model, version)
        called = f"{model} version {version}" + (f" as {label}" if label else "")
        heard = time.monotonic()
        deadline = heard + self.patience
        with told(f"waiting until {self.address} has {called} AVAILABLE"):
            while True:
                found = [self._look(address, spec, version) for address in self._all()]
                answers = [one for one in found if isinstance(one, str)]
                if not answers:
                    unreached = [e for e in found if isinstance(e, ServingError)]
                    why = _why(unreached) if found else " (no machine has that name)"
                    raise NoServerError(
                        f"{called}: no server answers at {self.address}{why}: "
                        "give the right address with --server, or the setting "
                        "push.server"
                    )
                if not any(answers):
                    return
                problem = next(filter(None, answers))
                if any(_SILENT not in answer for answer in answers):
                    heard = time.monotonic()
                if time.monotonic() > heard + SILENCE_SECONDS:
                    raise NotConfirmedError(
                        f"{called}: no answer from {self.address} for "
                        f"{SILENCE_SECONDS:g} s: is it the gRPC port? Give the right "
                        "address with --server, or the setting push.server"
                    )
                if time.monotonic() > deadline:
                    raise NotConfirmedError(
                        f"{called} is not AVAILABLE at {self.address} after "
                        f"{self.patience:g} s: {problem}"
                    )
                time.sleep(_POLL_SECONDS)

    def _all(self) -> list[str]:
        """Returns each IP address of the name; empty if it has none."""
        host, _, port = Connection(self.address).address.rpartition(":")
        if not host or self.address.startswith("unix:"):
            return [self.address]
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except OSError:
            return []
        hosts = dict.fromkeys(str(place[4][0]) for place in found)
        return [f"[{one}]:{port}" if ":" in one else f"{one}:{port}" for one in hosts]

    def _look(self, address: str, spec: ModelSpec, version: int) -> str | ServingError:
        """Returns why a server does not have the version; empty if it has.

        If no server answers, returns the error instead.

        Raises:
            NotConfirmedError: The server gave up loading the version.
        """
        tls = self.tls
        if tls is not None and tls.server_name is None:
            host = self.address.rpartition(":")[0]
            tls = replace(tls, server_name=host.strip("[]") or None)
        connection = Connection(address, tls, timeout=_CALL_SECONDS, retries=0)
        with Client(connection, spec) as client:
            try:
                found = client.metadata().version
            except ServingError as error:
                if error.code is grpc.StatusCode.UNAVAILABLE:
                    return error
                self._check_loading(connection, spec.name, version)
                return f"{error.code.name}: {error.details}"
        return "" if found == version else f"version {found} answers"

    def _check_loading(self, connection: Connection, model: str, version: int) -> None:
        with (
            Client(connection, ModelSpec(model, version)) as client,
            suppress(ServingError),
        ):
            for state in client.status():
                if state.state == "END" and state.error_code != "OK":
                    raise NotConfirmedError(
                        f"{model} version {version}: {self.address} could not load it: "
                        f"{state.error_message}"
                    )


def _why(unreached: list[ServingError]) -> str:
    """Returns the errors if they tell more than that no server listens there."""
    telling = [one for one in unreached if "Connection refused" not in one.details]
    return f" ({telling[0]})" if telling else ""
