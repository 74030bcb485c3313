"""Downloads MNIST from its public mirrors and verifies it."""

import gzip
import hashlib
import os
import time
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import urlsplit

import requests

from components.image_example_gen.mnist import PAYLOAD_SHA256
from contract import http_failures
from contract.waiting import PATIENCE_SECONDS, awaited

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

_CONNECT_SECONDS = 5
_ATTEMPTS = 3
_LARGEST_DOWNLOAD = 64 << 20
_CHUNK = 1 << 14
"""Bytes that have to arrive within the patience: a very slow mirror cannot block a
run."""

Progress = Callable[[str, int, int], None]
"""Called with (file and mirror, bytes so far, total bytes or 0); first with zeros."""


class MirrorsUnreachableError(Exception):
    """No mirror delivered a valid file; the message has each mirror's reason."""


def download(
    folder: str,
    progress: Progress = lambda name, done, total: None,
    mirrors: Sequence[str] = MIRRORS,
    back_off_seconds: float = 1.0,
    patience_seconds: float = PATIENCE_SECONDS,
) -> None:
    """Downloads those of MNIST's four gzipped files that the folder does not have.

    Existing files are kept, so an interrupted download continues with the missing
    ones. A file gets its name only when it is complete and verified.

    Args:
        folder: Target folder; it is created if missing.
        progress: Called as bytes arrive.
        mirrors: Base addresses. The mirror that delivered the last file is asked first
            for the next.
        back_off_seconds: Wait before the second attempt at a mirror; it is doubled
            before the third.
        patience_seconds: Maximum time in which all mirrors together deliver nothing.

    Raises:
        MirrorsUnreachableError: No mirror delivered one of the files.
    """
    os.makedirs(folder, exist_ok=True)
    best: str | None = None
    for name, sha256 in PAYLOAD_SHA256.items():
        target = os.path.join(folder, name + ".gz")
        if os.path.exists(target) or os.path.exists(os.path.join(folder, name)):
            continue
        failures: dict[str, list[str]] = {}
        for mirror in sorted(mirrors, key=lambda mirror: mirror != best):
            url = mirror + name + ".gz"
            host = urlsplit(mirror).netloc
            tell = partial(progress, f"{name} from {host}")
            tell(0, 0)
            try:
                body = awaited(
                    partial(_fetch, url, tell, back_off_seconds),
                    patience_seconds / len(mirrors),
                )
                _verify(body, sha256)
            # Exceptions of requests are OSErrors, as is a wrong REQUESTS_CA_BUNDLE.
            except (OSError, ValueError) as error:
                failures.setdefault(_reason(error, url), []).append(host)
                continue
            best = mirror
            beside = f"{target}.tmp-{os.getpid()}"
            with open(beside, "wb") as stream:
                stream.write(body)
            os.rename(beside, target)
            break
        else:
            told = (f"{' and '.join(who)}: {why}" for why, who in failures.items())
            raise MirrorsUnreachableError(f"{name} from " + "; ".join(told))


def _fetch(
    url: str,
    tell: Callable[[int, int], None],
    back_off_seconds: float,
    heard: Callable[[], None],
) -> bytes:
    """Returns the body; retries temporary failures (broken connection, 5xx)."""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(back_off_seconds * 2 ** (attempt - 1))
        try:
            with requests.get(
                url, stream=True, timeout=(_CONNECT_SECONDS, PATIENCE_SECONDS)
            ) as response:
                response.raise_for_status()
                total = int(response.headers.get("Content-Length", 0))
                body = bytearray()
                for chunk in response.iter_content(_CHUNK):
                    heard()
                    body += chunk
                    tell(len(body), total)
                    if len(body) > _LARGEST_DOWNLOAD:
                        raise ValueError(f"more than {_LARGEST_DOWNLOAD:,} bytes")
                return bytes(body)
        except (requests.Timeout, requests.exceptions.SSLError):
            raise
        except requests.HTTPError as error:
            lasts = error.response is not None and error.response.status_code < 500
            if lasts or attempt == _ATTEMPTS - 1:
                raise
        except requests.RequestException:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def _verify(body: bytes, sha256: str) -> None:
    try:
        payload = gzip.decompress(body)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"not a whole gzip file ({error})") from error
    found = hashlib.sha256(payload).hexdigest()
    if found != sha256:
        raise ValueError(f"SHA-256 expected {sha256[:12]}..., found {found[:12]}...")


def _reason(error: Exception, url: str) -> str:
    known = isinstance(error, OSError)
    why = http_failures.reason(error, url) if known else str(error)
    if isinstance(error, requests.exceptions.SSLError):
        why += " (the file in REQUESTS_CA_BUNDLE says which are)"
    proxy = http_failures.proxy_of(url)
    return f"{why}, through the proxy {proxy}" if proxy else why
