"""What is wrong right now: freshness by the clock, and the standing inventory of all settlement days.

What should be there comes from the calendar and the clock, never from what is stored: back-filling an old
day does not hide that yesterday is missing, and a day that nobody ever asked for is found. Days in a row
that are wrong in the same way are one group, with the one command that mends them.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, text

from minerecon_dagster.core import checks as c
from minerecon_dagster.core.calendar import LONDON, PERIOD, RERUN_AFTER_LAST_START, period_count, settlement_date
from minerecon_dagster.core.checks import Property, Result, Severity
from minerecon_dagster.core.difficulty import why_unbelievable
from minerecon_dagster.core.exact import pounds
from minerecon_dagster.core.mining import broken_model_ratios
from minerecon_dagster.core.repairs import (
    DATE,
    LOAD_DIFFICULTY,
    REBUILD,
    RECALCULATE,
    REFETCH,
    REFRESH_REGISTER,
    REINGEST,
    SWEEP,
    VERIFY,
    Repair,
    all_of,
    of_day,
    parse,
    words,
)
from minerecon_dagster.core.settlement_run import RERUN_NOT_BEFORE
from minerecon_dagster.core.spans import days_text, periods_text, spans
from minerecon_dagster.core.statuses import STATUSES, UNAVAILABLE
from minerecon_dagster.decisions.unavailable import ClosedDays
from minerecon_dagster.elexon.datasets import later
from minerecon_dagster.elexon.datasets.later import LaterDataset
from minerecon_dagster.elexon.datasets.stack import PRICE_LIMIT_GBP_PER_MWH, PRICES_BELOW_LIMIT
from minerecon_dagster.register.open_units import read_open_units
from minerecon_dagster.register.store import waiting_refusals
from minerecon_dagster.sums.rollups import look_at_sums
from minerecon_dagster.warehouse.store import statement
from minerecon_dagster.warehouse.sums import Grain

THERE_BY = dt.time(9)
"""London time of the next day by which a day is stored: `daily_ingest` is at 06:00, and tries again."""
FINAL_BY = dt.time(12)
"""London time of the second day after it by which a day is final: Elexon's re-run is over at 00:44."""

MOST_FROM_PUBLISHED = Decimal("0.002")
"""How far a turn-up estimate may be from one that is published of the same span.

Two who reckon it by the same method have been seen 0.02 to 0.12 % apart: their registers, and their days of fetching,
differ.
"""
MOST_REPAIRS = 5
"""How many commands, and what else it has found, a result names; all is in `minerecon status`."""

_ONE_DAY = dt.timedelta(days=1)

Kind = tuple[str, Severity, tuple[str, ...], Repair]
"""What is wrong with a day, how much, which properties say so, and what mends it, with DATE for the day."""


@dataclass(frozen=True)
class FailedProperty:
    """A property of a day that did not hold when last looked at, and what mends it."""

    name: str
    severity: Severity
    repair: Repair
    waiver: str | None
    waived_until: dt.date | None


@dataclass(frozen=True)
class Standing:
    """How a settlement day stands.

    Args:
        day: settlement date.
        status: one of `minerecon_dagster.core.statuses.STATUSES`.
        is_stored: whether it has sums.
        is_final: whether they are of a final day.
        periods_due: how many of its periods were due when it was last fetched.
        problems: the properties that did not hold, the waived ones among them.
        periods_present: how many of its periods are there.
    """

    day: dt.date
    status: str
    is_stored: bool
    is_final: bool
    periods_due: int
    problems: Sequence[FailedProperty]
    periods_present: int = 0

    @property
    def open_problems(self) -> list[FailedProperty]:
        """Those that no waiver accepts."""
        return [p for p in self.problems if p.waiver is None]

    def wrong(self, now: dt.datetime) -> tuple[str, Severity] | None:
        """What is wrong with it at ``now``, and how much; None where nothing is.

        A day that is not stored yet, or may still change, is given its time; one that Elexon has not
        published whole, or not run again in time, or of which a warning stands, is for a person to look at.
        One that a person has closed is as it should be.
        """
        if self.status == "failing":
            return "failing", "ERROR"
        if self.status == "missing":
            return ("missing", "ERROR") if self.day <= last_day_to_be_there(now) else None
        if self.status in ("provisional", "incomplete"):
            if self.day <= last_day_to_be_final(now):
                return f"{self.status} for too long", "ERROR"
            waits_for_elexon = any(p.name == c.ROWS_OF_THE_RERUN.full_name for p in self.open_problems)
            return (self.status, "WARN") if self.status == "incomplete" or waits_for_elexon else None
        return ("warned", "WARN") if self.status == "warned" else None


