"""Hides the output of kfp's client and turns its exceptions into one-line errors."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import requests

from contract import http_failures
from contract.errors import BadInputError
from contract.waiting import SilenceError
from runner.kubeflow.connection import Connection


class AwayError(BadInputError):
    """KFP does not answer at the moment; another request may succeed later."""


@contextlib.contextmanager
def translated(connection: Connection) -> Iterator[None]:
    """Hides kfp's output in the block, and translates its exceptions.

    Raises:
        BadInputError: KFP refused the request or did not answer; the message is one
            line.
    """
    root = logging.getLogger()
    handlers = root.handlers[:]
    # Without any handler, Python would print warnings to standard error.
    root.handlers[:] = [logging.NullHandler()]
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(action="ignore"),
        ):
            # Imported here, because commands without a connection do not need it.
            import kfp_server_api
            import urllib3
            from google.protobuf import json_format

            try:
                yield
            except kfp_server_api.ApiException as error:
                raise _explained(connection, error) from error
            except (urllib3.exceptions.HTTPError, SilenceError) as error:
                why = http_failures.reason(error, connection.host)
                raise AwayError(f"{connection.host}: {why}") from error
            except (json_format.Error, OSError, ValueError) as error:
                line = (str(error).splitlines() or [""])[0]
                raise BadInputError(
                    f"{connection.host}: kfp's client refuses: {line}"
                ) from error
    finally:
        root.handlers[:] = handlers


def reason(answer: requests.Response) -> str:
    """Returns in a few words why a request failed."""
    if answer.status_code == 200:
        return "a web page answers"
    return f"{answer.status_code}: {message(answer.text) or answer.reason}"


def message(body: Any) -> str:
    """Returns the first line of the message in an error of KFP's API."""
    try:
        content = json.loads(body)
        text = content.get("error_message") or content.get("message") or ""
    except (AttributeError, TypeError, ValueError):
        return ""
    return (str(text).splitlines() or [""])[0][:400]


def _explained(connection: Connection, error: Any) -> BadInputError:
    """Returns an error with KFP's own reason from the JSON of an `ApiException`."""
    status = int(error.status or 0)
    told = message(error.body)
    if status == 401 or (status == 403 and not told):
        return BadInputError(connection.refused(status))
    away = status >= 500 or status in (0, 429)
    line = f"{connection.host}: {status}: {told or error.reason}"
    return AwayError(line) if away else BadInputError(line)
