"""The heartbeat: a ping at the end of each healthy tick of the alerts, and what keeps a tick from being one.

An alarm cannot tell that it is dead. Somebody else has to miss it: a dead man's switch, outside of this machine, that
tells when `MINERECON_HEARTBEAT_URL` was not asked for some minutes.
"""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

from minerecon_dagster.alerts.state import UNREADABLE, State
from minerecon_dagster.alerts.webhook import Refused, ask

MOST_UNDELIVERED = dt.timedelta(hours=1)
"""A message that waits for longer is not told: the webhook is dead, and nobody knows."""
_TIMEOUTS_S = (3.0, 4.0)
_LONGEST_S = 5.0


def not_healthy(state: State, *, all_were_read: bool, problem: str | None, now: dt.datetime) -> str | None:
    """Why a tick that came to its end is not healthy all the same; None if it is.

    Args:
        state: as the tick leaves it.
        all_were_read: whether it read every new event.
        problem: why the warehouse cannot be read; None where it can.
        now: the time of the tick.
    """
    if problem is not None:
        return "the warehouse cannot be read"
    if not all_were_read:
        return "there are failed runs that it has not read yet"
    if any(UNREADABLE in (message.kind, *message.stands_for) for message in state.queue):
        return "something that it could not read is not told yet"
    since = state.waiting_since
    if state.queue and (since is None or now - since > MOST_UNDELIVERED):
        return f"a message has waited for over {MOST_UNDELIVERED.total_seconds() / 3600:g} h"
    return None


def ping(url: str) -> Refused | None:
    """Ask for the URL; why it was not answered with a 2xx, which is never raised."""
    return ask("GET", url, timeouts_s=_TIMEOUTS_S, longest_s=_LONGEST_S)


def host(url: str) -> str:
    """What may be said of the URL."""
    return urlsplit(url).hostname or "?"
