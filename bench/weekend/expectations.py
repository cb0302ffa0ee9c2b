"""What must be so after the weekend, as far as it was lived through: pure functions of plan and record."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bench.weekend.record import Seen, Verdict, london
from bench.weekend.scenario import MONDAY, SATURDAY, SUNDAY, Plan, at
from bench.weekend.servers import Alert

_SOON = dt.timedelta(minutes=20)
"""In which what is found has been told: a step of the clock and its looks."""
_DUE_AND_LOOKED = dt.timedelta(minutes=31)
"""From the end of a period in which the source is silent until the day's next refresh has seen it."""


@dataclass(frozen=True)
class Expected:
    """A message that may come, or must.

    Args:
        why: what it is about.
        pattern: what its text matches.
        first, last: when.
        is_required: whether it must come.
    """

    why: str
    pattern: str
    first: dt.datetime
    last: dt.datetime
    is_required: bool = True

    def matches(self, alert: Alert) -> bool:
        """Whether the message is this one."""
        return self.first <= alert.at <= self.last and re.search(self.pattern, alert.text) is not None


def judge(plan: Plan, seen: Seen) -> list[Verdict]:
    """Every verdict, in the order of the weekend."""
    return [
        Verdict("the weekend was lived through to its end", seen.stuck is None, seen.stuck or ""),
        *_ran(seen),
        _calm(plan, seen),
        _late_periods(plan, seen),
        *_outage(plan, seen),
        *_typed_in(plan, seen),
        *_prices(plan, seen),
        *_told(plan, seen),
        *_days(seen),
        _heartbeat(seen),
    ]


def expected_alerts(plan: Plan, seen: Seen) -> list[Expected]:
    """All that may be told, with what must."""
    sums = rf"rollups\.sums_not_older_than_parts .*{plan.month}"
    refreshed = _next_half_hour(plan.typed)
    night = at(MONDAY, "02:30")
    found = [
        Expected("the typed-in total", rf"FAILING: {sums}", plan.typed, refreshed),
        Expected("the year's sums, and the look that failed", r"(FAILING|RUN FAILED): (rollups|verify)", plan.typed,
                 refreshed, is_required=False),
        Expected("the typed-in total, repaired", rf"CLEARED: {sums}", refreshed, refreshed + 2 * _SOON),
        Expected("the year's sums, and the look that failed, made good", r"CLEARED: (rollups|verify)", plan.typed,
                 refreshed + 2 * _SOON, is_required=False),
        Expected("the total typed in before the sweep", r"(FAILING|CLEARED): rollups", plan.typed_before_sweep,
                 at(MONDAY, "05:00"), is_required=False),
        Expected("the price source is down", "RUN FAILED: refresh_prices", night, night + _SOON),
        Expected("the prices were fetched", "CLEARED: refresh_prices", plan.prices_asked, plan.prices_asked + _SOON),
    ]  # fmt: skip
    for time, until in ((at(MONDAY, "09:05"), at(MONDAY, "09:30")), (at(MONDAY, "12:05"), at(MONDAY, "12:30"))):
        if _status(seen, SUNDAY, time) in ("incomplete", "failing", "missing"):
            found.append(Expected(f"Sunday is not there at {london(time)}", SUNDAY, time, until, time.hour == 9))
    return found


def _ran(seen: Seen) -> Iterator[Verdict]:
    bad = [f"{t.schedule} {london(t.due)}: {t.status}" for t in seen.ticks if t.status not in ("SUCCESS", "SKIPPED")]
    yield Verdict(f"every schedule ticked when it was due ({len(seen.ticks)} ticks)", not bad, "; ".join(bad[:5]))
    failed = {name: counts for name, counts in seen.sensors.items() if counts.get("FAILURE")}
    yield Verdict("no sensor's tick failed", not failed, str(failed) if failed else "")
    wrong = [
        f"{r['job']} {r['partitions'] or ''} at {london(dt.datetime.fromisoformat(r['created']))}: {r['status']}"
        for r in seen.runs
        if r["status"] != "SUCCESS" and r["job"] != "refresh_prices" and r["asked_by"] != "a person"
    ]
    said = f"{len(seen.runs)} runs"
    yield Verdict(f"every run but the price's succeeded ({said})", not wrong, "; ".join(wrong[:5]))


