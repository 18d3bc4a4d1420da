"""The address of the client: the socket's, or what a trusted number of proxies says."""

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The client's address, normalised; None when it is unknown (a socket file) or nonsense.

    X-Forwarded-For is read only behind TRUSTED_PROXY_COUNT proxies, counted from the right: what a client writes itself stands
    further left and is never believed.
    """
    return address_of(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))


def address_of(peer: str, forwarded_for: str) -> str | None:
    """The same from the connected peer's address and the X-Forwarded-For header."""
    proxies: int = settings.TRUSTED_PROXY_COUNT
    if proxies:
        hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
        if len(hops) >= proxies:
            return _normalise(hops[-proxies])
    return _normalise(peer)


@lru_cache(maxsize=4096)
def _normalise(text: str) -> str | None:
    try:
        # A zone ("fe80::1%eth0") is a word of this host's only, and no column takes it.
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
