"""The sensor `alerts_watch`: tells that the sensor `alerts` fails, stands still or is off, and that it is back.

It shares nothing with what it watches but the webhook: it reads the records of ticks and no event, remembers three
words in a cursor of its own, and asks for one setting instead of all, so that a bad one does not silence it too. If
both sensors are dead, the heartbeat stops (`heartbeat`).
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

import dagster as dg
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorTick,
    InstigatorType,
    TickStatus,
)

from minerecon_dagster.alerts.redaction import redact
from minerecon_dagster.alerts.webhook import Webhook
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.defs.alerts import ALERTS
from minerecon_dagster.defs.resources import ClockResource
from minerecon_dagster.settings import alert_webhook_url

ALERTS_WATCH = "alerts_watch"
FAILED_IN_A_ROW = 3
"""So many ticks fail in a row before it is told: a database that restarts fails one or two."""
STANDS_STILL_AFTER = dt.timedelta(minutes=5)
"""Without a tick that ended well for so long, the alerts stand still; they tick every 30 s, and a tick has 60 s."""
_DAEMON_WAS_AWAY_AFTER = dt.timedelta(minutes=3)
"""So long between two looks means that this sensor has not run either: what it watches gets its time again."""
_TICKS = 20
_MOST_OF_AN_ERROR = 400

Trouble = Literal["off", "fails", "stands still"]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Memory:
    """What the watch remembers.

    Args:
        up_since: since when it has looked without a break (UTC, ISO).
        looked_at: when it last looked (UTC, ISO).
        told: the trouble that was told and is not over; None where there is none.
    """

    up_since: str
    looked_at: str
    told: Trouble | None = None

    @classmethod
    def read(cls, cursor: str | None, now: dt.datetime) -> Self:
        """What a cursor holds, brought to ``now``; a new one where it is none or damaged."""
        new = cls(now.isoformat(), now.isoformat())
        try:
            found = cls(**json.loads(cursor)) if cursor else new
            away = now - dt.datetime.fromisoformat(found.looked_at)
            dt.datetime.fromisoformat(found.up_since)
        except (ValueError, TypeError, KeyError):
            return new
        up_since = now.isoformat() if away > _DAEMON_WAS_AWAY_AFTER else found.up_since
        return cls(up_since, now.isoformat(), found.told)


def judge(
    is_off: bool, ticks: Sequence[InstigatorTick], up_since: dt.datetime, now: dt.datetime
) -> tuple[Trouble, str] | None:
    """What is wrong with the sensor `alerts`, in a word and in words; None where nothing is.

    Args:
        is_off: whether somebody has switched it off.
        ticks: its latest ticks, newest first.
        up_since: since when the daemon has been seen to work.
        now: the time of the look.
    """
    if is_off:
        return "off", "it is switched off"
    ended = [tick for tick in ticks if tick.status != TickStatus.STARTED]
    good = next((n for n, tick in enumerate(ended) if tick.status != TickStatus.FAILURE), len(ended))
    if good >= FAILED_IN_A_ROW:
        error = ended[0].tick_data.error
        said = " ".join(str(_root(error)).split()) if error is not None else "no error is on record"
        return "fails", f"its last {good} ticks failed, the latest with: {_clipped(redact(said))}"
    last = dt.datetime.fromtimestamp(ended[good].timestamp, dt.UTC) if good < len(ended) else None
    if now - max(filter(None, (last, up_since))) > STANDS_STILL_AFTER:
        since = f"since {last:%Y-%m-%d %H:%M} UTC" if last is not None else "ever"
        return "stands still", f"no tick of it has ended well {since}"
    return None


def is_back(ticks: Sequence[InstigatorTick], now: dt.datetime) -> bool:
    """Whether a tick has ended well just now: that nothing is wrong yet with a sensor does not say that it works."""
    good = [t.timestamp for t in ticks if t.status in (TickStatus.SKIPPED, TickStatus.SUCCESS)]
    return bool(good) and now.timestamp() - max(good) <= STANDS_STILL_AFTER.total_seconds()


def alerts_watch(context: dg.SensorEvaluationContext, clock: ClockResource) -> dg.SkipReason:
    """Look after the sensor `alerts`."""
    now = clock.now()
    memory = Memory.read(context.cursor, now)
    state = _state_of_alerts(context.instance)
    ticks = [] if state is None else _ticks(context.instance, state, _TICKS)
    is_off = state is not None and state.status == InstigatorStatus.STOPPED
    found = judge(is_off, ticks, dt.datetime.fromisoformat(memory.up_since), now)
    if is_off:
        memory = replace(memory, up_since=memory.looked_at)  # once it is switched on again it gets its time
    trouble = found[0] if found is not None else None
    said = f"`{ALERTS}`: {'nothing is wrong' if found is None else found[1]}"
    if trouble != memory.told and (trouble is not None or is_back(ticks, now)):
        is_delivered, how = _tell(context, _words(found))
        said = f"{said}; {how}"
        if is_delivered:
            memory = replace(memory, told=trouble)
    context.update_cursor(json.dumps(asdict(memory)))
    return dg.SkipReason(said)


def _words(found: tuple[Trouble, str] | None) -> str:
    if found is None:
        return f"CLEARED: the sensor `{ALERTS}` works again; what happened meanwhile is told by itself"
    return (
        f"ALERTS ARE DEAD: the sensor `{ALERTS}`: {found[1]}. Nothing else is told until it works again\n"
        f"Repair: look at `{ALERTS}` under Automation in the UI, and mend what its ticks say, or switch it on"
    )


def _state_of_alerts(instance: dg.DagsterInstance) -> InstigatorState | None:
    """What Dagster keeps of the sensor; of several, from code locations of another name, the one that ticked last."""
    states = [
        state
        for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
        if state.instigator_name == ALERTS
    ]

    def ticked_at(state: InstigatorState) -> float:
        latest = _ticks(instance, state, 1)
        return latest[0].timestamp if latest else 0.0

    return max(states, key=ticked_at, default=None)


def _ticks(instance: dg.DagsterInstance, state: InstigatorState, most: int) -> Sequence[InstigatorTick]:
    return instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=most)


def _tell(context: dg.SensorEvaluationContext, text: str) -> tuple[bool, str]:
    """Post a message, or log it where there is no webhook; whether it is told, and how, in words."""
    is_good_news = text.startswith("CLEARED")
    line = redact(" | ".join(text.splitlines()))
    level = logging.INFO if is_good_news else logging.ERROR
    context.log.log(level, line)
    _log.log(level, "%s", line)
    try:
        url = alert_webhook_url()
    except ConfigurationError as error:
        return False, str(error)
    if url is None:
        return True, "said in the log"
    webhook = Webhook(url)
    refused = webhook.post(redact(text))
    if refused is not None:
        return False, f"the webhook at {webhook.host} took no message: {refused.reason}"
    return True, "told"


def _root(error: Any) -> str:
    while error.cause is not None:
        error = error.cause
    return str(error.message)


def _clipped(text: str) -> str:
    return text if len(text) <= _MOST_OF_AN_ERROR else f"{text[: _MOST_OF_AN_ERROR - 1]}…"