def _calm(plan: Plan, seen: Seen) -> Verdict:
    told = [a for a in seen.alerts if a.at < plan.outage[0]]
    return Verdict("calm until the outage: nothing was told", not told, _first_lines(told))


def _late_periods(plan: Plan, seen: Seen) -> Verdict:
    what = "two late periods showed at once, were filled, and nobody was alerted"
    first, last = plan.late
    if seen.started > first or not _reached(seen, last + _DUE_AND_LOOKED):
        return Verdict(what, None, "")
    during = _day_between(seen, SATURDAY, first + _DUE_AND_LOOKED, last)
    after = _day_between(seen, SATURDAY, last + _DUE_AND_LOOKED, last + 2 * _DUE_AND_LOOKED)
    told = [a for a in seen.alerts if first <= a.at <= last + _DUE_AND_LOOKED]
    shown = bool(during) and all(d.status == "incomplete" for _, d in during)
    filled = bool(after) and all(d.status == "provisional" and d.periods_present == d.periods_due for _, d in after)
    return Verdict(what, shown and filled and not told, _history(during) + _first_lines(told))


def _outage(plan: Plan, seen: Seen) -> Iterator[Verdict]:
    first, last = plan.outage
    during = _day_between(seen, SUNDAY, first + _DUE_AND_LOOKED, last)
    reached = _reached(seen, first + 2 * _DUE_AND_LOOKED)
    wrong = [(t, d) for t, d in during if d.status != "incomplete" or d.periods_present == d.periods_due]
    yield Verdict(
        "in the outage Sunday was incomplete at once, and its silent periods were not counted as there",
        not wrong if reached and during else None,
        _history(wrong),
    )
    before = _day_between(seen, SUNDAY, first - dt.timedelta(hours=1), first)
    kept = before[-1][1].curtailed_mwh if before else None
    lost = [(t, d) for t, d in during if kept is not None and (d.curtailed_mwh or 0) < kept - 1e-6]
    yield Verdict(
        "the outage displaced no rows: Sunday's energy did not fall",
        not lost if reached and during and kept is not None else None,
        _history(lost),
    )
    asked = seen.commands.get("status in the outage")
    of_day = next((d for d in asked.json.get("days", []) if d.get("settlement_date") == SUNDAY), {}) if asked else {}
    yield Verdict(
        "`minerecon status` called Sunday incomplete in the outage",
        (of_day.get("status") == "incomplete") if asked else None,
        f"status {of_day.get('status')}, exit {asked.code}" if asked else "",
    )
    told = [a for a in seen.alerts if first <= a.at <= last + _DUE_AND_LOOKED and a.at < plan.typed]
    yield Verdict("in the outage nobody was alerted", not told if reached else None, _first_lines(told))
    after = _day_between(seen, SUNDAY, last + _DUE_AND_LOOKED, last + 2 * _DUE_AND_LOOKED)
    unfilled = [(t, d) for t, d in after if d.status != "provisional" or d.periods_present != d.periods_due]
    yield Verdict(
        "when the source was back, the next refresh filled Sunday's periods",
        not unfilled if after else None,
        _history(unfilled),
    )


def _typed_in(plan: Plan, seen: Seen) -> Iterator[Verdict]:
    looked = seen.commands.get("verify after typing")
    # The month itself, and not a day of it.
    named = looked is not None and re.search(rf"{plan.month}(?!-)", looked.output) is not None
    yield Verdict(
        "`minerecon verify` exited with 1 at once when a total of the running month had been typed in, and named it",
        looked.code == 1 and named if looked else None,
        f"exit {looked.code}, {'names it' if named else 'does not name it'}" if looked else "",
    )
    sweep = at(MONDAY, "03:30")
    night = [passed for at_, passed in seen.sums if sweep <= at_ <= sweep + _SOON]
    yield Verdict(
        "the sweep put the total that was typed in before it on record as wrong, then repaired it",
        False in night if seen.started < sweep and _reached(seen, sweep + _SOON) else None,
        f"results of the sweep: {night}",
    )
    yield Verdict("the running month is the sum of its days in the end", seen.month_is_right, "")