@dataclass(frozen=True)
class Group:
    """Days in a row that are wrong in the same way, and the command that mends them."""

    first: dt.date
    last: dt.date
    what: str
    severity: Severity
    properties: Sequence[str]
    repair: Repair

    @property
    def day_count(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    @property
    def headline(self) -> str:
        """Which days, what they are, and why."""
        why = f" ({', '.join(self.properties)})" if self.properties else ""
        if self.first == self.last:
            return f"{self.first} is {self.what}{why}"
        return f"{self.first} to {self.last}, {self.day_count:,} days, are {self.what}{why}"

    def __str__(self) -> str:
        """One line: which days, what they are and why, and the command that mends them."""
        return f"{self.headline}: {self.repair}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "days": self.day_count,
            "what": self.what,
            "severity": self.severity,
            "properties": list(self.properties),
            "repair": str(self.repair),
        }


@dataclass(frozen=True)
class Finding:
    """A result over all days, and the groups of days that are behind it."""

    result: Result
    groups: Sequence[Group]


def last_day_to_be_there(now: dt.datetime) -> dt.date:
    """The latest settlement day that should be stored at ``now``: from 09:00 London on, yesterday."""
    return _days_before(now, 1, THERE_BY)


def last_day_to_be_final(now: dt.datetime) -> dt.date:
    """The latest settlement day that should be final at ``now``: from 12:00 London on, the day before yesterday."""
    return _days_before(now, 2, FINAL_BY)


def read_standings(
    connection: Connection, first: dt.date, last: dt.date, closed: ClosedDays | None = None
) -> list[Standing]:
    """How each day of the calendar from ``first`` to ``last`` stands, the ones that nobody ever asked for included.

    Args:
        connection: the warehouse.
        first: the first day.
        last: the last day.
        closed: what people decide now, where the warehouse may not have followed it yet: such a day stands as it will.
    """
    found = connection.execute(statement("inventory/days"), {"first_day": first, "last_day": last})
    standings = [
        Standing(
            r.settlement_date,
            r.status,
            r.is_stored,
            r.is_final,
            r.periods_due,
            problems_of(r.problems),
            r.periods_present,
        )
        for r in found
    ]
    if closed is None:
        return standings
    return [_as_decided(standing, closed) for standing in standings]


def _as_decided(standing: Standing, closed: ClosedDays) -> Standing:
    is_closed = closed.of(standing.day) is not None
    if is_closed == (standing.status == UNAVAILABLE):
        return standing
    status = UNAVAILABLE if is_closed else "missing"
    return Standing(standing.day, status, is_stored=False, is_final=False, periods_due=0, problems=())


def problems_of(stored: Iterable[Mapping[str, Any]]) -> list[FailedProperty]:
    """The problems that ``inventory/days.sql`` returns as JSON."""
    return [
        FailedProperty(
            name=p["property"],
            severity=p["severity"],
            repair=parse(p["repair"]),
            waiver=p["waiver"],
            waived_until=dt.date.fromisoformat(p["waived_until"]) if p["waived_until"] else None,
        )
        for p in stored
    ]


