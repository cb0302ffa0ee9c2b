"""What the warehouse says: the checks that fail, the final days that were restated, and what became of failed days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from minerecon_dagster.alerts.clearing import WORKS, Evaluated
from minerecon_dagster.alerts.runs import FailedRun
from minerecon_dagster.alerts.state import (
    INSTANT,
    WHOLE,
    Check,
    FailedRuns,
    Part,
    Place,
    State,
    Watermark,
    label,
    place_of,
)
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.checks import YESTERDAY_IS_THERE, Scope
from minerecon_dagster.core.repairs import Repair, job, parse
from minerecon_dagster.day.closing import stored_closed_days
from minerecon_dagster.jobs import STANDING_INVENTORY
from minerecon_dagster.warehouse.store import statement
from minerecon_dagster.warehouse.tables import bm_units, restatements

_STATEMENT_TIMEOUT = "10s"
"""A look that takes longer is given up, and told like a warehouse that is not there: a tick has 60 s for all."""

LOOKED_AT_WITHIN = dt.timedelta(hours=26)
"""Without a look at all days for so long nobody would tell of a day that is missing: both of a day have not come."""
_INVENTORY_IS_TAKEN = Check("all", YESTERDAY_IS_THERE.family, "inventory_is_taken")


@dataclass(frozen=True)
class Detail:
    """What an evaluation found, where it needs words; ``groups`` are the violators of a look at all days."""

    expected: str | None
    actual: str | None
    looked_at: int
    violation_count: int
    repair: Repair
    run_id: str | None
    waiver: str | None
    waived_until: dt.date | None
    evaluated_at: dt.datetime
    groups: Sequence[Mapping[str, Any]] | None = None

    @property
    def named(self) -> set[dt.date]:
        """The days that a look at all of them names as wrong; those that cannot be read are none."""
        found: set[dt.date] = set()
        for group in self.groups or ():
            with suppress(KeyError, TypeError, ValueError, AttributeError):
                first, last = (dt.date.fromisoformat(group[end]) for end in ("first", "last"))
                found |= {first + dt.timedelta(days=n) for n in range((last - first).days + 1)}
        return found


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
        told_by_checks: of each failed run, what of it has an alert of its own.
        evaluated: of what failed runs left, when each property that may speak for it was evaluated.
        is_synthetic: whether the warehouse holds the bundled sample; None where it holds nothing.
        closed: the days that a person has closed, with the reason and the name.
    """

    failing: Mapping[Check, Collection[Place]]
    accepted: Mapping[Check, Collection[Place]]
    details: Mapping[tuple[Check, Place], Detail]
    restatements: Watermark
    restated: Sequence[Restatement] = ()
    told_by_checks: Mapping[str, Collection[Part]] = field(default_factory=dict)
    evaluated: Evaluated = field(default_factory=dict)
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
    is_synthetic = connection.execute(select(bm_units.c.is_synthetic).limit(1)).scalar()
    details = _details(connection, state.failing or {}, failing, accepted)
    if (
        not is_synthetic and (untaken := _inventory_not_taken(connection, now)) is not None
    ):  # no schedule asks the sample
        failing[_INVENTORY_IS_TAKEN] = {0: 0}  # no result: nobody has evaluated anything
        details[_INVENTORY_IS_TAKEN, 0] = untaken
    return Look(
        failing,
        accepted,
        details,
        *_restated(connection, deepcopy(state.restatements), now),
        _told_by_checks(connection, failed_runs, today),
        _evaluated(connection, state.failed_runs),
        is_synthetic,
        {day.toordinal(): f"{why} (accepted by {by})" for day, (why, by) in stored_closed_days(connection).items()},
    )


def _inventory_not_taken(connection: Connection, now: dt.datetime) -> Detail | None:
    """That nobody has looked at all days for long; None where somebody has, or there is nothing to look at.

    What watches over all days does not watch over itself: its schedule may be off, and its runs may never begin.
    """
    at = connection.execute(statement("alerts/last_inventory"), {"family": _INVENTORY_IS_TAKEN.family}).scalar()
    # One that is dated as far ahead is by a clock that was wrong: nobody knows when it was.
    if at is None or abs(now - at) <= LOOKED_AT_WITHIN:
        return None
    return Detail(
        expected=f"a look at all days within {LOOKED_AT_WITHIN.total_seconds() / 3600:g} h",
        actual=f"{'none since' if at < now else 'the newest is dated'} {at.astimezone(dt.UTC):{INSTANT}}",
        looked_at=1,
        violation_count=1,
        repair=job(STANDING_INVENTORY),
        run_id=None,
        waiver=None,
        waived_until=None,
        evaluated_at=now,
    )


def _details(
    connection: Connection,
    told: Mapping[Check, Collection[Place]],
    failing: Mapping[Check, Mapping[Place, int]],
    accepted: Mapping[Check, Mapping[Place, int]],
) -> dict[tuple[Check, Place], Detail]:
    """Of what fails and was not told, what was told and is accepted by now, and the looks at all days that fail."""
    wanted = {
        result_id: (check, place)
        for found, is_told in ((failing, False), (accepted, True))
        for check, places in found.items()
        for place, result_id in places.items()
        if (place in told.get(check, ())) == is_told or (check.scope == "all" and not is_told)
    }
    if not wanted:
        return {}
    rows = connection.execute(statement("alerts/details"), {"ids": list(wanted)})
    return {
        wanted[row.result_id]: Detail(
            **{k: v for k, v in row._mapping.items() if k != "result_id"} | {"repair": parse(row.repair)}
        )
        for row in rows
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


def _told_by_checks(connection: Connection, runs: Sequence[FailedRun], today: dt.date) -> dict[str, set[Part]]:
    named = [(run.run_id, part) for run in runs if run.unfinished.reasons for part in run.parts if part != WHOLE]
    if not named:
        return {}
    parameters = {
        "run_ids": [run_id for run_id, _ in named],
        "scopes": [scope for _, (scope, _) in named],
        "dates": [_first_day(part) for _, part in named],
        "today": today,
    }
    told: dict[str, set[Part]] = {}
    for row in connection.execute(statement("alerts/told_by_checks"), parameters):
        told.setdefault(row.run_id, set()).add((row.scope, place_of(row.scope, row.settlement_date)))
    return told


def _evaluated(connection: Connection, failed: Sequence[FailedRuns]) -> dict[tuple[str, Scope, Place], dt.datetime]:
    parts = {part for runs in failed for part in runs.left if part != WHOLE}
    if not parts:
        return {}
    properties = {checked.full_name for work in WORKS.values() for checked in work.evaluated.values()}
    parameters = {
        "scopes": [scope for scope, _ in parts],
        "dates": [_first_day(part) for part in parts],
        "properties": list(properties),
    }
    return {
        (row.property, row.scope, place_of(row.scope, row.settlement_date)): row.evaluated_at
        for row in connection.execute(statement("alerts/evaluated"), parameters)
    }


def _first_day(part: Part) -> dt.date:
    scope, place = part
    return dt.date.fromisoformat(f"{label(scope, place)}{'-01' * ('day', 'month', 'year').index(scope)}")
