"""Finds the proxy that gRPC uses for a server, from the environment.

gRPC reads these variables itself (``src/core/handshaker/http_connect/
http_proxy_mapper.cc``). A server on this machine is never reached through a proxy. The
proxy in use is named in the message of a failed call.
"""

import ipaddress
import os
import re
import urllib.parse

_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")
_NO_PROXY = ("no_grpc_proxy", "no_proxy")


def is_loopback(address: str) -> bool:
    """Tells whether a gRPC target is a loopback name or address."""
    host = _host(address)
    if host is None or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_of(address: str) -> str | None:
    """Returns the proxy that gRPC uses for a target, with the variable's name.

    It is shown without its password. Returns None if gRPC connects directly.
    """
    host = _host(address)
    name = next((name for name in _VARIABLES if os.environ.get(name)), None)
    if name is None or host is None or is_loopback(address):
        return None
    excepted = next((os.environ[n] for n in _NO_PROXY if os.environ.get(n)), "")
    if any(_covers(entry.strip().lower(), host) for entry in excepted.split(",")):
        return None
    proxy = urllib.parse.urlsplit(os.environ[name])
    return f"{proxy.netloc.rpartition('@')[2] or os.environ[name]} ({name})"


def _covers(entry: str, host: str) -> bool:
    """Tells whether an entry of no_proxy is a suffix of the host, or its network."""
    if "/" in entry:
        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(
                entry, strict=False
            )
        except ValueError:
            return False
    return bool(entry) and host.endswith(entry)


def _host(address: str) -> str | None:
    """Returns the host of a gRPC target; None for a Unix socket."""
    if re.match(r"unix(-abstract)?:", address):
        return None
    rest = re.sub(r"^(dns:(//[^/]*/)?|ipv4:|ipv6:)", "", address)
    if bracketed := re.match(r"\[([^\]]*)\]", rest):
        return bracketed[1].lower()
    return re.sub(r":\d+$", "", rest).lower()
