"""What the warehouse says: the checks that fail, the final days that were restated, and what became of failed days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, fields
from decimal import Decimal

from sqlalchemy import Connection, Engine, select, text

from minerecon_dagster.alerts.runs import FailedRun, days_in
from minerecon_dagster.alerts.state import Check, Place, State, Watermark, place_of
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.pipeline.closing import stored_closed_days
from minerecon_dagster.warehouse.store import statement
from minerecon_dagster.warehouse.tables import bm_units, restatements

_STATEMENT_TIMEOUT = "10s"
"""A look that takes longer is given up, and told like a warehouse that is not there: a tick has 60 s for all."""


@dataclass(frozen=True)
class Detail:
    """What an evaluation found, where it needs words."""

    expected: str | None
    actual: str | None
    looked_at: int
    violation_count: int
    repair: str
    run_id: str | None
    waiver: str | None
    waived_until: dt.date | None
    evaluated_at: dt.datetime


@dataclass(frozen=True)
class Restatement:
    """A change at the source of a day that was final; MWh and GBP."""

    settlement_date: dt.date
    old_curtailed_mwh: Decimal
    new_curtailed_mwh: Decimal
    old_payment_gbp: Decimal
    new_payment_gbp: Decimal
    old_all_bids_mwh: Decimal
    new_all_bids_mwh: Decimal
    run_id: str | None


@dataclass(frozen=True)
class Look:
    """What the warehouse holds now.

    Args:
        failing: what fails at ERROR and is not waived.
        accepted: what fails at ERROR and is waived.
        details: of what is new among them, by check and place.
        restated: the restatements that were not told.
        restatements: how far they have been read by that.
        told_by_checks: of each failed run, its days that have an alert of their own.
        looked_at_since: of each failed run that was told, by its place in the list, the days that were looked at since.
        is_synthetic: whether the warehouse holds the bundled sample; None where it holds nothing.
        closed: the days that a person has closed, with the reason and the name.
    """

    failing: Mapping[Check, Collection[Place]]
    accepted: Mapping[Check, Collection[Place]]
    details: Mapping[tuple[Check, Place], Detail]
    restatements: Watermark
    restated: Sequence[Restatement] = ()
    told_by_checks: Mapping[str, Collection[dt.date]] = field(default_factory=dict)
    looked_at_since: Sequence[Collection[dt.date]] = ()
    is_synthetic: bool | None = None
    closed: Mapping[Place, str] = field(default_factory=dict)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction of which every statement is bounded in time, and none can write."""
    with engine.connect() as connection, connection.begin():
        connection.execute(text("SET TRANSACTION READ ONLY"))
        connection.execute(text("SELECT set_config('statement_timeout', :t, true)"), {"t": _STATEMENT_TIMEOUT})
        yield connection


def look(connection: Connection, state: State, failed_runs: Sequence[FailedRun], now: dt.datetime) -> Look:
    """Read what is needed to tell what is new against ``state``, which stays as it is.

    Args:
        connection: of `reading`.
        state: what was told.
        failed_runs: runs that have just failed for good.
        now: decides which waivers hold.
    """
    today = settlement_date(now)
    failing: dict[Check, dict[Place, int]] = {}
    accepted: dict[Check, dict[Place, int]] = {}
    for row in connection.execute(statement("alerts/failing"), {"today": today}):
        check = Check(row.scope, row.check_family, row.check_name)
        found = accepted if row.waived else failing
        found.setdefault(check, {})[place_of(row.scope, row.settlement_date)] = row.result_id
    return Look(
        failing,
        accepted,
        _details(connection, state.failing or {}, failing, accepted),
        *_restated(connection, deepcopy(state.restatements), now),
        {run.run_id: _told_by_checks(connection, run, today) for run in failed_runs if run.days_not_done},
        [_looked_at_since(connection, days_in(run.keys), run.started_at) for run in state.failed_runs],
        connection.execute(select(bm_units.c.is_synthetic).limit(1)).scalar(),
        {day.toordinal(): f"{why} (accepted by {by})" for day, (why, by) in stored_closed_days(connection).items()},
    )


def _details(
    connection: Connection,
    told: Mapping[Check, Collection[Place]],
    failing: Mapping[Check, Mapping[Place, int]],
    accepted: Mapping[Check, Mapping[Place, int]],
) -> dict[tuple[Check, Place], Detail]:
    """Of what fails and was not told, and of what was told and is accepted by now."""
    wanted = {
        result_id: (check, place)
        for found, is_told in ((failing, False), (accepted, True))
        for check, places in found.items()
        for place, result_id in places.items()
        if (place in told.get(check, ())) == is_told
    }
    if not wanted:
        return {}
    rows = connection.execute(statement("alerts/details"), {"ids": list(wanted)})
    return {
        wanted[row.result_id]: Detail(**{k: v for k, v in row._mapping.items() if k != "result_id"}) for row in rows
    }


def _restated(
    connection: Connection, mark: Watermark | None, now: dt.datetime
) -> tuple[Watermark, Sequence[Restatement]]:
    newest = connection.execute(
        select(restatements.c.restatement_id).order_by(restatements.c.restatement_id.desc()).limit(1)
    ).scalar()
    # Numbers that were read and are not there any more: another warehouse, or an older one that was put back.
    if mark is None or (newest or 0) < mark.after:
        return Watermark(newest or 0), []
    mark.settle(now)
    rows = connection.execute(statement("alerts/restatements"), {"after": mark.after}).all()
    return mark, [
        Restatement(**{f.name: getattr(row, f.name) for f in fields(Restatement)})
        for row in rows
        if mark.is_new(row.restatement_id, row.detected_at.timestamp())
    ]


def _told_by_checks(connection: Connection, run: FailedRun, today: dt.date) -> set[dt.date]:
    parameters = {"days": list(run.days_not_done), "run_id": run.run_id, "today": today}
    return set(connection.execute(statement("alerts/told_by_checks"), parameters).scalars())


def _looked_at_since(connection: Connection, days: Sequence[dt.date], since: str) -> set[dt.date]:
    if not days:
        return set()
    return set(connection.execute(statement("alerts/looked_at_since"), {"days": list(days), "since": since}).scalars())
