"""How all days stand: what `minerecon status` reads, and how it says it to people and to machines."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from rich.console import Console
from sqlalchemy import Connection, Row

from minerecon_dagster.cli.lines import naming_commands
from minerecon_dagster.cli.render import DayRow, read_days, status_table, unmapped_units
from minerecon_dagster.cli.tables import print_table
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.difficulty import WARN_AHEAD_DAYS
from minerecon_dagster.core.exact import pounds
from minerecon_dagster.core.printable import printable_lines
from minerecon_dagster.core.repairs import LOAD_DIFFICULTY, REFRESH_REGISTER, REINGEST, THEN
from minerecon_dagster.core.spans import span_text, spans
from minerecon_dagster.core.statuses import UNAVAILABLE
from minerecon_dagster.day.closing import stored_closed_days
from minerecon_dagster.decisions.unavailable import NOTHING_CLOSED, ClosedDays, Unavailable
from minerecon_dagster.register.open_units import OpenUnit, read_open_units
from minerecon_dagster.register.store import Refusal, waiting_refusals
from minerecon_dagster.standing.inventory import (
    Finding,
    Group,
    group_days,
    look_at_rows,
    look_beside,
    never_started,
    take_inventory,
)
from minerecon_dagster.sums.rollups import look_at_sums
from minerecon_dagster.warehouse.store import statement
from minerecon_dagster.warehouse.sums import Grain
from minerecon_dagster.warehouse.warehouse import Warehouse

MOST_LINES = 20
"""How many groups of days a terminal is shown; `--json` has all."""
LATEST = 5
"""How many verifications and restatements are shown."""

_GRAINS: tuple[Grain, ...] = ("month", "year")


@dataclass(frozen=True)
class Rate:
    """How many calculations there should be, and how many are there and right; of each model too."""

    expected: int
    matched: int
    by_model: Mapping[str, tuple[int, int]]
    days_unchecked: int

    @property
    def differing(self) -> dict[str, str]:
        """The rate of each model, where they are not all the same."""
        shown = {model: percent(matched, expected) for model, (expected, matched) in self.by_model.items()}
        return shown if len(set(shown.values())) > 1 else {}

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the rate is exact to 10 digits, and null where nothing was expected."""
        return {
            "expected_count": self.expected,
            "matched_count": self.matched,
            "rate_percent": _exact_percent(self.matched, self.expected),
            "rate_percent_by_model": {m: _exact_percent(right, all_) for m, (all_, right) in self.by_model.items()},
            "days_unchecked": self.days_unchecked,
        }


@dataclass(frozen=True)
class ClosedRange:
    """Days in a row that a person has closed, by one entry; ``is_followed`` says whether the tables know it yet."""

    first: dt.date
    last: dt.date
    entry: Unavailable
    is_followed: bool

    def __str__(self) -> str:
        """One line: which days, why and by whom, and what is still to come."""
        days = (self.last - self.first).days + 1
        which = str(self.first) if days == 1 else f"{days:,} days, {self.first} to {self.last}"
        pending = "" if self.is_followed else "; the tables follow with the next run, or: minerecon db upgrade"
        return f"Unavailable, closed by a person: {which}: {self.entry}{pending}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "reason": self.entry.reason,
            "accepted_by": self.entry.accepted_by,
            "is_followed": self.is_followed,
        }


@dataclass(frozen=True)
class Horizon:
    """How far the difficulty table reaches, seen on ``today``; None where it is empty."""

    last_day: dt.date | None
    today: dt.date

    @property
    def is_near(self) -> bool:
        """Whether days will soon have no difficulty, unless a person loads more."""
        return self.last_day is None or self.last_day < self.today + dt.timedelta(days=WARN_AHEAD_DAYS)

    @property
    def is_over(self) -> bool:
        """Whether no day of today or later has a difficulty: nothing can be computed before one is loaded."""
        return self.last_day is None or self.last_day < self.today

    def __str__(self) -> str:
        """One line."""
        return f"The difficulty table reaches {self.last_day}." if self.last_day else "The difficulty table is empty."