def group_days(standings: Iterable[Standing], now: dt.datetime) -> list[Group]:
    """The days that are wrong at ``now``, in groups that one command mends each: errors first, then by day."""

    def kind(s: Standing) -> Kind | None:
        wrong = s.wrong(now)
        return wrong and (*wrong, tuple(p.name for p in s.open_problems), mend(s))

    groups = _groups((s.day, kind(s)) for s in standings)
    return sorted(groups, key=lambda g: (g.severity, g.first))


def take_inventory(
    connection: Connection, first_day: dt.date, now: dt.datetime, closed: ClosedDays | None = None
) -> list[Finding]:
    """Look at freshness and at every settlement day since the first partition.

    Args:
        connection: the warehouse; in a transaction that sees one state of it.
        first_day: the first partition (``MINERECON_START_DATE``).
        now: the time of the look.
        closed: as in `read_standings`.

    Returns:
        A finding for each property of the families ``freshness`` and ``inventory``. Where no day is due yet,
        nothing was looked at, and they fail.
    """
    standings = read_standings(connection, first_day, last_day_to_be_there(now), closed)
    return [
        _yesterday_is_there(standings, now),
        _days_become_final([s for s in standings if s.day <= last_day_to_be_final(now)]),
        _every_day_is_complete(standings, first_day, now),
        _every_sum_is_of_its_days(connection, now),
        *look_at_rows(connection, first_day, dt.date.max),
        _every_wind_unit_is_counted(connection, first_day, settlement_date(now)),
        _register_is_believed(connection),
        _turn_up_near_published(connection),
    ]


def look_at_rows(connection: Connection, first: dt.date, last: dt.date) -> list[Finding]:
    """Whether the stored days from ``first`` to ``last`` are in the models' ratios, the sums of their rows, as final
    and whole as their answers, made of what can be believed and of all units that the register has, and final only if
    their rows are of Elexon's second run.

    It reads all rows, exactly, and does not depend on what an earlier check of a day said: what other hands
    have changed since is found.
    """
    return [
        _every_model_ratio_holds(connection, first, last),
        *_days_and_their_rows(connection, first, last),
        _every_input_is_believable(connection, first, last),
        _every_day_counts_its_units(connection, first, last),
        _every_day_has_its_turn_up(connection, first, last),
    ]


def _yesterday_is_there(standings: Sequence[Standing], now: dt.datetime) -> Finding:
    """Whether the days that are due to be there, and not yet to be final, are there with every period.

    In the morning that is yesterday and the day before it: a day that Elexon has not published whole is not taken for
    there because the next one is. From noon on the day before yesterday is a matter of `_days_become_final`.
    """
    last, final = last_day_to_be_there(now), last_day_to_be_final(now)
    looked_at = [s for s in standings if final < s.day <= last]
    late = [(s, what) for s in looked_at if (what := _not_there(s)) is not None]
    groups = [Group(s.day, s.day, what, "ERROR", (), mend(s).over(s.day)) for s, what in late]
    days = [s.day for s in looked_at]
    # Before nine the last day that is due is not yesterday, which who reads the property's name would expect.
    yesterday = settlement_date(now) - dt.timedelta(days=1)
    to_come = f" ({yesterday} is due from {THERE_BY:%H:%M} London on)" if last < yesterday else ""
    return _finding(
        c.YESTERDAY_IS_THERE,
        looked_at=len(looked_at),
        expected=", ".join(f"{day}, stored with {period_count(day)} periods" for day in days or [last]) + to_come,
        actual="; ".join(f"{s.day} is {what}" if len(days) > 1 else what for s, what in late) or _there(looked_at),
        groups=groups,
        otherwise=REINGEST.over(last),
    )


def _there(standings: Sequence[Standing]) -> str:
    """How days are there of which none is late: the days that a person has closed are not called there."""
    closed = [s for s in standings if s.status == UNAVAILABLE]
    if not closed:
        return "there"
    if len(closed) == len(standings):
        return "closed by a person"
    return f"there, but {', '.join(str(s.day) for s in closed)}: closed by a person"


