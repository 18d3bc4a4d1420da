"""Which addresses may be reached: public unicast only, whatever notation they come in."""

import ipaddress
import socket

from django.conf import settings

from core.outgoing.exceptions import AddressRefused, OutgoingFailed

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is public unicast, also inside IPv4-mapped, 6to4, Teredo and NAT64 forms."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified


def is_literal(host: str) -> bool:
    """Whether a host is an IP address and no name."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def resolve(host: str, port: int, *, trusted: bool = False) -> str:
    """The address to connect to. Raises AddressRefused when any answer is not public, OutgoingFailed when there is none.

    Every answer must be public, unless the host is `trusted`: a mixed answer is how rebinding begins.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise OutgoingFailed("The host name could not be resolved.", unsent=True) from error
    addresses = list(dict.fromkeys(str(answer[4][0]).partition("%")[0] for answer in answers))
    if not addresses:
        raise OutgoingFailed("The host name has no address.", unsent=True)
    trusted = trusted or f"{host}:{port}" in settings.OUTGOING_ALLOWED_PRIVATE
    if not trusted and not all(is_public(ipaddress.ip_address(address)) for address in addresses):
        raise AddressRefused("The host does not have a public address.")
    return addresses[0]
