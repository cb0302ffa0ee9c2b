"""Which addresses are this machine's own: they are never asked through a proxy."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


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