def _not_there(s: Standing) -> str | None:
    """What is missing of a day that is due to be there; None where nothing is."""
    expected = period_count(s.day)
    if s.status == UNAVAILABLE:
        return None
    if not s.is_stored:
        return "missing"
    if s.periods_due != expected:
        # Fetched while it was in progress, and then no more, is not there.
        return f"stored with {s.periods_due} of its {expected} periods"
    if s.status == "incomplete":
        return f"incomplete: Elexon has published {s.periods_present} of its {expected} periods"
    return None


def _days_become_final(standings: Sequence[Standing]) -> Finding:
    def kind(s: Standing) -> Kind | None:
        if s.is_final or s.status == UNAVAILABLE:
            return None
        return s.status if s.status != "failing" else "not final, and failing", "ERROR", (), mend(s)

    groups = _groups((s.day, kind(s)) for s in standings)
    closed = sum(s.status == UNAVAILABLE for s in standings)
    return _finding(
        c.DAYS_BECOME_FINAL,
        looked_at=len(standings),
        expected=f"{len(standings):,} days final{_span(standings)}",
        actual=f"{sum(s.is_final for s in standings):,} are"
        + (f", {closed:,} are closed by a person" if closed else ""),
        groups=groups,
        otherwise=REINGEST.from_to,
    )


def _every_day_is_complete(standings: Sequence[Standing], first_day: dt.date, now: dt.datetime) -> Finding:
    groups = [group for group in group_days(standings, now) if group.severity == "ERROR"]
    counts = Counter(s.status for s in standings)
    actual = ", ".join(f"{counts[status]:,} {status}" for status in STATUSES if counts[status])
    return _finding(
        c.EVERY_DAY_IS_COMPLETE,
        looked_at=len(standings),
        expected=f"{len(standings):,} days, none missing, failing or unfinished for too long{_span(standings)}",
        actual="; ".join(filter(None, (actual or "no day is due", never_started(groups, first_day)))),
        groups=groups,
        otherwise=REINGEST.from_to,
    )


def never_started(groups: Sequence[Group], first_day: dt.date) -> str | None:
    """What to do about the days before the first stored one, if there are such: fetch them, or do without."""
    early = next((g for g in groups if g.first == first_day and g.what == "missing"), None)
    if early is None:
        return None
    return (
        f"nothing is stored of {early.first} to {early.last}: fetch these days, or, where they are not wanted, "
        f"set MINERECON_START_DATE={early.last + _ONE_DAY} and start the services again"
    )


def _every_model_ratio_holds(connection: Connection, first: dt.date, last: dt.date) -> Finding:
    found = [r for r in connection.execute(statement("rollup/day_bitcoin")) if first <= r.summary_date <= last]

    def kind(btc_by_model: Mapping[str, str] | None) -> Kind | None:
        broken = broken_model_ratios({model: Decimal(btc) for model, btc in (btc_by_model or {}).items()})
        if not broken:
            return None
        models = ", ".join(str(b["miner_model"]) for b in broken)
        return f"out of the models' ratios: {models}", "ERROR", (), RECALCULATE

    return _finding(
        c.EVERY_MODEL_RATIO_HOLDS,
        looked_at=len(found),
        expected=f"{len(found):,} days in the models' ratios",
        actual=None,
        groups=_groups((r.summary_date, kind(r.mined_btc)) for r in found),
        otherwise=RECALCULATE.from_to,
    )


def _days_and_their_rows(connection: Connection, first: dt.date, last: dt.date) -> list[Finding]:
    """Both properties that are read off all rows of all days, in one pass."""
    span = {
        "first_day": first,
        "last_day": last,
        "rerun_not_before": RERUN_NOT_BEFORE,
        "final_after": RERUN_AFTER_LAST_START - PERIOD,
    }
    found = connection.execute(statement("inventory/days_and_rows"), span).one()
    return [
        _every_final_day_was_run_again(connection, found.stored, found.early),
        _every_day_matches_its_rows(found.looked_at, found.differing),
    ]