@dataclass(frozen=True)
class StatusReport:
    """What is known of the days from ``first`` to ``last``.

    Args:
        groups: the days that are wrong, each group with the command that mends it; errors first. Among them is all
            that the inventory finds and that is in no other part of the report.
        advice: what to do about days before the first stored one; None where there are none.
        freshness: the results of freshness; empty where the days were narrowed down.
        sums: the failed results of months and years.
        rates: of each month, as in ``2025-03``.
        rate: of all.
        verifications: comparisons with Elexon: ``last_at``, ``outcomes``, ``newest``.
        restatements: the newest changes at the source.
        unmapped: units that look like wind and are not mapped.
        closed: the days that a person has closed.
        uncounted: units with accepted bids on these days that may be wind farms, are not counted, and nobody reviewed.
        refused: answers of the register that were refused and wait.
        beside: days that lack what stands beside a day and makes no figure of it wrong, with the command that gets it.
        horizon: of the difficulty; None where it was not looked at.
        narrowed: these days were chosen: what is about now, as freshness and the horizon are, is no part of all being
            well.
    """

    first: dt.date
    last: dt.date
    rows: Sequence[DayRow]
    groups: Sequence[Group]
    advice: str | None
    freshness: Sequence[Result]
    sums: Sequence[tuple[Grain, str, Result]]
    rates: Mapping[str, Rate]
    rate: Rate
    verifications: Mapping[str, Any]
    restatements: Sequence[Mapping[str, Any]]
    restatement_count: int
    unmapped: Sequence[str]
    closed: Sequence[ClosedRange]
    uncounted: Sequence[OpenUnit]
    refused: Sequence[Refusal]
    beside: Sequence[Group]
    horizon: Horizon | None
    narrowed: bool

    @property
    def ends_soon(self) -> bool:
        """Whether a person has to load difficulties, lest the days to come have none."""
        return self.horizon is not None and self.horizon.is_near and not self.narrowed

    @property
    def is_wrong(self) -> bool:
        """Whether a person has something to do: an error or a warning stands, waived ones apart."""
        wrong = self.groups or self.sums or self.uncounted or self.refused or self.ends_soon
        return bool(wrong or any(not r.passed for r in self.freshness))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; docs/operate/status.md says what each key is."""
        return {
            "ok": not self.is_wrong,
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "rate": self.rate.as_dict(),
            "months": [self._month(month, list(rows)) for month, rows in groupby(self.rows, key=_month_of)],
            "problems": [group.as_dict() for group in self.groups],
            "advice": self.advice,
            "waived": [
                {
                    "settlement_date": row.day.isoformat(),
                    "property": p.name,
                    "waiver": p.waiver,
                    "waived_until": p.waived_until.isoformat() if p.waived_until else None,
                }
                for row in self.rows
                for p in row.standing.problems
                if p.waiver is not None
            ],
            "unavailable": [closed.as_dict() for closed in self.closed],
            "sums": [
                {"grain": grain, "key": key, "property": r.checked.name, "actual": r.actual, "repair": str(r.repair)}
                for grain, key, r in self.sums
            ],
            "freshness": [
                {
                    "property": r.checked.name,
                    "passed": r.passed,
                    "expected": r.expected,
                    "actual": r.actual,
                    "repair": str(r.repair),
                }
                for r in self.freshness
            ],
            "verifications": dict(self.verifications),
            "restatements": {"count": self.restatement_count, "newest": [dict(r) for r in self.restatements]},
            "unmapped_wind_like_units": list(self.unmapped),
            "uncounted_units": [unit.as_dict() for unit in self.uncounted],
            "refused_registers": [refusal.as_dict() for refusal in self.refused],
            "beside": [group.as_dict() for group in self.beside],
            "days": [row.as_dict() for row in self.rows],
        } | self._difficulty()

    def _difficulty(self) -> dict[str, Any]:
        if self.horizon is None:
            return {}
        last = self.horizon.last_day
        return {"difficulty_reaches": last.isoformat() if last else None, "difficulty_warning": self.horizon.is_near}

    def _month(self, month: str, rows: Sequence[DayRow]) -> dict[str, Any]:
        counts: dict[str, int] = {}
        for row in rows:
            counts[row.status] = counts.get(row.status, 0) + 1
        rate = self.rates.get(month)
        return {"year_month": month, "days": len(rows), "by_status": counts, "rate": rate.as_dict() if rate else None}


def read_report(
    database_url: str,
    first: dt.date,
    last: dt.date,
    now: dt.datetime,
    *,
    narrowed: bool,
    closed: ClosedDays = NOTHING_CLOSED,
    horizon: Horizon | None = None,
    of_sample: Collection[dt.date] | None = None,
) -> StatusReport:
    """Read how the days from ``first`` to ``last`` stand at ``now``.

    Args:
        database_url: the warehouse.
        first: the first day.
        last: the last day; before ``first`` where there is none.
        now: the time of the look.
        narrowed: these days were chosen: freshness, which is about now, is left out.
        closed: the days that people have closed, as the file has them now.
        horizon: of the difficulty.
        of_sample: the days that there can be, where the source is the bundled sample; None where it is Elexon.
    """
    days = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    rows = read_days(database_url, [day for day in days if of_sample is None or day in of_sample], closed)
    with Warehouse.open(database_url) as warehouse, warehouse.connection() as connection:
        span = {"first_day": first, "last_day": last}
        groups = group_days((row.standing for row in rows), now)
        findings = look_at_rows(connection, first, last) if narrowed else take_inventory(connection, first, now, closed)
        sums = list(_failed_sums(connection, first, last, now))
        uncounted = read_open_units(connection, first, last, settlement_date(now))
        refused = waiting_refusals(connection)
        beside = look_beside(connection, first, last)
        told = {
            c.EVERY_DAY_IS_COMPLETE: groups,
            c.EVERY_SUM_IS_OF_ITS_DAYS: sums,
            c.EVERY_WIND_UNIT_IS_COUNTED: uncounted,
            c.REGISTER_IS_BELIEVED: refused,
            c.EVERY_DAY_HAS_ITS_TURN_UP: beside,
        }
        untold = [f for f in findings if f.result.checked.family != "freshness" and not told.get(f.result.checked)]
        rates = {
            month: _rate(list(of_month))
            for month, of_month in groupby(
                connection.execute(statement("status/rates"), span), key=lambda r: str(r.year_month)
            )
        }
        verifications = connection.execute(statement("status/verifications"), {**span, "sample_size": LATEST}).one()
        restatements = connection.execute(statement("status/restatements"), {**span, "sample_size": LATEST}).all()
        return StatusReport(
            first=first,
            last=last,
            rows=rows,
            groups=sorted([*groups, *_of_findings(untold, rows, are_told=bool(groups))], key=lambda g: g.severity),
            advice=None if narrowed else never_started(groups, first),
            freshness=[f.result for f in findings if f.result.checked.family == "freshness"],
            sums=sums,
            rates=rates,
            rate=_total(rates.values()),
            verifications={
                "last_at": verifications.last_at.isoformat() if verifications.last_at else None,
                "outcomes": verifications.outcomes,
                "newest": verifications.newest,
            },
            restatements=[_plain(r) for r in restatements],
            restatement_count=restatements[0].all_count if restatements else 0,
            unmapped=unmapped_units(database_url),
            closed=_closed_days(rows, closed, stored_closed_days(connection).keys()),
            uncounted=uncounted,
            refused=refused,
            beside=beside,
            horizon=horizon,
            narrowed=narrowed,
        )


def _of_findings(findings: Iterable[Finding], rows: Sequence[DayRow], *, are_told: bool) -> Iterator[Group]:
    """What each finding that does not hold says of which days: of all of ``rows`` where it names none.

    Where nothing is stored, those that looked at nothing are one; and none where the days ``are_told`` as wrong
    already, or people have closed them all.
    """
    if not rows:
        return  # no day is due yet: freshness says so
    first, last = rows[0].day, rows[-1].day
    is_empty = not any(row.standing.is_stored for row in rows)
    unseen = []
    for result, groups in ((f.result, f.groups) for f in findings if not f.result.passed):
        name = result.checked.full_name
        if is_empty and not result.looked_at:
            unseen.append(name)
        elif groups:
            yield from groups
        else:
            what = f"not as they should be: expected {result.expected}; found {result.actual}"
            yield Group(first, last, what, result.checked.severity, (name,), result.repair)
    if unseen and not are_told and any(row.status != UNAVAILABLE for row in rows):
        yield Group(first, last, "not stored, so that nothing was looked at", "ERROR", (), REINGEST.over(first, last))


def print_report(report: StatusReport, console: Console) -> None:
    """Print a report: the table by month, the rate, and what is wrong with the commands that mend it."""
    named = naming_commands()

    def say(text: str) -> None:
        console.print(named(printable_lines(text)), markup=False, soft_wrap=True)

    if any(row.standing.is_stored for row in report.rows):
        rates = {month: percent(rate.matched, rate.expected) for month, rate in report.rates.items()}
        print_table(status_table(report.rows, rates), console)
        for line in _rate_lines(report):
            say(line)
    else:
        of = f"of {span_text(report.first, report.last)}" if report.narrowed else "yet"
        say(f"Nothing is stored {of}. Fetch a day: minerecon reingest YYYY-MM-DD")
    for line in _problem_lines(report, console.width):
        say(line)
    for line in _history_lines(report, console.width):
        say(line)
    if report.horizon is not None:
        say(str(report.horizon))
    if report.unmapped:
        which = f"units that look like wind and are not mapped: {', '.join(report.unmapped)}"
        say(textwrap.fill(f"In the register, and no part of the above: {which}", max(console.width, 40)))


def percent(part: int, whole: int) -> str:
    """``part`` of ``whole`` in per cent with two digits, cut off: 100 % is said of all and of nothing less."""
    if not whole:
        return "-"
    if part == whole:
        return "100 %"
    hundredths = 10_000 * part // whole
    return f"{hundredths // 100}.{hundredths % 100:02d} %"


def _rate_lines(report: StatusReport) -> Iterator[str]:
    if report.rate.expected:
        share = percent(report.rate.matched, report.rate.expected)
        yield f"{share} of what is stored is right: {report.rate.expected:,} calculations reconciled."
    if report.rate.days_unchecked:
        yield f"Not in that rate: {report.rate.days_unchecked:,} stored days whose calculations were never compared."
    for month, rate in report.rates.items():
        if rate.differing:
            yield f"{month}: " + ", ".join(f"{model} {share}" for model, share in rate.differing.items())


def _difficulty_lines(report: StatusReport, width: int, words: str) -> Iterator[str]:
    yield from _with_command(f"{words}: {str(report.horizon).rstrip('.')}", str(LOAD_DIFFICULTY), width)


def _problem_lines(report: StatusReport, width: int) -> Iterator[str]:
    is_over = report.ends_soon and report.horizon is not None and report.horizon.is_over
    if is_over:  # first, since what mends the others needs it
        yield from _difficulty_lines(report, width, "Without a difficulty")
    for result in report.freshness:
        if not result.passed:
            name = result.checked.name
            yield from _with_command(
                f"Not fresh, {name}: expected {result.expected}, found {result.actual}", str(result.repair), width
            )
    if report.ends_soon and not is_over:
        yield from _difficulty_lines(report, width, "Soon without a difficulty")
    for group in report.groups[:MOST_LINES]:
        yield from _with_command(group.headline, str(group.repair), width)
    if len(report.groups) > MOST_LINES:
        yield f"… and {len(report.groups) - MOST_LINES} more: narrow it down with --from and --to, or use --json"
    if report.advice:
        yield textwrap.fill(f"{report.advice[0].upper()}{report.advice[1:]}.", max(width, 40))
    for refusal in report.refused:
        yield from _with_command(f"Refused: {refusal}", str(refusal.remedy), width)
    for unit in report.uncounted[:MOST_LINES]:
        yield from _with_command(f"Not counted: {unit}", str(REFRESH_REGISTER), width)
    if len(report.uncounted) > MOST_LINES:
        yield f"… and {len(report.uncounted) - MOST_LINES} more units that are not counted: --json has all"
    wrong_sums = sorted(report.sums, key=lambda s: (s[0], s[2].actual, str(s[2].repair), s[1]))
    for (grain, actual, repair), same in groupby(wrong_sums, key=lambda s: (s[0], s[2].actual, str(s[2].repair))):
        keys = list(dict.fromkeys(key for _, key, _ in same))
        which = ", ".join(keys) if len(keys) <= LATEST else f"{len(keys)} {grain}s, {keys[0]} to {keys[-1]},"
        yield from _with_command(f"Sums of {which}: {actual}", repair, width)
    for group in report.beside[:MOST_LINES]:
        yield from _with_command(f"Beside the days: {group.headline}", str(group.repair), width)
    if len(report.beside) > MOST_LINES:
        yield f"… and {len(report.beside) - MOST_LINES} more beside the days: --json has all"
    waived = [(row.day, p) for row in report.rows for p in row.standing.problems if p.waiver is not None]
    waived.sort(key=lambda w: (w[1].name, w[1].waiver or "", w[0]))
    for (name, waiver, until), of_it in groupby(waived, key=lambda w: (w[1].name, w[1].waiver, w[1].waived_until)):
        days = [day for day, _ in of_it]
        which = str(days[0]) if len(days) == 1 else f"{len(days)} days, {days[0]} to {days[-1]}"
        yield textwrap.fill(f"Waived until {until}: {name} of {which}: {waiver}", max(width, 40))
    for closed in report.closed:
        yield textwrap.fill(str(closed), max(width, 40))


def _closed_days(rows: Sequence[DayRow], closed: ClosedDays, followed: Collection[dt.date]) -> list[ClosedRange]:
    entries = {row.day: (entry, row.day in followed) for row in rows if (entry := closed.of(row.day)) is not None}
    return [ClosedRange(first, last, *entries[first]) for first, last in spans(entries, alike=entries.get)]


def _history_lines(report: StatusReport, width: int) -> Iterator[str]:
    def wrapped(text: str) -> str:
        return textwrap.fill(text, max(width, 40), subsequent_indent="    ", break_on_hyphens=False)

    outcomes = report.verifications["outcomes"]
    if outcomes:
        counts = ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(outcomes.items(), key=lambda o: -o[1]))
        last = str(report.verifications["last_at"])[:16].replace("T", " ")
        yield wrapped(f"Compared with Elexon: {_times(sum(outcomes.values()))}, last at {last} UTC: {counts}.")
    for v in report.verifications["newest"]:
        done = v["repair"] or v["error"] or f"{v['problems']:,} problem{'' if v['problems'] == 1 else 's'}"
        yield wrapped(f"  {v['settlement_date']} {v['action']} by {v['requested_by']}: {v['outcome']}; {done}")
    if report.restatement_count:
        yield f"Changed at the source after the day: {_times(report.restatement_count)}; the latest:"
    for r in report.restatements:
        mwh = f"{Decimal(r['old_curtailed_mwh']):,.1f} to {Decimal(r['new_curtailed_mwh']):,.1f} MWh"
        gbp = " to ".join(pounds(Decimal(r[f"{when}_payment_gbp"]), 0) for when in ("old", "new"))
        was = "was incomplete: what it lacked has come" if r["old_state"] == "incomplete" else r["old_state"]
        yield wrapped(f"  {r['settlement_date']} ({was}): {mwh}, {gbp}")


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n:,} times"


def _with_command(text: str, command: str, width: int) -> Iterator[str]:
    """A line with the command that mends it; on lines of their own where the terminal is too narrow for both."""
    if len(text) + len(command) + 2 <= width:
        yield f"{text}: {command}"
    else:
        yield textwrap.fill(text + ":", max(width, 40), break_long_words=False, break_on_hyphens=False)
        # Several commands, one after the other, are a line each: a terminal would break them within a date.
        yield from (f"    {each}" for each in command.split(THEN))


def _failed_sums(
    connection: Connection, first: dt.date, last: dt.date, now: dt.datetime
) -> Iterator[tuple[Grain, str, Result]]:
    for grain in _GRAINS:
        form = "%Y-%m" if grain == "month" else "%Y"
        for key, results in look_at_sums(connection, grain, now).items():
            if first.strftime(form) <= key <= last.strftime(form):
                yield from ((grain, key, r) for r in results if not r.passed)


def _month_of(row: DayRow) -> str:
    return f"{row.day:%Y-%m}"


def _rate(of_models: Sequence[Row[Any]]) -> Rate:
    by_model = {r.miner_model: (int(r.expected_count), int(r.matched_count)) for r in of_models}
    return Rate(
        expected=sum(expected for expected, _ in by_model.values()),
        matched=sum(matched for _, matched in by_model.values()),
        by_model=by_model,
        days_unchecked=max(r.days_stored - r.days_checked for r in of_models),
    )


def _total(rates: Iterable[Rate]) -> Rate:
    months = list(rates)
    models = dict.fromkeys(model for rate in months for model in rate.by_model)
    return Rate(
        expected=sum(rate.expected for rate in months),
        matched=sum(rate.matched for rate in months),
        by_model={
            model: (
                sum(rate.by_model.get(model, (0, 0))[0] for rate in months),
                sum(rate.by_model.get(model, (0, 0))[1] for rate in months),
            )
            for model in models
        },
        days_unchecked=sum(rate.days_unchecked for rate in months),
    )


def _exact_percent(part: int, whole: int) -> str | None:
    return f"{Decimal(100 * part) / Decimal(whole):.10f}" if whole else None


def _plain(row: Row[Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, dt.date) else str(value)
        for name, value in row._mapping.items()
        if name != "all_count"
    }
