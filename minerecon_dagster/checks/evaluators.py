"""The checks of a settlement day, evaluated inside the transaction that builds it, and of a stored day at any time.

Each compares what should be there, from the calendar, from Elexon's answers or from the tables, with
what is, and returns its violators and how much it looked at.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from minerecon_dagster.checks.properties import DAY_PROPERTIES
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.calendar import STACK_SIDES, period_count, period_starts
from minerecon_dagster.core.checks import Property, Result, result
from minerecon_dagster.core.emissions import CCGT, factor_on
from minerecon_dagster.core.exact import EXACT, pounds
from minerecon_dagster.core.mining import (
    FORMULA_VERSION,
    MINER_MODELS,
    block_subsidy_btc,
    broken_model_ratios,
)
from minerecon_dagster.core.register import BmUnit
from minerecon_dagster.core.repairs import REBUILD, REFETCH, REINGEST
from minerecon_dagster.core.restatement import MOST_DAYS, MOST_LOST, MOST_LOST_OF_MANY, losses_text
from minerecon_dagster.core.spans import periods_text
from minerecon_dagster.core.states import LONGEST_PLAIN_SILENCE, slots_text
from minerecon_dagster.elexon.datasets import of_the_day, required_control_totals
from minerecon_dagster.elexon.datasets.stack import Bid
from minerecon_dagster.elexon.reading import DayReading
from minerecon_dagster.warehouse.store import statement

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.elexon.archive import ArchivedDay

BTC_TOLERANCE = Decimal("1e-12")
"""Relative. PostgreSQL's division keeps 16 significant digits or more; a fault is larger."""
STALE_CAPACITY = Decimal("1.1")
"""How far a unit's energy may exceed its registered capacity: the register follows a repowering late."""
UNMAPPED_CAPACITY = Decimal("1.25")
"""How far the wind output may exceed what all wind farms of the register can give.

AGWS also has farms that are no BM unit, about a quarter of the mapped capacity, and the register lags. No day comes
near it: all of Britain's wind farms at their full power would. The fault that it is there for, MW added up as MWh,
doubles the figure: it is found where the output is above 62 % of capacity, in a period or over the day; of a calmer
day no bound could find it, so that a period's MWh are compared with its MW as well.
"""


def completeness(reading: DayReading) -> list[Result]:
    """Whether every due period and both control totals came (ERROR), and every due period is there (WARN)."""
    judgement, day = reading.judgement, reading.day
    slots = judgement.periods_due * len(reading.sides)
    failed = [
        {"stack_side": s, "settlement_period": p, "error": reading.errors.get((s, p))} for s, p in judgement.failed
    ]
    missing = [
        {"stack_side": s, "settlement_period": p, "why": reading.errors.get((s, p))} for s, p in judgement.unpublished
    ]
    required = required_control_totals()
    no_control = [{"control_total": f"{report} {s}", "error": e} for report, s, e in reading.control_errors]
    return [
        result(
            c.PERIODS_FETCHED,
            looked_at=slots,
            expected=f"{slots} answers for {judgement.periods_due} due periods",
            actual=f"{len(failed)} missing",
            repair=REFETCH.over(day),
            violations=failed,
        ),
        result(
            c.CONTROL_TOTAL_PRESENT,
            looked_at=len(STACK_SIDES) * len(required),
            expected=f"{', '.join(f'{t.what} ({t.report})' for t in required)} of {' and '.join(STACK_SIDES)}",
            actual=f"{len(no_control)} missing",
            repair=REFETCH.over(day),
            violations=no_control,
        ),
        result(
            c.PERIODS_PRESENT,
            looked_at=len(reading.looks),
            expected=f"{judgement.periods_due} due periods of {judgement.periods_expected}",
            actual=f"{judgement.periods_present} present"
            + (f", unpublished: {periods_text([p for _, p in judgement.unpublished])}" if missing else ""),
            repair=REINGEST.over(day),
            violations=missing,
        ),
        rows_of_the_rerun(reading),
        _source_not_silent(reading),
        result(
            c.NO_LONG_SILENCE,
            looked_at=len(reading.looks),
            expected=f"no side without acceptances for more than {LONGEST_PLAIN_SILENCE} periods in a row",
            actual=f"believed, since two looks confirmed it: {slots_text(reading.confirmed)}"
            if reading.confirmed
            else "none that is believed",
            repair=c.NO_LONG_SILENCE.repair_of(day),
            violations=[{"stack_side": s, "settlement_period": p} for s, p in reading.confirmed],
        ),
        *(result for dataset in of_the_day() for result in dataset.completeness(reading)),
    ]


