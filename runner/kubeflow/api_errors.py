"""What kfp prints, logs, warns of and raises, as silence and one-line errors."""

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
    """Nothing answers for now; it may be worth asking again."""


@contextlib.contextmanager
def translated(connection: Connection) -> Iterator[None]:
    """Keeps kfp's noise off the screen in the block, and explains its exceptions.

    Raises:
        BadInputError: KFP refused, or did not answer; one line.
    """
    root = logging.getLogger()
    handlers = root.handlers[:]
    # Without any handler Python would print warnings to standard error.
    root.handlers[:] = [logging.NullHandler()]
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(action="ignore"),
        ):
            # Imported here: the commands that talk to nobody need none of it.
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
    """Returns why a request was not answered, in a few words."""
    if answer.status_code == 200:
        return "a web page answers"
    return f"{answer.status_code}: {_message(answer.text) or answer.reason}"


def _explained(connection: Connection, error: Any) -> BadInputError:
    """Returns KFP's own reason, out of the JSON in an `ApiException`."""
    status = int(error.status or 0)
    message = _message(error.body)
    if status == 401 or (status == 403 and not message):
        return BadInputError(connection.refused(status))
    away = status >= 500 or status in (0, 429)
    line = f"{connection.host}: {status}: {message or error.reason}"
    return AwayError(line) if away else BadInputError(line)


def _message(body: Any) -> str:
    """Returns the first line of the message in an error of KFP's API."""
    try:
        content = json.loads(body)
        text = content.get("error_message") or content.get("message") or ""
    except (AttributeError, TypeError, ValueError):
        return ""
    return (str(text).splitlines() or [""])[0][:400]
