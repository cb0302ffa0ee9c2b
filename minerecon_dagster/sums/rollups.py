"""Sum days into months and years, and find the sums that are not what their days say.

All sums come from the daily tables alone: a year is not the sum of its months, so that no error of one
can hide in the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, Engine, text

from minerecon_dagster.core import checks as c
from minerecon_dagster.core.checks import Property, Result, passed, result
from minerecon_dagster.core.mining import MINER_MODELS, broken_model_ratios
from minerecon_dagster.core.repairs import RECALCULATE, REINGEST, SWEEP, all_of, words
from minerecon_dagster.core.spans import spans
from minerecon_dagster.day.build import record_results
from minerecon_dagster.warehouse.store import execute_script, statement, waiting_for_locks
from minerecon_dagster.warehouse.sums import Grain
from minerecon_dagster.warehouse.warehouse import Warehouse

TIME_TO_FOLLOW = dt.timedelta(hours=1)
"""How long sums may lag behind a day before they count as stale: the update chain and its queue need a while. It is
counted from the first day that they lack, or have though it was closed, and excuses nothing but the lag: sums that are
other than what was summed, or not the sum of the very days that were summed, are wrong at once."""

LAGGING = ("missing", "older than a day in it", "of other days than are stored")
"""The problems of sums that another roll-up is due for, as the update chain makes it."""
TYPED_IN = "not the sum of its days: changed after it was summed"
"""The problem of sums that are not what the roll-up wrote, whatever their days have become since."""


@dataclass(frozen=True)
class RollUp:
    """The sums of a month or a year: energy in MWh, money in GBP, Bitcoin in BTC per model.

    Of the days that are not present, ``days_unavailable`` are closed by a person: they never will be.
    """

    key: str
    curtailed_mwh: Decimal
    payment_gbp: Decimal
    days_present: int
    days_expected: int
    days_final: int
    is_complete: bool
    is_synthetic: bool
    days_unavailable: int
    mined_btc: Mapping[str, Decimal]


@dataclass(frozen=True)
class SumsComparison:
    """A month or year that has a stored day or a sum.

    Args:
        key: ``2025-03`` or ``2025``.
        problem: what is wrong with its sums; None where nothing is.
        lagging_since: if they lag behind its days, since when.
        waits_for: its days with a failing check: the update chain leaves it alone until they are mended.
    """

    key: str
    problem: str | None
    lagging_since: dt.datetime | None
    waits_for: Sequence[dt.date]

    @property
    def is_lagging(self) -> bool:
        """Whether its sums are what they were made from, and a day was built or closed since."""
        return self.problem in LAGGING

    def may_follow_until(self, now: dt.datetime) -> dt.datetime | None:
        """Until when its sums may lag; None where they do not, or it is over at ``now``."""
        if not self.is_lagging or self.lagging_since is None:
            return None
        until = self.lagging_since + TIME_TO_FOLLOW
        return until if now < until else None


def roll_up_months(engine: Engine, months: Iterable[str], now: dt.datetime) -> list[RollUp]:
    """Make the sums of months anew from their days, in one transaction.

    A month without any stored day gets no row, and loses the one it had. Days that fail a check are
    taken as they are stored, or are missing: whether a month should wait for them is for the caller
    to decide (`months_to_update`).

    Args:
        engine: the warehouse.
        months: calendar months, as in ``2025-03``.
        now: the time of summing.

    Returns:
        The new sums, of the months that have a stored day, in order.

    Raises:
        ConfigurationError: the warehouse is not migrated.
    """
    return _roll_up(engine, "month", sorted(set(months)), now)


def roll_up_years(engine: Engine, years: Iterable[int], now: dt.datetime) -> list[RollUp]:
    """Make the sums of calendar years anew from their days; else as `roll_up_months`."""
    return _roll_up(engine, "year", sorted(set(years)), now)


def months_to_update(connection: Connection) -> list[str]:
    """The months whose sums are missing, older than a day in them, or not the sums of their days.

    A month with a day that fails a check is left out: it waits, and is listed again when that day is mended.
    """
    return [m.key for m in compare(connection, "month") if m.problem and not m.waits_for]


def years_to_update(connection: Connection) -> list[int]:
    """The years whose sums are missing, older than a day in them, or not the sums of their days; else as months."""
    return [int(y.key) for y in compare(connection, "year") if y.problem and not y.waits_for]


def compare(connection: Connection, grain: Grain) -> list[SumsComparison]:
    """Compare the sums of every month (or year) that has a stored day or a sum with its days, in order."""
    found = connection.execute(statement("rollup/compare", grain))
    return [
        SumsComparison(str(r.key), problem=r.problem, lagging_since=r.lagging_since, waits_for=r.waits_for)
        for r in found
    ]


def look_at_sums(connection: Connection, grain: Grain, now: dt.datetime) -> dict[str, list[Result]]:
    """Evaluate both properties of every month (or year) that has a stored day or a sum, in order.

    Args:
        connection: the warehouse.
        grain: month or year.
        now: the time of the look; sums have `TIME_TO_FOLLOW` before they count as stale.

    Returns:
        For each key, as in ``2025-03``: whether its sums are what its days say, and whether its Bitcoin is in the
        models' ratios. `overall` makes of it what Dagster shows.
    """
    compared = compare(connection, grain)
    bitcoin = {
        str(r.key): {model: Decimal(btc) for model, btc in (r.mined_btc or {}).items()}
        for r in connection.execute(statement("rollup/bitcoin", grain))
    }
    broken_days, stored = _days_with_broken_ratios(connection)
    found: dict[str, list[Result]] = {}
    for x in compared:
        found[x.key] = [_sums_follow(x, grain, now)]
        # Sums that were not made yet are that property's to report, and have nothing to compare.
        if x.problem != "missing" or x.key in bitcoin:
            broken_here = [day for day in broken_days if str(day).startswith(x.key)]
            found[x.key].append(_ratios_hold(x, grain, bitcoin.get(x.key, {}), broken_here, stored))
    return found


def overall(grain: Grain, of_each: Mapping[str, Sequence[Result]]) -> list[Result]:
    """The two results over all months (or years) that `look_at_sums` returned.

    In a warehouse without any of them they have looked at nothing, and fail like every other check: an
    installation that stores nothing is not well.
    """
    found = [r for of_key in of_each.values() for r in of_key]
    ratios = _joined(grain, c.ROLLUP_MODEL_RATIOS, found, "the models' Bitcoin in their ratios", "not in the ratios")
    if of_each and not ratios.looked_at:
        # There are days, and none of their sums was made yet: whether that is late is the other property's to say.
        of_none = "no sums yet, so none out of the models' ratios"
        ratios = passed(ratios.checked, looked_at=len(of_each), expected=of_none, actual="no sums yet", repair=SWEEP)
    return [_joined(grain, c.SUMS_NOT_OLDER_THAN_PARTS, found, "each the sum of its days", "stale"), ratios]


def _joined(grain: Grain, checked: Property, found: Sequence[Result], expected: str, wrong_word: str) -> Result:
    results = [r for r in found if r.checked == checked]
    wrong = [r for r in results if not r.passed]
    repairs = list(dict.fromkeys(r.repair for r in wrong))
    if (more := len(repairs) - c.SAMPLE_SIZE) > 0:
        repairs[c.SAMPLE_SIZE :] = [words(f"and {more} more: minerecon status")]
    return result(
        checked,
        looked_at=len(results),
        expected=f"{len(results)} {grain}s, {expected}" if results else f"a {grain} with a stored day",
        actual=f"{len(wrong)} {wrong_word}" if results else "nothing is stored",
        repair=all_of(repairs) or (SWEEP if results else REINGEST.from_to),
        violations=[v for r in wrong for v in r.violations],
    )


def record_sums(
    connection: Connection,
    grain: Grain,
    of_each: Mapping[str, Sequence[Result]],
    *,
    keys: Collection[str] | None,
    now: dt.datetime,
    run_id: str | None,
) -> None:
    """Record what `look_at_sums` found, a row for each month (or year) and property.

    Args:
        connection: in a transaction of the caller's.
        grain: month or year.
        of_each: what was found.
        keys: record these, and of the others those that pass where they failed or the other way round, so that
            the day in progress, summed every half an hour, does not fill the table; None for all.
        now: the time of the look.
        run_id: the Dagster run.
    """
    found = connection.execute(
        text(
            "SELECT settlement_date, check_name, passed FROM minerecon.reconciliation_latest"
            " WHERE scope = :scope AND check_family = :family"
        ),
        {"scope": grain, "family": c.SUMS_NOT_OLDER_THAN_PARTS.family},
    )
    latest = {(_key(grain, r.settlement_date), r.check_name): r.passed for r in found}
    # Of a month that failed once, and of which neither a day nor a sum is left, nothing else would say that it is well.
    gone = {key for (key, _), passed in latest.items() if not passed and key not in of_each}
    for key, results in {**of_each, **dict.fromkeys(gone, _NOTHING_LEFT)}.items():
        news = [
            r for r in results if keys is None or key in keys or latest.get((key, r.checked.name), True) != r.passed
        ]
        if news:
            record_results(connection, _first_day(grain, key), news, now=now, run_id=run_id, scope=grain)


def _sums_follow(x: SumsComparison, grain: Grain, now: dt.datetime) -> Result:
    """Whether the sums are there, what was summed, what the days say, and not older than a day in them for long.

    Sums that wait for a failing day are stale too: what they show is not what their days say.
    """
    until = x.may_follow_until(now)
    wrong = [{grain: x.key, "problem": x.problem, "waits_for": [day.isoformat() for day in x.waits_for]}]
    return result(
        c.SUMS_NOT_OLDER_THAN_PARTS,
        looked_at=1,
        expected="the sums of its days",
        actual="the sums of its days"
        if until is None
        else f"what was summed; a day came or went since, to follow by {until:%H:%M} UTC",
        problem=x.problem,
        repair=REINGEST.over(x.waits_for[0]) if x.waits_for else SWEEP,
        violations=wrong if x.problem and until is None else [],
    )


def _ratios_hold(
    x: SumsComparison,
    grain: Grain,
    bitcoin: Mapping[str, Decimal],
    broken_days: Sequence[dt.date],
    stored: Sequence[dt.date],
) -> Result:
    broken = broken_model_ratios(bitcoin)
    if broken_days:
        # A range has no day that is not stored: of that there is nothing to calculate.
        between = [day for day in stored if broken_days[0] <= day <= broken_days[-1]]
        repair = all_of(
            RECALCULATE.over(*part) for part in spans(between) if any(part[0] <= day <= part[1] for day in broken_days)
        )
    else:
        repair = REINGEST.over(x.waits_for[0]) if x.waits_for else SWEEP
    return result(
        c.ROLLUP_MODEL_RATIOS,
        looked_at=1,
        expected=", ".join(f"{m.name} {m.hashrate_ths / m.power_w:.6f}" for m in MINER_MODELS) + " TH/s per W",
        actual="in proportion" if not broken else "; ".join(map(_said, broken)),
        repair=repair,
        violations=[{grain: x.key, **b} for b in broken],
    )


def _said(broken: Mapping[str, str | None]) -> str:
    btc = broken["mined_btc"]
    return f"{broken['miner_model']} {'not calculated' if btc is None else f'{btc} BTC'}"


_NOTHING_LEFT = [
    passed(checked, looked_at=1, expected="no sums: no day is stored", actual="none", repair=SWEEP)
    for checked in (c.SUMS_NOT_OLDER_THAN_PARTS, c.ROLLUP_MODEL_RATIOS)
]


def _days_with_broken_ratios(connection: Connection) -> tuple[list[dt.date], list[dt.date]]:
    """They, and all stored days."""
    found = connection.execute(statement("rollup/day_bitcoin")).all()
    broken = [
        r.summary_date
        for r in found
        if broken_model_ratios({model: Decimal(btc) for model, btc in (r.mined_btc or {}).items()})
    ]
    return broken, [r.summary_date for r in found]


def _first_day(grain: Grain, key: str) -> dt.date:
    return dt.date.fromisoformat(f"{key}-01" if grain == "month" else f"{key}-01-01")


def _key(grain: Grain, first_day: dt.date) -> str:
    return f"{first_day:%Y-%m}" if grain == "month" else f"{first_day:%Y}"


def _roll_up(engine: Engine, grain: Grain, keys: Sequence[str] | Sequence[int], now: dt.datetime) -> list[RollUp]:
    parameters = {"keys": keys, "now": now}
    warehouse = Warehouse(engine)
    warehouse.require_current()
    # One snapshot for energy and Bitcoin: a day that is replaced meanwhile is in both or in neither. It is
    # taken after the lock, for which limits are set without taking one.
    with warehouse.transaction(of_one_instant=True) as connection:
        with waiting_for_locks(connection):
            connection.execute(statement("rollup/lock", grain))
        execute_script(connection, "rollup/make", parameters, grain)
        return [
            RollUp(
                key=str(r.key),
                curtailed_mwh=r.curtailed_mwh,
                payment_gbp=r.payment_gbp,
                days_present=r.days_present,
                days_expected=r.days_expected,
                days_final=r.days_final,
                is_complete=r.is_complete,
                is_synthetic=r.is_synthetic,
                days_unavailable=r.days_unavailable,
                mined_btc={model: Decimal(btc) for model, btc in sorted((r.mined_btc or {}).items())},
            )
            for r in connection.execute(statement("rollup/figures", grain), parameters)
        ]
