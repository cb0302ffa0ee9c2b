"""The sensor `alerts`: every 30 s it looks for what is new, and delivers what waits, in order.

Its cursor moves only with what was delivered: a tick that dies half-way is repeated as a whole, so that a
message may come twice, and none is lost. A webhook that is down never fails a tick; a database that is down
is itself told.
"""

import datetime as dt
import logging
import time

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from minerecon_dagster.alerts import news
from minerecon_dagster.alerts.failures import Look, look, reading
from minerecon_dagster.alerts.redaction import redact
from minerecon_dagster.alerts.runs import FailedRun, new_failures, was_run_since
from minerecon_dagster.alerts.state import Message, State
from minerecon_dagster.alerts.webhook import Webhook
from minerecon_dagster.core.answers import is_synthetic
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.resources.dagster_resources import ClockResource, WarehouseResource
from minerecon_dagster.settings import Settings

ALERTS = "alerts"
DELIVER_FOR_S = 15.0
"""No delivery begins later in a tick: with the longest one it stays below 30 s, and Dagster ends it at 60 s."""

_log = logging.getLogger(__name__)


def build_alerts() -> dg.SensorDefinition:
    """The sensor."""

    @dg.sensor(
        name=ALERTS,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells once what fails and once that it cleared: checks at ERROR, freshness, runs that failed for "
        "good, restated final days; to MINERECON_ALERT_WEBHOOK_URL, or to the log. Running unless it is switched off.",
    )
    def alerts(
        context: dg.SensorEvaluationContext, warehouse: WarehouseResource, clock: ClockResource
    ) -> dg.SkipReason:
        settings = Settings.from_environ()
        now = clock.now()
        state = _remembered(context)
        _look(context, state, warehouse, settings, now)
        said = _deliver(context, state, settings.alert_webhook_url)
        context.update_cursor(state.to_cursor())
        return dg.SkipReason(f"{said}; {state.open_count} failures are told and not cleared")

    return alerts


def _remembered(context: dg.SensorEvaluationContext) -> State:
    try:
        return State.from_cursor(context.cursor)
    except ValueError as error:
        _say(context, logging.ERROR, f"the cursor is not readable ({error}): what fails is told anew")
        return State()


def _look(
    context: dg.SensorEvaluationContext,
    state: State,
    warehouse: WarehouseResource,
    settings: Settings,
    now: dt.datetime,
) -> None:
    """Let everything that is new wait for delivery."""
    # Runs first: what a run recorded before it failed is in the warehouse then.
    failed = new_failures(context.instance, state, now)
    seen, problem = _read(warehouse, state, failed, now)
    synthetic = seen.is_synthetic if seen is not None else None
    teller = news.Teller(
        now, settings.ui_url, is_synthetic(settings.elexon_base_url) if synthetic is None else synthetic
    )
    found: list[Message] = [*news.of_the_warehouse(state, problem, teller)]
    if seen is not None:
        found += news.of_checks(state, seen, teller)
        found += news.of_restatements(seen, teller)
        state.restatements = seen.restatements
    looked_at, told = (seen.looked_at_since, seen.told_by_checks) if seen is not None else ((), {})
    found += news.of_runs_made_good(state, looked_at, lambda run: was_run_since(context.instance, run), teller)
    found += news.of_failed_runs(state, failed, told, teller)
    state.add(found)


def _read(
    warehouse: WarehouseResource, state: State, failed: list[FailedRun], now: dt.datetime
) -> tuple[Look | None, str | None]:
    """What the warehouse says, or why it cannot be asked."""
    try:
        engine = warehouse.engine()
        try:
            with reading(engine) as connection:
                return look(connection, state, failed, now), None
        finally:
            engine.dispose()
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
        elif refused := webhook.post(message.text):
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


def _say(context: dg.SensorEvaluationContext, level: int, said: str) -> None:
    """Into the tick's log, which the UI shows, and the process's."""
    line = redact(" | ".join(said.splitlines()))
    context.log.log(level, line)
    _log.log(level, "%s", line)
