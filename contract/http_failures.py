"""Explains failed HTTP requests, from the exceptions of four libraries."""

import re
from urllib.parse import urlsplit

import requests

from contract.waiting import SilenceError


def reason(error: Exception, url: str) -> str:
    """Returns the cause of the failure in a few words."""
    text, deepest = str(error), _deepest(error)
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.TooManyRedirects):
        return "it redirects without end"
    if isinstance(error, requests.exceptions.SSLError):
        if "CERTIFICATE_VERIFY_FAILED" not in text:
            return "no TLS there"
        found = re.search(r"certificate verify failed: ([^()]+?)(?: \(|$)", text)
        detail = found[1].strip() if found else "verification failed"
        return f"its certificate is not trusted: {detail}"
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy does not pass it on: {deepest}"
    if isinstance(error, requests.Timeout | SilenceError):
        return "no answer in time"
    if "NameResolutionError" in text or "Failed to resolve" in text:
        return f"no machine has the name {urlsplit(url).hostname}"
    if "refused" in text:
        return "nothing listens there (connection refused)"
    if "BadStatusLine" in text:
        return "what listens there does not speak HTTP"
    return deepest


def proxy_of(url: str) -> str:
    """Returns the proxy that the environment names for an address, or "".

    User name and password are removed from it.
    """
    found = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    return re.sub("//[^/]*@", "//", found) if found else ""


def _deepest(error: BaseException) -> str:
    """Returns the message of the innermost exception of a chain, as one line."""
    while error.__context__ is not None:
        error = error.__context__
    # The innermost one comes from Python, urllib3 or OpenSSL.
    text = getattr(error, "strerror", None) or str(error)
    return (text.splitlines() or [type(error).__name__])[0][:200]