def rows_of_the_rerun(reading: DayReading) -> Result:
    """Whether the rows of a day that was fetched after its second run are of it (WARN: it is provisional).

    A row that does not say when it was made is no evidence. Where none does, on either side and in the control totals
    too, there was nothing to look at.
    """
    judgement, day = reading.judgement, reading.day
    if not _is_after_rerun(reading):
        return result(
            c.ROWS_OF_THE_RERUN,
            looked_at=len(reading.looks),
            expected="none yet: it was fetched before Elexon's second run of it was over",
            actual="as the clock says",
            repair=REINGEST.over(day),
        )
    said = sum(at is not None for at in reading.made_at.values())
    return result(
        c.ROWS_OF_THE_RERUN,
        looked_at=said,
        expected=f"{len(reading.made_at)} periods and sides of Elexon's second run",
        actual=f"{said} say so; of {len(reading.made_at) - said} no row says when it was made",
        problem=reading.first_run_problem() or "no row says when it was made",
        repair=REINGEST.over(day),
        violations=[
            {"stack_side": s, "settlement_period": p, "newest_row_made_at": _text(reading.made_at[s, p])}
            for s, p in judgement.first_run
        ],
    )


def _is_after_rerun(reading: DayReading) -> bool:
    """Whether all of the day is there and was fetched after the re-run: but for its rows it were final."""
    return reading.judgement.state == "final" or bool(reading.judgement.first_run)


def _source_not_silent(reading: DayReading) -> Result:
    lacking = [{"answer": str(key), "periods": periods_text(periods)} for key, periods in sorted(reading.kept.items())]
    return result(
        c.SOURCE_NOT_SILENT,
        looked_at=len(reading.looks) + sum(said.answer_count for said in reading.said.values()),
        expected="in every answer the rows that it had before",
        actual=f"silent, and kept as it was: {reading.kept_text()}" if lacking else "they have them",
        repair=c.SOURCE_NOT_SILENT.repair_of(reading.day),
        violations=lacking,
    )


def restatement_believable(
    archived: ArchivedDay, losses: Sequence[dict[str, Any]] = (), accepted_by: str | None = None
) -> Result:
    """Whether what Elexon says of a final day has lost too much of it to be believed.

    Args:
        archived: what the day is built from, and what was refused since.
        losses: what it loses of the final day that it is to replace.
        accepted_by: who takes that all the same.
    """
    wrong: list[dict[str, Any]] = [] if accepted_by else list(losses)
    actual = "nothing like it"
    if accepted_by and losses:
        actual = f"{losses_text(losses)} gone, taken by {accepted_by}"
    elif losses:
        actual = f"{losses_text(losses)} gone: kept in the archive, and not built from"
    elif archived.refused is not None:
        refusal = archived.refused.refusal
        actual = f"refused on {refusal.refused_at:%Y-%m-%d %H:%M} UTC: {refusal.why}"
        wrong = [{"archive_uri": archived.refused.uri, "why": refusal.why}]
    return result(
        c.RESTATEMENT_BELIEVABLE,
        looked_at=1,
        expected=f"a final day loses at most {MOST_LOST:.0%} of its energy, units or gross money, at once and in all, "
        f"and {MOST_LOST_OF_MANY:.0%} where {MOST_DAYS} other days have lost more than that",
        actual=actual,
        repair=c.RESTATEMENT_BELIEVABLE.repair_of(archived.day),
        violations=wrong,
    )


ByUnit = Mapping[str, Sequence[Decimal]]
"""By unit what its bids come to: the columns of ``checks/stored_by_unit``."""
_OF_A_UNIT = (
    "row_count", "volume_mwh", "payment_gbp", "so_row_count", "so_volume_mwh", "so_payment_gbp", "placed_mwh",
)  # fmt: skip