def _prices(plan: Plan, seen: Seen) -> Iterator[Verdict]:
    early = [a for a in seen.alerts if a.at < plan.prices_asked and re.search("CLEARED: .*price", a.text)]
    failed = any(re.search("RUN FAILED: refresh_prices", a.text) for a in seen.alerts)
    yield Verdict(
        "the failure of the prices was not called cleared before prices came",
        not early if failed else None,
        _first_lines(early),
    )
    asked = seen.commands.get("prices asked for")
    yield Verdict("`minerecon prices` fetched what was missing", asked.code == 0 if asked else None, "")


def _told(plan: Plan, seen: Seen) -> Iterator[Verdict]:
    expected = [e for e in expected_alerts(plan, seen) if seen.started <= e.first and _reached(seen, e.first)]
    for each in expected:
        if each.is_required:
            came = [a for a in seen.alerts if each.matches(a)]
            over = _reached(seen, each.last)
            yield Verdict(
                f"told: {each.why} (`{each.pattern}`, {london(each.first)} to {london(each.last)})",
                bool(came) if over or came else None,
                "" if came else "no such message",
            )
    false = [a for a in seen.alerts if not any(e.matches(a) for e in expected)]
    yield Verdict(f"nothing else was told ({len(seen.alerts)} messages)", not false, _first_lines(false))


def _days(seen: Seen) -> Iterator[Verdict]:
    for day, over in ((SATURDAY, at(SUNDAY, "06:00")), (SUNDAY, at(MONDAY, "06:00"))):
        wrong = seen.figures.get(day)
        yield Verdict(
            f"the figures of {day} equal the published ones, by unit and on both bases",
            None if wrong is None or not _reached(seen, over + _DUE_AND_LOOKED) else not wrong,
            f"{len(wrong)} differ: {wrong[:3]}" if wrong else "",
        )
    morning = at(MONDAY, "06:00") + _DUE_AND_LOOKED
    for day, wanted in ((SATURDAY, "complete"), (SUNDAY, "provisional")):
        found = _status(seen, day, morning)
        yield Verdict(
            f"{day} is {wanted} on Monday morning",
            found == wanted if _reached(seen, morning) else None,
            found or "",
        )


def _heartbeat(seen: Seen) -> Verdict:
    """A ping in each hour in which the clock stood still for looks: the sensor ticks at every step of it."""
    hours = {f"{t:%a %H}" for t in seen.days}
    beaten = {f"{t:%a %H}" for t in seen.heartbeats}
    without = [hour for hour in sorted(hours) if hour not in beaten]
    said = f"{len(without)} of {len(hours)} hours without one" if without else ""
    return Verdict("the heartbeat was heard in every hour", not without if hours else None, said)


def _reached(seen: Seen, instant: dt.datetime) -> bool:
    return seen.ended is not None and seen.ended >= instant


def _status(seen: Seen, day: str, by: dt.datetime) -> str | None:
    """How a day stood at the first look from ``by`` on."""
    return next((days[day].status for t, days in seen.days.items() if t >= by and day in days), None)


def _day_between(seen: Seen, day: str, first: dt.datetime, last: dt.datetime):  # type: ignore[no-untyped-def]
    return [(t, days[day]) for t, days in seen.days.items() if first <= t <= last and day in days]


def _history(looks) -> str:  # type: ignore[no-untyped-def]
    return "; ".join(f"{london(t)}: {d}" for t, d in looks[:4])


def _first_lines(alerts: list[Alert]) -> str:
    return "; ".join(f"{london(a.at)} {a.text.splitlines()[0][:160]}" for a in alerts[:4])


def _next_half_hour(instant: dt.datetime) -> dt.datetime:
    return instant + dt.timedelta(minutes=30 - instant.minute % 30)
