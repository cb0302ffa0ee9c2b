"""Addresses: which are this machine's own, never asked through a proxy; and how PostgreSQL is spoken to.

Its death is noticed, on either side, and its texts are UTF-8.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit


def is_this_machine(host: str) -> bool:
    """Whether a name or an address is the machine's own, whatever a name server says."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".").split(".")[-1] == "localhost"


def aws_proxies(*endpoints: str | None) -> dict[str, str] | None:
    """What botocore is told of proxies: none for an endpoint on this machine; None: those of the environment.

    Args:
        endpoints: the first that is given counts.
    """
    given = next(filter(None, endpoints), "")
    try:
        return {} if is_this_machine(urlsplit(given).hostname or "") else None
    except ValueError:
        return None  # no URL: boto3 says so


SESSION_ENDS_WITHIN = {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}
"""Settings of a session, in seconds but the last, by which PostgreSQL ends it a minute after its host has died.

By default Linux takes two hours and eleven minutes, in which the session keeps its locks.
"""
LONGEST_UNSAID_MS = 60_000
"""How long what was sent may be without an answer of the other machine, whichever of the two sent it."""
_CLIENT: Mapping[str, int | str] = {
    "connect_timeout": 10,
    "keepalives_idle": SESSION_ENDS_WITHIN["tcp_keepalives_idle"],
    "keepalives_interval": SESSION_ENDS_WITHIN["tcp_keepalives_interval"],
    "keepalives_count": SESSION_ENDS_WITHIN["tcp_keepalives_count"],
    "tcp_user_timeout": LONGEST_UNSAID_MS,
    # Whatever PGCLIENTENCODING says: names and statements have signs that other encodings lack.
    "client_encoding": "utf8",
}


def session_ends() -> list[tuple[str, int]]:
    """The settings by which a session of PostgreSQL ends soon after its client's host has died."""
    return [*SESSION_ENDS_WITHIN.items(), ("tcp_user_timeout", LONGEST_UNSAID_MS)]


def client_parameters(url: str) -> dict[str, int | str]:
    """The parameters by which a client of PostgreSQL notices a dead server and speaks UTF-8.

    But for those that ``url`` sets itself.
    """
    try:
        given = {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    except ValueError:
        given = set()  # no URL: whoever connects says so
    return {name: value for name, value in _CLIENT.items() if name not in given}


def with_client_parameters(url: str) -> str:
    """A PostgreSQL URL that has the parameters of `client_parameters`."""
    lacking = "&".join(f"{name}={value}" for name, value in client_parameters(url).items())
    return f"{url}{'&' if '?' in url else '?'}{lacking}" if lacking else url