def bids_by_unit(bids: Iterable[Bid]) -> ByUnit:
    """What the accepted wind bids of each unit come to, exactly."""
    found: dict[str, list[Decimal]] = {}
    with localcontext(EXACT):
        for side, period, row in bids:
            of_unit = found.get(row.id)
            if of_unit is None:
                of_unit = found[row.id] = [Decimal()] * len(_OF_A_UNIT)
            volume, price = row.volume, row.original_price
            payment = volume * price if price is not None else Decimal()
            of_unit[0] += 1
            of_unit[1] += volume
            of_unit[2] += payment
            if row.so_flag:
                of_unit[3] += 1
                of_unit[4] += volume
                of_unit[5] += payment
            of_unit[6] += volume * (2 * period + (side == "offer"))
    return found


def records_match_archive(connection: Connection, reading: DayReading, bids: Sequence[Bid], archive: ByUnit) -> Result:
    """Compare rows, MWh and GBP per unit between the archive's answers and what is stored, exactly.

    That they are in the same periods and on the same side is compared by a weighted sum of the volumes. What is stored
    of another dataset, it compares itself: the wind output, per period.

    Args:
        connection: the warehouse.
        reading: the day.
        bids: its accepted wind bids.
        archive: what these come to, by unit.
    """
    names = _OF_A_UNIT
    with localcontext(EXACT):
        stored = {
            r.bmu_id: [Decimal(getattr(r, name)) for name in names]
            for r in connection.execute(statement("checks/stored_by_unit"), {"day": reading.day})
        }
        wrong: list[dict[str, Any]] = [
            {"bmu_id": unit, "archive": _texts(names, archive.get(unit)), "stored": _texts(names, stored.get(unit))}
            for unit in sorted(archive.keys() | stored.keys())
            if archive.get(unit) != stored.get(unit)
        ]
        wrong += [v for dataset in of_the_day() for v in dataset.stored_otherwise(connection, reading, bids)]
        answers = len(reading.rows)
        return result(
            c.RECORDS_MATCH_ARCHIVE,
            looked_at=answers,
            expected=_totals(archive, f"in {answers} archived answers"),
            actual=_totals(stored, "stored"),
            repair=REBUILD.over(reading.day),
            violations=wrong,
        )


@dataclass(frozen=True, slots=True)
class MatchRate:
    """How many of a day's calculations with a miner model are right, of how many there should be."""

    miner_model: str
    expected_count: int
    matched_count: int


def calculations(
    connection: Connection, day: dt.date, *, bids: Iterable[Bid] | None = None
) -> tuple[list[Result], list[MatchRate]]:
    """Compare each calculation with the records and with the formula on its own stored inputs.

    Args:
        connection: the warehouse.
        day: settlement date.
        bids: the day's accepted wind bids in the archive, which say how many calculations there should be;
            without them, the stored records do.

    Returns:
        The results, and the rate of each model.
    """
    models = [m.name for m in MINER_MODELS]
    try:
        subsidies: Sequence[Decimal | None] = [block_subsidy_btc(start) for start in period_starts(day)]
        unknown = None
    except ValueError as error:
        subsidies, unknown = [None] * period_count(day), str(error)
    found = connection.execute(
        statement("checks/calculations"),
        {
            "day": day,
            "models": models,
            "hashrates_ths": [m.hashrate_ths for m in MINER_MODELS],
            "powers_w": [m.power_w for m in MINER_MODELS],
            "subsidies_btc": subsidies,
            "formula_version": FORMULA_VERSION,
            "tolerance": BTC_TOLERANCE,
        },
    ).all()
    compared, calculated = sum(f.compared for f in found), sum(f.calculated for f in found)
    matched = {f.miner_model: f.matched for f in found}

    def of(checked: Property, looked_at: int, expected: str) -> Result:
        wrong = _ordered(v for f in found for v in getattr(f, checked.name))
        # Of a day without curtailment, that each model has nothing either is what was looked at.
        return _evaluated(checked, day, looked_at if compared else len(models), expected, wrong)

    results = [
        of(
            c.CALCULATIONS_MATCH_RECORDS,
            compared,
            f"the periods, units and energy of the SO-flagged records, for {len(models)} models",
        ),
        of(c.ONE_FORMULA_VERSION, calculated, f"version {FORMULA_VERSION} of the formula"),
        of(c.BTC_RECOMPUTED, calculated, "the formula on the stored energy, difficulty and subsidy"),
        c.could_not_look(c.SUBSIDY_BY_HEIGHT, day, unknown)
        if unknown
        else of(c.SUBSIDY_BY_HEIGHT, calculated, f"{_either(subsidies)} BTC a block"),
    ]
    of_archive = {(period, row.id) for _, period, row in bids or () if row.so_flag}
    expected = len(of_archive) if bids is not None else max((f.expected for f in found), default=0)
    return results, [MatchRate(m, expected, min(matched.get(m, 0), expected)) for m in models]