def _every_final_day_was_run_again(connection: Connection, looked_at: int, early: Sequence[dt.date]) -> Finding:
    """Of the final days that have a row of before the second run, whether a period has no newer one.

    Wind rows alone are stored: a day without any, or whose rows do not say when they were made, is not judged here. Its
    own check judges it by all its archived rows, at each look; what that has found right, or a person has accepted, is
    not doubted here.
    """
    parameters = {"days": list(early), "rerun_not_before": RERUN_NOT_BEFORE}
    rows = connection.execute(statement("inventory/first_run_periods"), parameters).all() if early else []

    def kind(periods: Sequence[int]) -> Kind:
        return f"final, and of the first run in periods {periods_text(periods)}", "ERROR", (), REINGEST

    return _finding(
        c.EVERY_FINAL_DAY_WAS_RUN_AGAIN,
        looked_at=looked_at,
        expected=f"{looked_at:,} days, final only where their wind rows are of Elexon's second run",
        actual=None,
        groups=_groups((r.settlement_date, kind(r.periods)) for r in rows),
        otherwise=REINGEST.from_to,
    )


def _every_sum_is_of_its_days(connection: Connection, now: dt.datetime) -> Finding:
    grains: tuple[Grain, ...] = ("month", "year")
    results = [
        r
        for grain in grains
        for of_key in look_at_sums(connection, grain, now).values()
        for r in of_key
        if r.checked == c.SUMS_NOT_OLDER_THAN_PARTS
    ]
    wrong = [r for r in results if not r.passed]
    return Finding(
        c.result(
            c.EVERY_SUM_IS_OF_ITS_DAYS,
            looked_at=len(results),
            expected=f"{len(results)} months and years, each the sum of its days",
            actual="all are" if results else "nothing is stored",
            problem=_first_of(f"{v.get('month', v.get('year'))} is {v['problem']}" for r in wrong for v in r.violations)
            or None,
            repair=_repairs_of(wrong) or SWEEP,
            violations=[v for r in wrong for v in r.violations],
        ),
        (),
    )


def _every_day_matches_its_rows(looked_at: int, differing: Sequence[Mapping[str, Any]]) -> Finding:
    def kind(d: Mapping[str, Any]) -> Kind:
        if not d["is_stored"]:
            return "without sums, and have rows", "ERROR", (), REINGEST
        parts = [name for name in ("records", "wind", "units", "periods") if d[name]]
        repair = REBUILD if parts or d["coverage"] else RECALCULATE
        parts += [f"calculations of {', '.join(d['models'])}"] if d["models"] else []
        what = [f"not the sums of the {', '.join(parts)}"] if parts else []
        if d["coverage"]:
            stored = f"{d['state']} with {d['periods_present']} periods"
            what.append(f"stored as {stored}, other than by its answers, which have {d['periods_answered'] or 0}")
        return "; ".join(what), "ERROR", (), repair

    return _finding(
        c.EVERY_DAY_MATCHES_ITS_ROWS,
        looked_at=looked_at,
        expected=f"{looked_at:,} days equal to the sums of their rows, and as final and whole as their answers",
        actual=None,
        groups=_groups((dt.date.fromisoformat(d["day"]), kind(d)) for d in differing),
        otherwise=REBUILD.from_to,
    )


