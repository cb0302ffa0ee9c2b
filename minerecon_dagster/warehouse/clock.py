"""Whether this host's clock is the warehouse's: by it is decided which periods are due, and when a day is final."""

from __future__ import annotations

import logging
import time

from sqlalchemy import Connection, text

from minerecon_dagster.core.errors import ConfigurationError

WARN_AFTER_S = 2.0
"""A clock that is off by more is told of: hosts of one network, with a time service, are off by milliseconds."""
REFUSE_AFTER_S = 30.0
"""A clock that is off by more decides nothing: a period is due, and a day final, by the minute."""
_NOW = text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)")
_log = logging.getLogger(__name__)


def skew_s(connection: Connection) -> float:
    """How far this host's clock is ahead of the server's, in seconds; right to half of what the question takes."""
    asked = time.time()
    servers = connection.execute(_NOW).scalar_one()
    return (asked + time.time()) / 2 - float(servers)


def check_clock(connection: Connection) -> None:
    """Warn of a clock that is off, and refuse to work by one that is far off.

    Raises:
        ConfigurationError: it is off by more than `REFUSE_AFTER_S`.
    """
    off_s = skew_s(connection)
    if abs(off_s) <= WARN_AFTER_S:
        return
    said = f"this host's clock is {abs(off_s):.1f} s {'ahead of' if off_s > 0 else 'behind'} the warehouse's"
    if abs(off_s) > REFUSE_AFTER_S:
        raise ConfigurationError(f"{said}: days would be final too early or too late; set it right by a time service")
    _log.warning("%s; a time service sets it right", said)