def sums(connection: Connection, day: dt.date, coverage: Mapping[str, object] | None = None) -> list[Result]:
    """Compare each figure of the day's summaries with the sum of its parts, exactly, and the models with each other.

    Args:
        connection: the warehouse.
        day: settlement date.
        coverage: the day's state and counts of periods, as its answers have them; None where they are not at hand.
    """
    models = [m.name for m in MINER_MODELS]
    figures = connection.execute(statement("checks/sums_match_parts"), {"day": day, "models": models}).all()
    wrong = [
        {"figure": f.figure, "expected": str(f.expected), "actual": str(f.actual)} for f in figures if not f.matches
    ]
    if coverage is not None:
        row = connection.execute(statement("checks/stored_coverage"), {"day": day}).one_or_none()
        stored = dict(row._mapping) if row is not None else {}
        wrong += [
            {"figure": name, "expected": str(value), "actual": _text(stored.get(name))}
            for name, value in coverage.items()
            if stored.get(name) != value
        ]
    looked_at = len(figures) + len(coverage or ())
    mined = {
        model: f.actual
        for model in models
        for f in figures
        if f.figure == f"mined_btc {model}" and f.actual is not None
    }
    return [
        _evaluated(c.SUMS_MATCH_PARTS, day, looked_at, f"{looked_at} figures equal to their parts", wrong),
        model_ratios(day, mined),
    ]


def model_ratios(day: dt.date, mined_btc: Mapping[str, Decimal]) -> Result:
    """Compare the day's Bitcoin of each model with that of the first one."""
    found = ", ".join(f"{btc:.8f} {model}" for model, btc in mined_btc.items())
    return result(
        c.MODEL_RATIOS,
        looked_at=len(mined_btc),
        expected=f"the Bitcoin of {len(MINER_MODELS)} models in the ratios of their hash rates per watt",
        actual=found or "none",
        repair=c.MODEL_RATIOS.repair_of(day),
        violations=broken_model_ratios(mined_btc),
    )


def difficulty(connection: Connection, day: dt.date, value: Decimal, source: str) -> list[Result]:
    """The day has a validated difficulty, and was computed with it; `difficulty_missing` is for one that has none."""
    stored = connection.execute(
        text("SELECT difficulty FROM minerecon.bitcoin_difficulty WHERE settlement_date = :day"), {"day": day}
    ).scalar()
    known = result(
        c.DIFFICULTY_KNOWN,
        looked_at=1,
        expected=f"a positive difficulty in {source}",
        actual=value,
        repair=c.DIFFICULTY_KNOWN.repair,
    )
    same = result(
        c.DIFFICULTY_MATCHES_SOURCE,
        looked_at=1,
        expected=f"{value}, in {source}",
        actual="none stored" if stored is None else stored,
        repair=c.DIFFICULTY_MATCHES_SOURCE.repair_of(day),
        violations=[] if stored == value else [{"stored": _text(stored), "source": str(value)}],
    )
    return [known, same]


def difficulty_missing(day: dt.date, reason: str) -> list[Result]:
    """The day has no usable difficulty, and why; so nothing can be compared with it."""
    known = result(
        c.DIFFICULTY_KNOWN,
        looked_at=1,
        expected="a positive difficulty",
        actual="none",
        repair=c.DIFFICULTY_KNOWN.repair,
        violations=[{"error": reason}],
    )
    return [known, c.could_not_look(c.DIFFICULTY_MATCHES_SOURCE, day, reason)]


def not_run(
    day: dt.date, why: str, *, results: Iterable[Result] = (), of: Collection[str] | None = None
) -> list[Result]:
    """A failed result for each blocking family that was not come to: a check that could not run has failed.

    Args:
        day: settlement date.
        why: what kept it from being run.
        results: what was evaluated.
        of: the families that should have been; None for all.
    """
    ran = {r.checked.family for r in results}
    first = {p.family: p for p in reversed(DAY_PROPERTIES) if p.severity == "ERROR"}
    wanted = [p for p in first.values() if p.family not in ran and (of is None or p.family in of)]
    return [c.could_not_look(p, day, why, repair=REINGEST.over(day)) for p in wanted]


