"""The sensor `alerts`: every 30 s it looks for what is new, and delivers what waits, in order.

Its cursor moves only with what was delivered: a tick that dies half-way is repeated as a whole, so that a
message may come twice, and none is lost. A webhook that is down never fails a tick; a database that is down
is itself told; an item that cannot be read is told as that, and the next one is read. The last thing that a healthy
tick does is to ping the heartbeat.
"""

import datetime as dt
import logging
import time
from collections.abc import Mapping

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from minerecon_dagster.alerts import heartbeat, news
from minerecon_dagster.alerts.clearing import Since
from minerecon_dagster.alerts.failures import Look, look, reading
from minerecon_dagster.alerts.redaction import redact
from minerecon_dagster.alerts.runs import Failures, new_failures
from minerecon_dagster.alerts.state import UNREADABLE, FailedRuns, Message, Part, State
from minerecon_dagster.alerts.webhook import Refused, Webhook
from minerecon_dagster.core.answers import is_synthetic
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.defs.resources import ClockResource, WarehouseResource
from minerecon_dagster.settings import Settings

ALERTS = "alerts"
DELIVER_FOR_S = 15.0
"""No delivery begins later in a tick: with the longest one it stays below 30 s, and Dagster ends it at 60 s."""

_log = logging.getLogger(__name__)


def alerts(context: dg.SensorEvaluationContext, warehouse: WarehouseResource, clock: ClockResource) -> dg.SkipReason:
    """Look for what is new, and deliver what waits."""
    settings = Settings.from_environ()
    now = clock.now()
    state, lost = State.read(context.cursor)
    if lost:
        _say(context, logging.ERROR, f"the cursor is not readable: {'; '.join(lost)}; what fails is told anew")
    failures, problem = _look(context, state, lost, warehouse, settings, now)
    said = _deliver(context, state, settings.alert_webhook_url)
    context.update_cursor(state.to_cursor())
    if settings.heartbeat_url is not None:
        why_not = heartbeat.not_healthy(state, all_were_read=failures.are_all, problem=problem, now=now)
        said += f"; no heartbeat: {why_not}" if why_not else _ping(context, settings.heartbeat_url)
    return dg.SkipReason(f"{said}; {state.open_count} failures are told and not cleared")


def _look(
    context: dg.SensorEvaluationContext,
    state: State,
    lost: list[str],
    warehouse: WarehouseResource,
    settings: Settings,
    now: dt.datetime,
) -> tuple[Failures, str | None]:
    """Let everything that is new wait for delivery; the failures that were read, and why the warehouse cannot be."""
    # Runs first: what a run recorded before it failed is in the warehouse then.
    failures = new_failures(context.instance, state, now)
    seen, problem = _read(warehouse, state, failures, now)
    synthetic = seen.is_synthetic if seen is not None else None
    teller = news.Teller(
        now, settings.ui_url, is_synthetic(settings.elexon_base_url) if synthetic is None else synthetic
    )
    evaluated, closed = (seen.evaluated, seen.closed) if seen is not None else ({}, {})
    since = Since(context.instance, state.failed_runs, evaluated, closed)

    def made_good(failed: FailedRuns) -> Mapping[Part, str]:
        try:
            return since.made_good(failed)
        except Exception as error:  # noqa: BLE001 - what became of one failed run is not known: it stays, others go on
            _say(context, logging.ERROR, f"what became of {failed.title} cannot be read: {error!r}")
            return {}

    found: list[Message] = [*news.of_a_lost_memory(lost, teller), *news.of_the_warehouse(state, problem, teller)]
    if seen is not None:
        found += news.of_checks(state, seen, teller)
        found += news.of_restatements(seen, teller)
        state.restatements = seen.restatements
    found += news.of_runs_made_good(state, made_good, teller)
    found += news.of_unreadable_runs(failures.unreadable, teller)
    found += news.of_failed_runs(state, failures.runs, seen.told_by_checks if seen is not None else {}, teller)
    state.add(found)
    return failures, problem


def _read(
    warehouse: WarehouseResource, state: State, failures: Failures, now: dt.datetime
) -> tuple[Look | None, str | None]:
    """What the warehouse says, or why it cannot be asked."""
    try:
        with warehouse.open() as opened, reading(opened.engine) as connection:
            return look(connection, state, failures.runs, now), None
    except (ConfigurationError, SQLAlchemyError) as error:
        return None, str(getattr(error, "orig", None) or error)


def _deliver(context: dg.SensorEvaluationContext, state: State, url: str | None) -> str:
    """Deliver what waits, oldest first, until one cannot be; return what was done, in words."""
    webhook = Webhook(url) if url is not None else None
    began, count = time.monotonic(), 0
    while state.queue and (count == 0 or time.monotonic() - began < DELIVER_FOR_S):
        message = state.queue[0]
        if webhook is None:
            _say(context, logging.ERROR if message.is_bad_news else logging.INFO, message.text)
        elif (refused := _posted(context, webhook, message)) is not None:
            said = f"the webhook at {webhook.host} took no message: {refused.reason}; {len(state.queue)} wait, in order"
            if refused.is_lasting:
                said += ": correct MINERECON_ALERT_WEBHOOK_URL"
            _say(context, logging.ERROR if refused.is_lasting else logging.WARNING, said)
            return f"{count} messages delivered; {said}" if count else said
        del state.queue[0]
        count += 1
    if state.queue:
        return f"{count} messages delivered; {len(state.queue)} wait for the next tick"
    return f"{count} messages delivered" if count else "nothing new"


def _posted(context: dg.SensorEvaluationContext, webhook: Webhook, message: Message) -> Refused | None:
    """Post a message; of one that is refused for what it says, that it is there, so that those behind it come."""
    refused = webhook.post(message.text)
    if refused is None or not refused.is_of_the_message:
        return refused
    stand_in = f"{UNREADABLE}: the webhook refuses a {message.kind} of {message.at} as it is; it is in the daemon's log"
    if webhook.post(stand_in) is not None:
        return refused  # it refuses everything
    _say(context, logging.ERROR, f"refused by the webhook as it is ({refused.reason}): {message.text}")
    return None


def _ping(context: dg.SensorEvaluationContext, url: str) -> str:
    refused = heartbeat.ping(url)
    if refused is None:
        return "; heartbeat sent"
    said = f"the heartbeat at {heartbeat.host(url)} was not taken: {refused.reason}"
    if refused.is_lasting:
        said += ": correct MINERECON_HEARTBEAT_URL"
    _say(context, logging.ERROR if refused.is_lasting else logging.WARNING, said)
    return f"; {said}"


def _say(context: dg.SensorEvaluationContext, level: int, said: str) -> None:
    """Into the tick's log, which the UI shows, and the process's."""
    line = redact(" | ".join(said.splitlines()))
    context.log.log(level, line)
    _log.log(level, "%s", line)
