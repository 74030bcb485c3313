"""The wait until a version is served, for the sync and the asyncio client."""

import time

import grpc

from serving.client.errors import ServingError
from serving.client.results import ModelSpec

WAIT_TIMEOUT = 60.0
"""Default of `wait`, in seconds."""

_POLL_SECONDS = 0.25
_ATTEMPT_SECONDS = 5.0
_NOT_YET = {
    grpc.StatusCode.UNAVAILABLE,  # no server yet
    grpc.StatusCode.NOT_FOUND,  # no such version yet
    grpc.StatusCode.DEADLINE_EXCEEDED,  # the server is busy with loading
}


class Wait:
    """A wait until `model` is served, with a deadline.

    Readiness is a GetModelMetadata call that succeeds: unlike GetModelStatus it
    needs an AVAILABLE version, and it resolves labels.
    """

    def __init__(self, model: ModelSpec, timeout: float) -> None:
        self._model = model
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._last: ServingError | None = None

    def attempt_timeout(self) -> float:
        """Returns the seconds that the next attempt may take."""
        return min(_ATTEMPT_SECONDS, max(0.001, self._deadline - time.monotonic()))

    def pause(self, error: ServingError) -> float:
        """Returns the seconds to sleep after `error`.

        Raises:
            ServingError: `error` itself if waiting cannot help; DEADLINE_EXCEEDED with
                the last error's message when the time is up.
        """
        not_yet = error.code in _NOT_YET or (
            # An unassigned label is INVALID_ARGUMENT (server_core.cc).
            self._model.label is not None
            and error.code is grpc.StatusCode.INVALID_ARGUMENT
        )
        if not not_yet:
            raise error
        # An attempt that the end of the wait cut off tells less than the one before it.
        left = self._deadline - time.monotonic()
        if self._last and left <= 0 and error.code is grpc.StatusCode.DEADLINE_EXCEEDED:
            error = self._last
        self._last = error
        if time.monotonic() + _POLL_SECONDS >= self._deadline:
            raise ServingError(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"{self._model} was not served after {self._timeout:g} s, last error: "
                f"{error.code.name}: {error.details}",
                error.address,
                error.hint,
            ) from error
        return _POLL_SECONDS