def _every_input_is_believable(connection: Connection, first: dt.date, last: dt.date) -> Finding:
    asked = {
        "first_day": first,
        "last_day": last,
        "limit": PRICE_LIMIT_GBP_PER_MWH,
        "judged_by": PRICES_BELOW_LIMIT.name,
    }
    found = connection.execute(statement("inventory/inputs"), asked).all()
    problems = {value: why_unbelievable(value) for value in {r.difficulty for r in found} - {None}}

    def kind(r: Row[Any]) -> Kind | None:
        what, repair = [], Repair()
        if r.difficulty is None or problems[r.difficulty]:
            why = f"{r.difficulty}, {problems[r.difficulty]}" if r.difficulty is not None else "none"
            what.append(f"computed with a difficulty that cannot be: {why}")
            repair = LOAD_DIFFICULTY.then(RECALCULATE)
        if r.has_zero_wind:
            what.append("stored with a wind output of 0 beside wind bids")
        if r.is_at_limit:
            what.append("stored with a price at Elexon's limit, of which no check has told")
        if r.has_zero_wind or r.is_at_limit:
            repair = LOAD_DIFFICULTY.then(REBUILD) if repair else REBUILD
        return ("; ".join(what), "ERROR", (), repair) if what else None

    return _finding(
        c.EVERY_INPUT_IS_BELIEVABLE,
        looked_at=len(found),
        expected=f"{len(found):,} days made from what can be believed",
        actual=None,
        groups=_groups((r.settlement_date, kind(r)) for r in found),
        otherwise=REBUILD.from_to,
    )


def _every_day_counts_its_units(connection: Connection, first: dt.date, last: dt.date) -> Finding:
    span = {"first_day": first, "last_day": last}
    found = connection.execute(statement("inventory/days_and_register"), span).all()
    lacked = {r.settlement_date: dict(zip(r.learned, r.learned_mwh, strict=True)) for r in found if r.learned}

    def kind(was_compared: bool, learned: Sequence[str]) -> Kind | None:
        if learned:
            return f"without {', '.join(learned)}, which the register has as wind by now", "ERROR", (), REBUILD
        return None if was_compared else ("never compared with the register by their rows", "ERROR", (), REBUILD)

    def with_mwh(group: Group) -> Group:
        # Afterwards: by their energy no two days would be alike.
        of_group = [lacked[day] for day in lacked if group.first <= day <= group.last]
        if not of_group:
            return group
        sums = {unit: sum((day[unit] for day in of_group), Decimal()) for unit in of_group[0]}
        units = ", ".join(f"{unit} ({mwh:,.3f} MWh)" for unit, mwh in sums.items())
        return replace(group, what=f"without {units}, which the register has as wind by now")

    groups = _groups((r.settlement_date, kind(r.was_compared, r.learned)) for r in found)

    return _finding(
        c.EVERY_DAY_COUNTS_ITS_UNITS,
        looked_at=len(found),
        expected=f"{len(found):,} days with every unit that the register has as wind",
        actual=None,
        groups=[with_mwh(group) for group in groups],
        otherwise=c.EVERY_DAY_COUNTS_ITS_UNITS.repair,
    )


def _every_day_has_its_turn_up(connection: Connection, first: dt.date, last: dt.date) -> Finding:
    found = connection.execute(statement("inventory/turn_up"), {"first_day": first, "last_day": last}).all()

    def kind(lacks_turn_up: bool) -> Kind | None:
        what = "without a turn-up estimate, built before there was one"
        return (what, "WARN", (), REBUILD) if lacks_turn_up else None

    return _finding(
        c.EVERY_DAY_HAS_ITS_TURN_UP,
        looked_at=len(found),
        expected=f"{len(found):,} days with a turn-up estimate, where they are final and their offers were fetched",
        actual=None,
        groups=_groups((r.settlement_date, kind(r.lacks_turn_up)) for r in found),
        otherwise=REBUILD.from_to,
    )


def look_beside(connection: Connection, first: dt.date, last: dt.date) -> list[Group]:
    """The stored days from ``first`` to ``last`` that lack what stands beside a day; no figure is wrong by it.

    A turn-up estimate, of days built before there was one; and what comes later of a day and was asked for in vain.
    """
    datasets = {dataset.name: dataset for dataset in later()}
    parameters = {
        "first_day": first,
        "last_day": last,
        "datasets": list(datasets),
        "most_attempts": [dataset.most_attempts for dataset in datasets.values()],
    }
    groups = list(_every_day_has_its_turn_up(connection, first, last).groups)
    found = connection.execute(statement("status/later"), parameters).all()
    for name, dataset in datasets.items():

        def kind(r: Row[Any], dataset: LaterDataset = dataset) -> Kind:
            is_over = r.given_up_count >= (len(dataset.runs) if dataset.runs_are_looks else 1)
            how = "no longer asked for by itself" if is_over else "asked for again by itself"
            return (f"without {dataset.source}, {how}", "WARN", (), REFETCH)

        of_it = {r.settlement_date: r for r in found if r.dataset == name}
        groups += [
            replace(group, what=f"{group.what} ({of_it[group.last].reason})")
            for group in _groups((day, kind(r)) for day, r in of_it.items())
        ]
    return groups


