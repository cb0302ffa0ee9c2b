"""Build a settlement day in the warehouse: records, calculations and sums, checked before the commit."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from msgspec import Raw
from psycopg2.extras import execute_values
from sqlalchemy import Connection, Engine, delete, text
from sqlalchemy.dialects.postgresql import insert

from minerecon_dagster.core import calendar
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.answers import AnswerKey
from minerecon_dagster.core.calendar import StackSide
from minerecon_dagster.core.checks import Result, Scope, result
from minerecon_dagster.core.errors import DayFailedError
from minerecon_dagster.core.mining import FORMULA_VERSION
from minerecon_dagster.core.register import BmUnit
from minerecon_dagster.core.schema import StackRow
from minerecon_dagster.core.states import Slot
from minerecon_dagster.core.waivers import Waivers
from minerecon_dagster.pipeline import checks, controls
from minerecon_dagster.pipeline.checks import Rate, UnmappedUnit
from minerecon_dagster.pipeline.fetch import CONTROLS, FetchedDay, FetchFailedError
from minerecon_dagster.pipeline.interpret import DayReading
from minerecon_dagster.warehouse.sample import refuse_to_mix
from minerecon_dagster.warehouse.store import cursor, execute_script, statement
from minerecon_dagster.warehouse.tables import calculation_reconciliation, ingestion_progress, reconciliation_results

BUILD_VERSION = 2
"""Raise it when the same inputs would be built into other rows: days are then built again when next met."""

_RECORD_COLUMNS = (
    "settlement_date, settlement_period, start_time, stack_side, bmu_id, acceptance_id, bid_offer_pair_id, "
    "sequence_number, lead_party_name, volume_mwh, original_price_gbp_per_mwh, final_price_gbp_per_mwh, so_flag, "
    "cadl_flag, elexon_created_at"
)
NO_WAIVERS = Waivers()
_NULL = r"\N"
_COPY_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


@dataclass(frozen=True)
class DayFigures:
    """What a day holds once built; energy in MWh, money in GBP, Bitcoin in BTC per model."""

    state: str
    record_count: int
    so_record_count: int
    curtailed_mwh: Decimal
    payment_gbp: Decimal
    all_bids_mwh: Decimal
    all_bids_payment_gbp: Decimal
    periods_expected: int
    periods_due: int
    periods_present: int
    wind_generation_mwh: Decimal | None
    mined_btc: Mapping[str, Decimal]
    is_synthetic: bool


class ChecksFailedError(DayFailedError):
    """A blocking check did not hold, so the day was not published; holds every result."""

    def __init__(self, message: str, results: Sequence[Result]) -> None:
        super().__init__(message)
        self.results = results


class LookFailedError(DayFailedError):
    """A stored day could not be looked at; holds a failed result for each check that it could not come to."""

    def __init__(self, message: str, results: Sequence[Result]) -> None:
        super().__init__(message)
        self.results = results


def wind_bids(reading: DayReading, wind_units: Mapping[str, BmUnit]) -> Iterator[tuple[StackSide, int, StackRow]]:
    """The rows that are curtailment: of a wind unit, with a negative volume, on either side."""
    for (side, period), rows in sorted(reading.rows.items(), key=lambda item: (item[0][0], item[0][1])):
        for row in rows:
            if row.id in wind_units and row.is_reduction:
                yield side, period, row


def _field(value: object) -> str:
    return _NULL if value is None else str(value)


def _digits(number: Raw) -> str:
    """A JSON number as PostgreSQL takes it: by its own digits."""
    text = str(number, "ascii")
    return _NULL if text == "null" else text


def _flag(value: bool | None) -> str:
    return _NULL if value is None else "t" if value else "f"


def _copy_lines(
    day: dt.date, bids: Iterable[tuple[StackSide, int, StackRow]], wind_units: Mapping[str, BmUnit]
) -> Iterator[str]:
    starts = [start.isoformat() for start in calendar.period_starts(day)]
    parties = {
        bmu_id: _NULL if unit.lead_party_name is None else unit.lead_party_name.translate(_COPY_ESCAPES)
        for bmu_id, unit in wind_units.items()
    }
    for side, period, row in bids:
        assert row.id is not None
        yield (
            f"{day}\t{period}\t{starts[period - 1]}\t{side}\t{row.id.translate(_COPY_ESCAPES)}\t"
            f"{_field(row.acceptance_id)}\t{_field(row.bid_offer_pair_id)}\t{row.sequence_number}\t{parties[row.id]}\t"
            f"{_digits(row.volume_digits)}\t{_digits(row.original_price_digits)}\t{_digits(row.final_price_digits)}\t"
            f"{_flag(row.so_flag)}\t{_flag(row.cadl_flag)}\t{_field(row.created_date_time)}\n"
        )


@dataclass(frozen=True)
class DayInputs:
    """What a day is built from, beside its answers.

    Args:
        wind_units: the wind farms in force on the day, by unit id.
        difficulty: the network difficulty of the day.
        difficulty_source: the table that it is from.
        models: the miner models to calculate: all of them.
        unmapped: units that look like wind farms, were turned down on the day, and are not counted.
    """

    wind_units: Mapping[str, BmUnit]
    difficulty: Decimal
    difficulty_source: str
    models: Sequence[str]
    unmapped: Sequence[UnmappedUnit] = ()

    def fingerprint(self, archive_uri: str) -> str:
        """The same text for the same inputs: a day built from them need not be built again."""
        units = [(bmu_id, unit.lead_party_name) for bmu_id, unit in sorted(self.wind_units.items())]
        inputs = (BUILD_VERSION, FORMULA_VERSION, archive_uri, units, str(self.difficulty), list(self.models))
        return hashlib.sha256(repr(inputs).encode()).hexdigest()


def replace_day(
    engine: Engine,
    fetched: FetchedDay,
    inputs: DayInputs,
    *,
    rebuild: bool,
    now: dt.datetime,
    run_id: str | None,
    waivers: Waivers = NO_WAIVERS,
    source_changed: Callable[[str], bool] = lambda _: True,
) -> tuple[DayFigures, list[Result]]:
    """Replace a day and all that is derived from it, in one transaction that its checks must pass.

    Readers see the old day or the new one. A change at the source of a day that was over before leaves a row in
    ``restatements``; a repair of a fault of our own does not. A day that is stored as built from the very same
    inputs is checked, and not written again but for the time of the look, unless a check finds that other hands
    have changed it.

    Args:
        engine: the warehouse.
        fetched: the day's answers.
        inputs: what else it is built from.
        rebuild: write it again in any case.
        now: the time of building.
        run_id: the Dagster run, for the record.
        waivers: what is accepted of the day.
        source_changed: whether the day's answers say another thing than those of an archive object, given its address.

    Returns:
        The day's figures, and the results of all checks (warnings may have failed, and what is waived).

    Raises:
        ChecksFailedError: a blocking check failed; the transaction was rolled back.
    """
    reading, archived = fetched.reading, fetched.archived
    day, today = archived.day, calendar.settlement_date(now)
    bids = list(wind_bids(reading, inputs.wind_units))

    def checked(connection: Connection) -> tuple[list[Result], list[Rate]]:
        results, rates = check_day(connection, fetched, bids, inputs.wind_units, inputs.unmapped)
        results += checks.difficulty(connection, day, inputs.difficulty, inputs.difficulty_source)
        return waivers.applied(day, results, today=today), rates

    fingerprint = inputs.fingerprint(archived.uri)
    with engine.begin() as connection:
        refuse_to_mix(connection, synthetic=archived.is_synthetic)
        before = connection.execute(
            text("SELECT * FROM minerecon.daily_summaries WHERE summary_date = :day"), {"day": day}
        ).one_or_none()
        results: list[Result] = []
        rates: list[Rate] = []
        if before is not None and before.built_from == fingerprint and not rebuild:
            connection.execute(statement("day/refresh_daily_summary"), _coverage(reading) | {"now": now})
            results, rates = checked(connection)
        if not results or any(r.blocks for r in results):
            _write_day(connection, fetched, bids, inputs, fingerprint, now)
            if (
                before is not None
                and before.periods_due == before.periods_expected
                and before.archive_uri != archived.uri  # built again from the same answers: the fault was ours
                and source_changed(before.archive_uri)
            ):
                change = {**before._mapping, "day": day, "now": now, "run_id": run_id}
                connection.execute(statement("day/insert_restatement"), change)
            results, rates = checked(connection)
        record_progress(connection, reading, archive_uri=archived.uri, synthetic=archived.is_synthetic)
        if blocking := [r for r in results if r.blocks]:
            raise ChecksFailedError(
                f"{day}: a check failed and the day was not published, what was stored before is untouched: "
                + "; ".join(map(str, blocking)),
                results,
            )
        record_results(connection, day, results, now=now, run_id=run_id)
        record_rates(connection, day, rates, now=now)
        return day_figures(connection, day), results


def _coverage(reading: DayReading) -> dict[str, object]:
    judgement = reading.judgement
    return {
        "day": reading.day,
        "periods_expected": judgement.periods_expected,
        "periods_due": judgement.periods_due,
        "periods_present": judgement.periods_present,
        "state": judgement.state,
    }


def _write_day(
    connection: Connection,
    fetched: FetchedDay,
    bids: Sequence[tuple[StackSide, int, StackRow]],
    inputs: DayInputs,
    fingerprint: str,
    now: dt.datetime,
) -> None:
    reading, archived = fetched.reading, fetched.archived
    day, models = archived.day, list(inputs.models)
    starts = calendar.period_starts(day)
    execute_script(connection, "day/delete_derived", {"day": day})
    with cursor(connection) as copy:
        lines = io.StringIO("".join(_copy_lines(day, bids, inputs.wind_units)))
        copy.copy_expert(f"COPY minerecon.curtailment_records ({_RECORD_COLUMNS}) FROM STDIN", lines)
        execute_values(
            copy,
            "INSERT INTO minerecon.wind_generation_data"
            " (settlement_date, settlement_period, start_time, wind_onshore_mw, wind_offshore_mw) VALUES %s",
            [(day, p, starts[p - 1], wind.onshore_mw, wind.offshore_mw) for p, wind in reading.wind.items()],
        )
    controls.store_control_totals(connection, reading, inputs.wind_units)
    connection.execute(
        statement("day/upsert_difficulty"),
        {"day": day, "difficulty": inputs.difficulty, "source_table": inputs.difficulty_source},
    )
    connection.execute(
        statement("day/insert_calculations"), {"day": day, "models": models, "formula_version": FORMULA_VERSION}
    )
    connection.execute(
        statement("day/upsert_daily_summary"),
        _coverage(reading)
        | {
            "archive_uri": archived.uri,
            "is_synthetic": archived.is_synthetic,
            "built_from": fingerprint,
            "built_at": now,
        },
    )
    connection.execute(statement("day/upsert_bitcoin_daily_summaries"), {"day": day, "models": models})
    execute_script(connection, "day/insert_parts", {"day": day})


def check_day(
    connection: Connection,
    fetched: FetchedDay,
    bids: Sequence[tuple[StackSide, int, StackRow]],
    wind_units: Mapping[str, BmUnit],
    unmapped: Iterable[UnmappedUnit],
) -> tuple[list[Result], list[Rate]]:
    """Evaluate every property of a day as it stands in the tables, but for the difficulty; writes nothing.

    Args:
        connection: a transaction that sees the day whole.
        fetched: the day's answers. Where all of them came from Elexon just now, drift is evaluated too.
        bids: the day's accepted wind bids among them.
        wind_units: the wind farms in force on the day, by unit id.
        unmapped: units that look like wind farms, were turned down on the day, and are not counted.

    Returns:
        The results, before any waiver, and the rate of each model.
    """
    reading = fetched.reading
    calculations, rates = checks.calculations(connection, reading.day, bids=bids)
    records = checks.records_match_archive(connection, reading, bids)
    return [
        *checks.completeness(reading),
        *controls.control_totals(reading, bids, wind_units),
        records,
        *calculations,
        *checks.sums(connection, reading.day, {k: v for k, v in _coverage(reading).items() if k != "day"}),
        *checks.in_sql(connection, reading.day, wind_units),
        checks.bids_are_priced(reading, bids),
        checks.wind_like_units_mapped(reading, unmapped),
        *_source_unchanged(fetched, records),
    ], rates


def _source_unchanged(fetched: FetchedDay, records: Result) -> list[Result]:
    """What is stored against answers that came just now; nothing where some of them are older."""
    slots = {AnswerKey("stack", side, period) for side, period in fetched.reading.looks}
    if not slots or not fetched.fresh >= slots.union(CONTROLS):
        return []
    day = fetched.reading.day
    return [
        result(
            c.SOURCE_UNCHANGED,
            looked_at=len(fetched.fresh),
            expected=f"what Elexon has just answered: {records.expected}",
            actual=records.actual,
            repair=c.SOURCE_UNCHANGED.repair_of(day),
            violations=records.violations,
        )
    ]


def recalculate_day(
    engine: Engine,
    day: dt.date,
    *,
    difficulty: Decimal,
    difficulty_source: str,
    models: Sequence[str],
    all_models: Sequence[str],
    now: dt.datetime,
    run_id: str | None,
    waivers: Waivers = NO_WAIVERS,
) -> tuple[Sequence[str], DayFigures, list[Result]]:
    """Rebuild the calculations of ``models``, and their day's sums, from the stored records.

    Where the difficulty is another than the stored one, or the formula a newer one, those of ``all_models`` are
    rebuilt: they never differ in their inputs.

    Returns:
        The models that were rebuilt, the day's figures, and the results of the checks.

    Raises:
        DayFailedError: nothing is stored of the day.
        ChecksFailedError: a blocking check failed; the transaction was rolled back.
    """
    with engine.begin() as connection:
        stored = connection.execute(
            statement("day/touch_daily_summary"), {"day": day, "now": now, "formula_version": FORMULA_VERSION}
        ).one_or_none()
        if stored is None:
            raise DayFailedError(f"{day}: nothing is stored of this day; fetch it: minerecon reingest {day}")
        rebuilt = models if stored.difficulty == difficulty and stored.is_of_formula else all_models
        parameters = {"day": day, "models": list(rebuilt), "all_models": list(all_models)}
        connection.execute(
            statement("day/upsert_difficulty"),
            {"day": day, "difficulty": difficulty, "source_table": difficulty_source},
        )
        connection.execute(statement("day/delete_calculations"), parameters)
        connection.execute(statement("day/insert_calculations"), {**parameters, "formula_version": FORMULA_VERSION})
        connection.execute(statement("day/upsert_bitcoin_daily_summaries"), parameters)
        # Of all models: a result of the rebuilt ones alone would hide what is wrong with another.
        calculations, rates = checks.calculations(connection, day)
        results = waivers.applied(
            day,
            [
                *calculations,
                *checks.sums(connection, day),
                *checks.difficulty(connection, day, difficulty, difficulty_source),
            ],
            today=calendar.settlement_date(now),
        )
        if blocking := [r for r in results if r.blocks]:
            raise ChecksFailedError(
                f"{day}: a check failed, what was stored before is untouched: " + "; ".join(map(str, blocking)), results
            )
        record_results(connection, day, results, now=now, run_id=run_id)
        record_rates(connection, day, rates, now=now)
        return rebuilt, day_figures(connection, day), results


def record_progress(connection: Connection, reading: DayReading, *, archive_uri: str, synthetic: bool) -> None:
    """Record what each period of a fetched day brought; replaces the day's earlier record."""
    connection.execute(delete(ingestion_progress).where(ingestion_progress.c.settlement_date == reading.day))
    _insert_progress(connection, reading, reading.looks, archive_uri=archive_uri, synthetic=synthetic, looked_at=None)


