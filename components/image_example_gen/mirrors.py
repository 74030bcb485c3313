"""Fetching MNIST from its public mirrors, safely."""

import gzip
import hashlib
import os
import time
import zlib
from collections.abc import Callable, Sequence

import requests

from components.image_example_gen.mnist import PAYLOAD_SHA256

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

_CONNECT_SECONDS, _READ_SECONDS = 5, 30
_ATTEMPTS = 3
_LARGEST_DOWNLOAD = 64 << 20

Progress = Callable[[str, int, int], None]
"""Called with (file name, bytes so far, bytes in all or 0)."""


class MirrorsUnreachableError(Exception):
    """No mirror gave a file that is MNIST's; the message says what each did."""


def download(
    folder: str,
    progress: Progress = lambda name, done, total: None,
    mirrors: Sequence[str] = MIRRORS,
    back_off_seconds: float = 1.0,
) -> None:
    """Completes the folder with MNIST's four files, gzipped.

    Files that are there already are kept, so that an interrupted download goes
    on where it was. A file appears under its name only when whole and verified.

    Args:
        folder: Where to put them; made if need be.
        progress: Called as bytes arrive.
        mirrors: Base addresses, tried in turn for each file.
        back_off_seconds: Wait before the second attempt at a mirror, doubled
            before the third.

    Raises:
        MirrorsUnreachableError: One of the files came from no mirror.
    """
    os.makedirs(folder, exist_ok=True)
    for name, sha256 in PAYLOAD_SHA256.items():
        target = os.path.join(folder, name + ".gz")
        if os.path.exists(target) or os.path.exists(os.path.join(folder, name)):
            continue
        failures = []
        for mirror in mirrors:
            try:
                body = _fetch(mirror + name + ".gz", name, progress, back_off_seconds)
                _verify(body, sha256)
            except (requests.RequestException, ValueError) as error:
                failures.append(f"{mirror}: {_reason(error)}")
                continue
            beside = f"{target}.tmp-{os.getpid()}"
            with open(beside, "wb") as stream:
                stream.write(body)
            os.rename(beside, target)
            break
        else:
            raise MirrorsUnreachableError(f"{name}: " + "; ".join(failures))


def _fetch(url: str, name: str, progress: Progress, back_off_seconds: float) -> bytes:
    """Returns the body; retries what may pass (connection, time-out, 5xx)."""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(back_off_seconds * 2 ** (attempt - 1))
        try:
            with requests.get(
                url, stream=True, timeout=(_CONNECT_SECONDS, _READ_SECONDS)
            ) as response:
                response.raise_for_status()
                total = int(response.headers.get("Content-Length", 0))
                body = bytearray()
                for chunk in response.iter_content(1 << 16):
                    body += chunk
                    progress(name, len(body), total)
                    if len(body) > _LARGEST_DOWNLOAD:
                        raise ValueError(f"more than {_LARGEST_DOWNLOAD:,} bytes")
                return bytes(body)
        except requests.HTTPError as error:
            if _status(error) < 500 or attempt == _ATTEMPTS - 1:
                raise
        except requests.RequestException:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def _status(error: requests.HTTPError) -> int:
    return 0 if error.response is None else error.response.status_code


def _verify(body: bytes, sha256: str) -> None:
    try:
        payload = gzip.decompress(body)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"not a whole gzip file ({error})") from error
    found = hashlib.sha256(payload).hexdigest()
    if found != sha256:
        raise ValueError(f"SHA-256 expected {sha256[:12]}..., found {found[:12]}...")


def _reason(error: Exception) -> str:
    """Returns the error in few words; requests nests several in one message."""
    if isinstance(error, requests.HTTPError):
        return f"HTTP {_status(error)}"
    if isinstance(error, requests.Timeout):
        return "timed out"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return str(error)