def _turn_up_near_published(connection: Connection) -> Finding:
    """Whether ours are near the published turn-up estimates of whose days all are stored, and none is made up.

    Where there is no such one it looks at which are published, and says that there is nothing to compare. One whose
    days are all stored and some of them without an estimate is not left out in silence, unless none of them has one:
    where offers are not fetched there is nothing to be near.
    """
    found = connection.execute(statement("inventory/published_turn_up")).all()
    is_empty = not connection.execute(text("SELECT EXISTS (SELECT FROM minerecon.daily_summaries)")).scalar_one()
    comparable = [r for r in found if r.is_comparable and r.ours is not None]
    compared = [r for r in comparable if not r.lacking]
    far = [r for r in compared if abs(r.ours - r.published) > MOST_FROM_PUBLISHED * r.published]
    blocked = [r for r in comparable if r.lacking]
    said = [f"{r.period_label}: {pounds(r.ours, 0)} here, {pounds(r.published, 0)} by {r.source}" for r in far]
    said += [f"{r.period_label} is not compared: no estimate of {days_text(r.lacking)}" for r in blocked]
    nothing = "nothing is stored" if is_empty else "nothing to compare: of none are all days stored, none made up"
    groups = [
        Group(
            r.first_day,
            r.last_day,
            f"{pounds(r.ours, 0)} by their turn-up estimates, and {pounds(r.published, 0)} by {r.source}",
            "WARN",
            (c.TURN_UP_NEAR_PUBLISHED.full_name,),
            c.TURN_UP_NEAR_PUBLISHED.repair,
        )
        for r in far
    ]
    lacking = {day: day in r.without_offers for r in blocked for day in r.lacking}
    groups += _groups(
        (
            day,
            (
                "without a turn-up estimate, so that those of their month or year are not compared with published ones",
                "WARN",
                (c.TURN_UP_NEAR_PUBLISHED.full_name,),
                REFETCH if without_offers else REBUILD,
            ),
        )
        for day, without_offers in sorted(lacking.items())
    )
    return Finding(
        c.result(
            c.TURN_UP_NEAR_PUBLISHED,
            looked_at=0 if is_empty else len(comparable) or len(found),
            expected=f"{len(found)} published turn-up estimates, each to {MOST_FROM_PUBLISHED:.1%} where all of its "
            "days are stored",
            actual=f"{len(compared)} compared, all are" if compared else nothing,
            problem=_first_of(said) or None,
            repair=_repairs_of(groups) or c.TURN_UP_NEAR_PUBLISHED.repair,
            violations=[
                {"figure": r.figure_id, "published": str(r.published), "ours": str(r.ours), "source": r.source}
                | ({"days_without": [str(day) for day in r.lacking]} if r.lacking else {})
                for r in far + blocked
            ],
        ),
        groups,
    )


def _every_wind_unit_is_counted(connection: Connection, first: dt.date, today: dt.date) -> Finding:
    units = read_open_units(connection, first, dt.date.max, today)
    of_days = text("SELECT count(*) FROM minerecon.daily_summaries WHERE summary_date >= :first_day")
    day_count = connection.execute(of_days, {"first_day": first}).scalar_one()
    return Finding(
        c.result(
            c.EVERY_WIND_UNIT_IS_COUNTED,
            looked_at=day_count,
            expected="no unit that may be a wind farm and is not counted",
            actual=_first_of(map(str, units)) or ("none" if day_count else "nothing is stored"),
            repair=c.EVERY_WIND_UNIT_IS_COUNTED.repair,
            violations=[unit.as_dict() for unit in units],
        ),
        (),
    )


