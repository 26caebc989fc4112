"""Who can reach an address that the service listens on."""

import socket
from ipaddress import ip_address

from app.errors import ConfigurationError


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it. Raises ConfigurationError for a name that has no address."""
    try:
        # A name may have several addresses, and one that can be reached is enough; no host means all of them.
        found = {entry[4][0] for entry in socket.getaddrinfo(host or "0.0.0.0", None)}  # noqa: S104 - never listened on here
    except OSError:
        raise ConfigurationError(f"There is no such address to listen on: {host}") from None
    return all(ip_address(str(address).partition("%")[0]).is_loopback for address in found)