def record_failed_attempt(engine: Engine, failure: FetchFailedError, *, looked_at: dt.datetime) -> None:
    """Record an attempt that failed, for the periods that were asked; everything else stays as it was."""
    with engine.begin() as connection:
        slots = [slot for slot in failure.reading.looks if slot in failure.asked]
        _insert_progress(
            connection, failure.reading, slots, archive_uri=None, synthetic=failure.synthetic, looked_at=looked_at
        )


def _insert_progress(
    connection: Connection,
    reading: DayReading,
    slots: Iterable[Slot],
    *,
    archive_uri: str | None,
    synthetic: bool,
    looked_at: dt.datetime | None,
) -> None:
    control = "; ".join(f"control total (BOAV {s}): {e}" for s, e in sorted(reading.control_errors.items()))
    rows = []
    for side, period in sorted(slots):
        look, answer = reading.looks[side, period], reading.answers.get((side, period))
        error = reading.errors.get((side, period)) or control or None
        count = len(reading.rows.get((side, period), ()))
        sha256 = answer.sha256 if answer is not None else None
        at = look.fetched_at or looked_at
        rows.append((reading.day, period, side, look.status, count, sha256, at, archive_uri, error, synthetic))
    with cursor(connection) as many:
        execute_values(
            many,
            "INSERT INTO minerecon.ingestion_progress (settlement_date, settlement_period, stack_side, status,"
            " row_count, payload_sha256, fetched_at, archive_uri, error, is_synthetic) VALUES %s"
            " ON CONFLICT (settlement_date, settlement_period, stack_side) DO UPDATE SET"
            " status = excluded.status, row_count = excluded.row_count, payload_sha256 = excluded.payload_sha256,"
            " fetched_at = excluded.fetched_at, archive_uri = excluded.archive_uri, error = excluded.error,"
            " is_synthetic = excluded.is_synthetic",
            rows,
            page_size=200,
        )