def _register_is_believed(connection: Connection) -> Finding:
    refused = waiting_refusals(connection)
    in_force = "SELECT count(*) FROM minerecon.bm_units WHERE valid_to IS NULL AND fuel_type = 'WIND'"
    unit_count = connection.execute(text(in_force)).scalar_one()
    return Finding(
        c.result(
            c.REGISTER_IS_BELIEVED,
            looked_at=unit_count,
            expected="wind units in force, and no refused answer that waits",
            actual="; ".join([f"{unit_count} wind units in force", *map(str, refused)]),
            repair=all_of(refusal.remedy for refusal in refused) or REFRESH_REGISTER,
            violations=[refusal.as_dict() for refusal in refused],
        ),
        (),
    )


def _finding(
    checked: Property, *, looked_at: int, expected: str, actual: str | None, groups: Sequence[Group], otherwise: Repair
) -> Finding:
    days = sum(group.day_count for group in groups)
    return Finding(
        Result(
            checked,
            looked_at=looked_at,
            expected=expected,
            actual=actual or ((f"{days:,} that are not" if days else "all are") if looked_at else "nothing is stored"),
            repair=_repairs_of(groups) or otherwise,
            violation_count=days,
            # The newest first: of what is shown, what is new is among them, however long other days have been wrong.
            violations=tuple(group.as_dict() for group in sorted(groups, key=lambda g: g.last, reverse=True)),
        ),
        groups,
    )


def _first_of(said: Iterable[str]) -> str:
    """The first so many of what is said, and how many more there are; empty where nothing is."""
    texts = list(said)
    more = [f"and {len(texts) - MOST_REPAIRS} more: minerecon status"] if len(texts) > MOST_REPAIRS else []
    return "; ".join(texts[:MOST_REPAIRS] + more)


def _repairs_of(wrong: Iterable[Group | Result]) -> Repair:
    """What mends all of them, each once: so many commands, and how many more there are."""
    repairs = list(dict.fromkeys(each.repair for each in wrong))
    more = len(repairs) - MOST_REPAIRS
    return all_of(repairs[:MOST_REPAIRS]).then(words(f"and {more} more: minerecon status") if more > 0 else Repair())


def _groups(days: Iterable[tuple[dt.date, Kind | None]]) -> list[Group]:
    """Days in a row of the same kind, without those of no kind."""
    kinds = {day: kind for day, kind in days if kind is not None}
    return [
        Group(first, last, *kinds[first][:3], kinds[first][3].over(first, last))
        for first, last in spans(kinds, alike=kinds.get)
    ]


def mend(s: Standing) -> Repair:
    """What mends all that is wrong with a day, with DATE for it; at the least it is made anew, or checked again."""
    found = of_day((p.repair for p in s.open_problems), s.day)
    if not s.is_stored:  # there is nothing to recalculate: the day is fetched and built
        found = Repair(tuple(step for step in found.steps if step not in RECALCULATE.steps))
    if any(step.keys in ((DATE,), (s.day.isoformat(),)) for step in found.steps):
        return found
    return found.then(_look_again(s, found))


def _look_again(s: Standing, done: Repair) -> Repair:
    """What makes a day anew, or has it checked again, after what was ``done`` that is not done to a day."""
    if not s.is_stored or not done:
        return REINGEST
    if done == LOAD_DIFFICULTY:
        return RECALCULATE
    return VERIFY if any(p.name == c.REGISTER_UNCHANGED.full_name for p in s.open_problems) else REBUILD


def _span(standings: Sequence[Standing]) -> str:
    return f", {standings[0].day} to {standings[-1].day}" if standings else ""


def _days_before(now: dt.datetime, days: int, by: dt.time) -> dt.date:
    local = now.astimezone(LONDON)
    return local.date() - (days if local.time() >= by else days + 1) * _ONE_DAY
