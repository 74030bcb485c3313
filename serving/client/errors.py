"""The client's errors, and the exit code of each."""

import contextlib
import re
from collections.abc import Iterator
from enum import IntEnum

import grpc


class ExitCode(IntEnum):
    """Exit codes of ``python -m serving.client``; they are part of its interface."""

    OK = 0
    SERVER_ERROR = 1
    USAGE = 2
    BAD_INPUT = 3
    UNAVAILABLE = 4
    DEADLINE = 5
    NOT_FOUND = 6
    REJECTED = 7
    NOT_ALLOWED = 8
    INTERRUPTED = 130


_EXIT_CODES = {
    grpc.StatusCode.UNAVAILABLE: ExitCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: ExitCode.DEADLINE,
    grpc.StatusCode.NOT_FOUND: ExitCode.NOT_FOUND,
    grpc.StatusCode.INVALID_ARGUMENT: ExitCode.REJECTED,
    grpc.StatusCode.FAILED_PRECONDITION: ExitCode.REJECTED,
    grpc.StatusCode.OUT_OF_RANGE: ExitCode.REJECTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ExitCode.REJECTED,
    grpc.StatusCode.UNIMPLEMENTED: ExitCode.REJECTED,
    grpc.StatusCode.PERMISSION_DENIED: ExitCode.NOT_ALLOWED,
    grpc.StatusCode.UNAUTHENTICATED: ExitCode.NOT_ALLOWED,
}
_SPACE_AND_CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def one_line(text: str) -> str:
    """Returns `text` on one line, without control characters for the terminal."""
    return _SPACE_AND_CONTROL.sub(" ", text).strip()


class ClientError(Exception):
    """An error for the user: one line, and an exit code."""

    exit_code = ExitCode.SERVER_ERROR

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class InputError(ClientError):
    """A file or an option that cannot be used; nothing was sent."""

    exit_code = ExitCode.BAD_INPUT


class UnexpectedResponse(Exception):
    """The server answered OK with something the client cannot use."""


class ServingError(ClientError):
    """The server refused, failed, or was not reached.

    Attributes:
        code: The gRPC status code.
        details: The server's own words, unchanged.
        address: Address of the server.
        hint: Advice to the user; empty if there is none.
    """

    def __init__(
        self, code: grpc.StatusCode, details: str, address: str, hint: str = ""
    ) -> None:
        super().__init__(f"{address}: {code.name}: {details or 'no details'}{hint}")
        self.code = code
        self.details = details
        self.address = address
        self.hint = hint
        self.exit_code = _EXIT_CODES.get(code, ExitCode.SERVER_ERROR)


@contextlib.contextmanager
def unexpected(address: str) -> Iterator[None]:
    """Turns an UnexpectedResponse of the server at `address` into a ServingError."""
    try:
        yield
    except UnexpectedResponse as error:
        raise ServingError(grpc.StatusCode.INTERNAL, str(error), address) from error
