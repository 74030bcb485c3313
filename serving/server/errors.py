"""Defines the errors of requests, with their status in gRPC and HTTP."""

from typing import TypeAlias

import grpc

Code: TypeAlias = grpc.StatusCode
"""The status codes: those of `google.rpc.Code`, which gRPC, TensorFlow and the
`error_code` field of `GetModelStatusResponse` share."""

_BY_NUMBER = {code.value[0]: code for code in Code}

# tensorflow_serving/model_servers/grpc_status_util.cc cuts longer texts:
# they travel in an HTTP/2 header.
MAX_MESSAGE_LENGTH = 1024
_TRUNCATED = "...TRUNCATED"

# tensorflow_serving/model_servers/http_server.cc; every other code is a 500.
_HTTP_STATUS = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.UNAUTHENTICATED: 401,
}


class ServingError(Exception):
    """A request (or a load) that ends with a status other than OK."""

    def __init__(self, code: Code, message: str):
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        """Returns `CODE: message`, as absl::Status prints itself."""
        return f"{self.code.name}: {self.message}"

    @property
    def http_status(self) -> int:
        """The HTTP status that TensorFlow Serving sends for this code."""
        return _HTTP_STATUS.get(self.code, 500)

    @property
    def wire_message(self) -> str:
        """The message, cut to the length that a gRPC trailer carries."""
        if len(self.message) <= MAX_MESSAGE_LENGTH:
            return self.message
        return self.message[:MAX_MESSAGE_LENGTH] + _TRUNCATED


def invalid_argument(message: str) -> ServingError:
    """Returns an error with the most frequent status."""
    return ServingError(Code.INVALID_ARGUMENT, message)


def as_serving_error(error: BaseException) -> ServingError:
    """Turns any exception into an error with a status.

    Args:
        error: a `ServingError` (returned as it is), a `tf.errors.OpError`
            (its own code and message) or anything else (INTERNAL).
    """
    if isinstance(error, ServingError):
        return error
    code = _BY_NUMBER.get(getattr(error, "error_code", None))
    if code is not None:
        return ServingError(code, str(getattr(error, "message", error)))
    return ServingError(Code.INTERNAL, f"{type(error).__name__}: {error}")
