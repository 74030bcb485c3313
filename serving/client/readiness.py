"""Waiting until a version serves: what the sync and the async client share."""

import time

import grpc

from serving.client.errors import ServingError
from serving.client.results import ModelSpec

WAIT_TIMEOUT = 60.0
"""Seconds `wait` waits unless told otherwise."""

_POLL_SECONDS = 0.25
_ATTEMPT_SECONDS = 5.0
_NOT_YET = {
    grpc.StatusCode.UNAVAILABLE,  # no server yet
    grpc.StatusCode.NOT_FOUND,  # no such version yet
    grpc.StatusCode.DEADLINE_EXCEEDED,  # busy loading
}


class Wait:
    """One wait for `model` to be served, with its deadline.

    Readiness is a GetModelMetadata call that succeeds: unlike GetModelStatus it
    needs an AVAILABLE version, and it resolves labels.
    """

    def __init__(self, model: ModelSpec, timeout: float) -> None:
        self._model = model
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout

    def attempt_timeout(self) -> float:
        """Seconds the next attempt may take."""
        return min(_ATTEMPT_SECONDS, max(0.001, self._deadline - time.monotonic()))

    def pause(self, error: ServingError) -> float:
        """Seconds to sleep after `error`.

        Raises:
            ServingError: `error` itself when waiting cannot help; DEADLINE_EXCEEDED,
                with what the last attempt met, when the time is up.
        """
        not_yet = error.code in _NOT_YET or (
            # An unassigned label is INVALID_ARGUMENT (server_core.cc).
            self._model.label is not None
            and error.code is grpc.StatusCode.INVALID_ARGUMENT
        )
        if not not_yet:
            raise error
        if time.monotonic() + _POLL_SECONDS >= self._deadline:
            raise ServingError(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"{self._model} was not served after {self._timeout:g} s, last met: "
                f"{error.code.name}: {error.details}",
                error.address,
                error.hint,
            ) from error
        return _POLL_SECONDS
