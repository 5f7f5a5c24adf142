"""Who may look: names that lead to this machine, and where others may reach it, those who have the token."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from dataclasses import dataclass

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
ANY = ("0.0.0.0", "::", "")


@dataclass(frozen=True)
class Guard:
    """What a request must have: a `Host` that is ours, and the `token` where there is one.

    A page of another site that has its own name lead to this address (DNS rebinding) sends that name as `Host`, and is
    refused. On every address (0.0.0.0) numbers and the names of this machine are ours.
    """

    host: str
    token: str | None = None

    def knows_host(self, told: str) -> bool:
        """Whether this `Host` header names us."""
        name = _without_port(told).lower().rstrip(".")
        if name in LOOPBACK_NAMES or name == self.host.lower():
            return True
        return self.host in ANY and (_is_number(name) or name in _own_names())

    def lets_in(self, token: str | None) -> bool:
        """Whether this token, or none, is enough."""
        return self.token is None or (token is not None and hmac.compare_digest(token.encode(), self.token.encode()))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    return host in LOOPBACK_NAMES or (_is_number(host) and ipaddress.ip_address(host).is_loopback)


def _without_port(told: str) -> str:
    """The name of a `Host` header.

    >>> _without_port("localhost:80"), _without_port("[::1]:80"), _without_port("[::1]")
    ('localhost', '::1', '::1')
    """
    if told.startswith("["):
        return told[1:].partition("]")[0]
    return told.rpartition(":")[0] if told.count(":") == 1 else told


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _own_names() -> tuple[str, ...]:
    return socket.gethostname().lower(), socket.getfqdn().lower()