_IN_SQL: Mapping[str, Mapping[Property, str]] = {
    "physics": {
        c.UNIT_ENERGY_WITHIN_CAPACITY: f"each unit's energy in a period at most {STALE_CAPACITY} × half its capacity",
        c.WIND_OUTPUT_WITHIN_CAPACITY: f"at most {UNMAPPED_CAPACITY} × the installed wind capacity, and MWh = MW / 2",
    },
    "money": {
        c.PAYMENT_IS_VOLUME_TIMES_PRICE: "each payment the product of its volume and price, and the day's their sums",
        c.NET_IS_PAID_MINUS_REFUNDED: "net = paid − refunded, each the sum of its records",
        c.SIGNS_BY_FORMULA: "volumes below 0, energy above it, payments signed by volume × price",
    },
    "turn_up": {
        c.TURN_UP_TARGET_IS_CURTAILED: "the SO-flagged curtailed energy of each period",
        c.TURN_UP_ADDS_UP: "turn-up + uncovered = target; fuels = periods = day; CO2 by the factors",
    },
    "register": {
        c.UNITS_IN_FORCE: "units that are wind farms in the register in force",
        c.LEAD_PARTIES_IN_FORCE: "the lead parties of the register in force",
        c.UNITS_LOCATED: "a zone of every unit, in the register in force",
    },
}
"""The properties that a file of ``sql/checks`` evaluates by itself, and what it expects.

Such a file returns a row per property: ``check_name``, ``looked_at``, ``violations`` and a ``note`` or NULL.
"""


def in_sql(connection: Connection, day: dt.date, wind_units: Mapping[str, BmUnit]) -> list[Result]:
    """Evaluate the properties that the tables and the register in force decide alone.

    Args:
        connection: the warehouse.
        day: settlement date.
        wind_units: the wind farms in force on the day, by unit id.
    """
    units = list(wind_units.values())
    parameters = {
        "day": day,
        "period_count": period_count(day),
        "units": [u.bmu_id for u in units],
        "capacities_mw": [u.generation_capacity_mw for u in units],
        "lead_parties": [u.lead_party_name for u in units],
        "zones": [u.gsp_group_id for u in units],
        "stale": STALE_CAPACITY,
        "unmapped": UNMAPPED_CAPACITY,
        "ccgt_g_per_kwh": factor_on(day, CCGT),
    }
    results = []
    for file, properties in _IN_SQL.items():
        found = {r.check_name: r for r in connection.execute(statement(f"checks/{file}"), parameters)}
        for checked, expected in properties.items():
            row = found[checked.name]
            results.append(_evaluated(checked, day, row.looked_at, expected, _ordered(row.violations), row.note))
    return results


def _evaluated(
    checked: Property,
    day: dt.date,
    looked_at: int,
    expected: str,
    violations: Sequence[dict[str, Any]],
    note: str | None = None,
) -> Result:
    found = f"{len(violations)} that differ" if violations else "the same" if looked_at else "nothing to look at"
    return result(
        checked,
        looked_at=looked_at,
        expected=expected,
        actual=f"{found}; {note}" if note else found,
        repair=checked.repair_of(day),
        violations=violations,
    )


def _ordered(violations: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """By period and unit; those of the day as a whole last."""
    return sorted(violations, key=lambda v: (v.get("settlement_period", 99), v.get("bmu_id", "")))


def _short(mwh: Decimal) -> str:
    return f"{mwh:,.3f}"


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _texts(names: Iterable[str], figures: Iterable[object] | None) -> dict[str, str | None] | None:
    return None if figures is None else {n: _text(f) for n, f in zip(names, figures, strict=True)}


def _either(figures: Iterable[Decimal | None]) -> str:
    return " or ".join(str(f) for f in dict.fromkeys(figures))


def _totals(by_unit: ByUnit, where: str) -> str:
    rows, mwh, gbp = (sum((f[i] for f in by_unit.values()), Decimal()) for i in range(3))
    return f"{rows} rows, {_short(-mwh)} MWh, {pounds(gbp)} {where}"