def record_results(
    connection: Connection,
    day: dt.date,
    results: Collection[Result],
    *,
    now: dt.datetime,
    run_id: str | None,
    scope: Scope = "day",
) -> None:
    """Record evaluations in ``reconciliation_results``; ``day`` is the first of a month or year that was looked at."""
    connection.execute(
        reconciliation_results.insert(),
        [
            {
                "scope": scope,
                "settlement_date": day,
                "check_family": r.checked.family,
                "check_name": r.checked.name,
                "passed": r.passed,
                "severity": r.checked.severity,
                "expected": r.expected,
                "actual": r.actual,
                "looked_at": r.looked_at,
                "violation_count": r.violation_count,
                "violations": r.sample,
                "repair": r.repair,
                "waiver": r.waiver,
                "waived_until": r.waived_until,
                "run_id": run_id,
                "evaluated_at": now,
            }
            for r in results
        ],
    )


def record_rates(connection: Connection, day: dt.date, rates: Sequence[Rate], *, now: dt.datetime) -> None:
    """Record how many of a day's calculations are right in ``calculation_reconciliation``; replaces the day's."""
    statement_ = insert(calculation_reconciliation).values(
        [
            {
                "settlement_date": day,
                "miner_model": rate.miner_model,
                "expected_count": rate.expected_count,
                "matched_count": rate.matched_count,
                "evaluated_at": now,
            }
            for rate in rates
        ]
    )
    changed = {name: statement_.excluded[name] for name in ("expected_count", "matched_count", "evaluated_at")}
    connection.execute(
        statement_.on_conflict_do_update(index_elements=["settlement_date", "miner_model"], set_=changed)
    )


def day_figures(connection: Connection, day: dt.date) -> DayFigures:
    """The stored figures of a day.

    Raises:
        sqlalchemy.exc.NoResultFound: nothing is stored of it.
    """
    row = connection.execute(
        text("SELECT * FROM minerecon.daily_summaries WHERE summary_date = :day"), {"day": day}
    ).one()
    mined = connection.execute(
        text(
            "SELECT miner_model, mined_btc FROM minerecon.bitcoin_daily_summaries WHERE summary_date = :day ORDER BY 1"
        ),
        {"day": day},
    ).all()
    return DayFigures(
        state=row.state,
        record_count=row.record_count,
        so_record_count=row.so_record_count,
        curtailed_mwh=row.curtailed_mwh,
        payment_gbp=row.payment_gbp,
        all_bids_mwh=row.all_bids_mwh,
        all_bids_payment_gbp=row.all_bids_payment_gbp,
        periods_expected=row.periods_expected,
        periods_due=row.periods_due,
        periods_present=row.periods_present,
        wind_generation_mwh=row.wind_generation_mwh,
        mined_btc={r.miner_model: r.mined_btc for r in mined},
        is_synthetic=row.is_synthetic,
    )
