"""Build a settlement day in the warehouse: records, calculations and sums, checked before the commit."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg2.extras import execute_values
from sqlalchemy import Connection, Engine, Row, delete, text
from sqlalchemy.dialects.postgresql import insert

from minerecon_dagster.checks import evaluators
from minerecon_dagster.checks.control_totals import against_control_totals
from minerecon_dagster.checks.evaluators import ByUnit, MatchRate
from minerecon_dagster.checks.turn_up import Prices, offer_prices, turn_up
from minerecon_dagster.checks.uncounted import NOTHING_UNCOUNTED, Uncounted, compare_with_register, store_uncounted
from minerecon_dagster.checks.waivers import NO_WAIVERS, Waivers
from minerecon_dagster.core import calendar
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.checks import Result, Scope, result
from minerecon_dagster.core.emissions import CCGT, EMISSION_FACTORS
from minerecon_dagster.core.errors import DayFailedError
from minerecon_dagster.core.exact import EXACT
from minerecon_dagster.core.mining import FORMULA_VERSION
from minerecon_dagster.core.register import BmUnit
from minerecon_dagster.core.restatement import (
    ITS_CHECKS,
    MOST_DAYS,
    MOST_LOST_OF_MANY,
    WITHIN,
    Extent,
    extent_of,
    losses_text,
    unbelievable_losses,
)
from minerecon_dagster.core.states import Slot, slots_text
from minerecon_dagster.day.closing import delete_day, is_closed
from minerecon_dagster.day.stored import StoredDay, is_same_object, read_stored_day, read_stored_days
from minerecon_dagster.day.turn_up import write_turn_up
from minerecon_dagster.elexon.datasets import control_totals, of_the_day
from minerecon_dagster.elexon.datasets.agws import AGWS
from minerecon_dagster.elexon.datasets.base import DayDataset
from minerecon_dagster.elexon.datasets.stack import Bid, wind_bids
from minerecon_dagster.elexon.fetch import FetchedDay, FetchFailedError
from minerecon_dagster.elexon.reading import DayReading
from minerecon_dagster.elexon.turn_up import DayTurnUp, FuelOf, turn_up_of
from minerecon_dagster.warehouse.sample import refuse_to_mix
from minerecon_dagster.warehouse.store import cursor, script, statement
from minerecon_dagster.warehouse.tables import calculation_reconciliation, ingestion_progress, reconciliation_results

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.elexon.archive import ArchivedDay

BUILD_VERSION = 4
"""Raise it when the same inputs would be built into other rows: days are then built again when next met."""
CALCULATED_BY = ("day/upsert_difficulty", "day/insert_calculations")
SUMMED_BY = ("day/upsert_daily_summary", "day/upsert_bitcoin_daily_summaries", "day/insert_parts")
"""The statements that make all that follows from a day's records, in their order; the turn-up goes before the sums."""


class ChecksFailedError(DayFailedError):
    """A blocking check did not hold, so the day was not published; holds every result."""

    def __init__(self, message: str, results: Sequence[Result]) -> None:
        super().__init__(message)
        self.results = results


class RestatementRefusedError(ChecksFailedError):
    """A final day would lose too much to be believed, so it was not replaced.

    Args:
        message: which day, and what it would lose.
        results: the evaluation that says so.
        why: what it would lose.
        built_from: the archive object that the stored day was built from; None where none is stored.
    """

    def __init__(self, message: str, results: Sequence[Result], *, why: str, built_from: str | None) -> None:
        super().__init__(message, results)
        self.why = why
        self.built_from = built_from


class LookFailedError(DayFailedError):
    """A stored day could not be looked at; holds a failed result for each check that it could not come to."""

    def __init__(self, message: str, results: Sequence[Result]) -> None:
        super().__init__(message)
        self.results = results


@dataclass(frozen=True)
class DayInputs:
    """What a day is built from, beside its answers.

    Args:
        wind_units: the wind farms in force on the day, by unit id.
        difficulty: the network difficulty of the day.
        difficulty_source: the table that it is from.
        models: the miner models to calculate: all of them.
        uncounted: finds the units that may be wind farms, were turned down on the day, and are not counted; asked in
            another thread, beside the tables, and again.
        fuel_of: the fuel of any unit on the day.
        beside: what else the caller wants of the accepted wind bids, done in another thread, beside the tables.
    """

    wind_units: Mapping[str, BmUnit]
    difficulty: Decimal
    difficulty_source: str
    models: Sequence[str]
    uncounted: Callable[[], Uncounted] = lambda: NOTHING_UNCOUNTED
    fuel_of: FuelOf = lambda _: None
    beside: Callable[[Sequence[Bid]], object] = lambda _: None

    def fingerprint(self, archive_uri: str) -> str:
        """The same text for the same inputs: a day built from them need not be built again."""
        units = [(bmu_id, unit.lead_party_name) for bmu_id, unit in sorted(self.wind_units.items())]
        factors = [(f.fuel, str(f.g_per_kwh), str(f.valid_from)) for f in EMISSION_FACTORS]
        inputs = (BUILD_VERSION, FORMULA_VERSION, archive_uri, units, str(self.difficulty), list(self.models), factors)
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
    load: Callable[[str], DayReading | None] = lambda _: None,
    accepted_by: str | None = None,
    source_changed: Callable[[str], bool] = lambda _: True,
    take: Callable[[], object] = lambda: None,
) -> tuple[StoredDay, list[Result]]:
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
        load: reads the archive object of an address; None where it cannot be read.
        accepted_by: who takes what a final day loses too much by to be believed; None where nobody does.
        source_changed: whether the day's answers say another thing than those of an archive object, given its address.
        take: lets days be built from the answers, which were refused before and are believed now; called before the
            commit, so that no stored day is of an object that the archive does not let others build from.

    Returns:
        The day's figures, and the results of all checks (warnings may have failed, and what is waived).

    Raises:
        RestatementRefusedError: a final day would lose too much to be believed; nothing was written.
        ChecksFailedError: a blocking check failed; the transaction was rolled back.
    """
    reading, archived = fetched.reading, fetched.archived
    day, today = archived.day, calendar.settlement_date(now)
    losses: list[dict[str, Any]] = []

    def checked(connection: Connection, of_answers: Future[AnswerChecks]) -> tuple[list[Result], list[MatchRate]]:
        results, rates = check_day(connection, fetched, bids, inputs.wind_units, of_answers)
        results += evaluators.difficulty(connection, day, inputs.difficulty, inputs.difficulty_source)
        return waivers.applied(day, results, today=today), rates

    fingerprint = inputs.fingerprint(archived.uri)
    with engine.begin() as connection, ThreadPoolExecutor(1, "checks") as beside:
        finding = beside.submit(lambda: list(wind_bids(reading, inputs.wind_units)))
        refuse_to_mix(connection, synthetic=archived.is_synthetic)
        if is_closed(connection, day):
            raise DayFailedError(f"{day}: a person has closed this day meanwhile; nothing was stored")
        before = read_stored_day(connection, day)
        accepted_by = accepted_by or _taken_by(archived, before)
        bids = finding.result()
        losses += _losses(connection, fetched, before, bids, inputs.wind_units, load, now=now)
        losses += _displaced(connection, fetched, before)
        if losses and accepted_by is None:
            # What is gone may be a farm that the register has lost, and no change at the source.
            of_register = [r for r in compare_with_register(reading, bids, inputs.uncounted()) if not r.passed]
            refused = [evaluators.restatement_believable(archived, losses), *of_register]
            raise RestatementRefusedError(
                f"{day}: {'; '.join(map(str, refused))}",
                waivers.applied(day, refused, today=today),
                why=f"{losses_text(losses)} of the final day would be gone",
                built_from=None if before is None else before.archive_uri,
            )

        # The thread beside works while PostgreSQL does, and not before: our rows are made by the same interpreter.
        def look_at_answers() -> tuple[Future[DayTurnUp], Future[AnswerChecks]]:
            walk = beside.submit(turn_up_of, reading, bids, inputs.wind_units, inputs.fuel_of)
            of_answers = beside.submit(
                check_answers,
                fetched,
                bids,
                inputs.wind_units,
                inputs.uncounted,
                walk.result,
                losses=losses,
                accepted_by=accepted_by,
            )
            beside.submit(inputs.beside, bids)  # what goes wrong with it, the caller sees by what it lacks
            return walk, of_answers

        results: list[Result] = []
        rates: list[MatchRate] = []
        if before is not None and before.built_from == fingerprint and not rebuild:
            connection.execute(statement("day/refresh_daily_summary"), _coverage(reading) | {"now": now})
            results, rates = checked(connection, look_at_answers()[1])
        if not results or _blocking(results):
            delete_day(connection, day)
            totals = control_totals()
            _write_rows(connection, fetched, bids, inputs, (d for d in of_the_day() if d not in totals))
            walk, of_answers = look_at_answers()
            _calculate(connection, day, inputs)
            write_turn_up(connection, day, walk.result())
            _sum_up(connection, fetched, inputs, fingerprint, now, has_turn_up=walk.result().is_known)
            # Nothing is derived from them, and by now they are added up: the answers' checks need that too.
            _write_rows(connection, fetched, bids, inputs, totals)
            if (
                before is not None
                and before.periods_due == before.periods_expected
                # Built again from the same answers, the fault was ours.
                and not is_same_object(before.archive_uri, archived.uri)
                and source_changed(before.archive_uri)
            ):
                taker = accepted_by if losses else None
                change = {**vars(before), "now": now, "run_id": run_id, "accepted_by": taker}
                connection.execute(statement("day/insert_restatement"), change)
            results, rates = checked(connection, of_answers)
        record_progress(connection, reading, archive_uri=archived.uri, synthetic=archived.is_synthetic)
        if fetched.asked:
            record_silence(connection, reading, now=now)
        if blocking := _blocking(results):
            raise ChecksFailedError(
                f"{day}: a check failed and the day was not published, what was stored before is untouched: "
                + "; ".join(map(str, blocking)),
                results,
            )
        store_uncounted(connection, day, inputs.uncounted())
        record_results(connection, day, results, now=now, run_id=run_id)
        record_rates(connection, day, rates, now=now)
        if archived.is_refused:
            take()
        return read_stored_days(connection, day, day)[day], results


def _taken_by(archived: ArchivedDay, stored: StoredDay | None) -> str | None:
    """Who has taken the answers though they had lost too much; None where no person has.

    And where the stored day was built from them: that is done, and what it would lose beyond it, as by a register that
    has lost a farm, nobody has taken.
    """
    if archived.refusal is None or archived.refusal.accepted_by == ITS_CHECKS:
        return None
    is_done = stored is not None and is_same_object(stored.archive_uri, archived.uri)
    return None if is_done else archived.refusal.accepted_by


def _blocking(results: Iterable[Result]) -> list[Result]:
    """What keeps a day from being published. That a later restatement was refused is told, and keeps nothing back."""
    return [r for r in results if r.blocks and r.checked is not c.RESTATEMENT_BELIEVABLE]


def _losses(
    connection: Connection,
    fetched: FetchedDay,
    stored: StoredDay | None,
    bids: Iterable[Bid],
    wind_units: Mapping[str, BmUnit],
    load: Callable[[str], DayReading | None],
    *,
    now: dt.datetime,
) -> list[dict[str, Any]]:
    """What the final day that is stored would lose; of one that is not stored final, what the archive held final.

    What was is read from the answers of then, and not from the tables: what other hands have put into these is no
    figure that a day could lose. It is of the farms of then and of now: a register that has lost some takes them too.
    The answers of then are those that the stored day was built from. The newest that the archive holds may never have
    been published: the run that fetched them ended, or another check failed.
    Where this answer alone takes little, it is held against what the day was when it was first final, or when a person
    last took a change of it, and against how many other days have lost of theirs.
    """
    held = fetched.before if fetched.before is not None and fetched.before.judgement.state == "final" else None
    final = stored if stored is not None and stored.is_final else None
    if final is None and held is None:
        return []
    day = fetched.archived.day
    units = (
        wind_units.keys()
        | connection.execute(
            text("SELECT bmu_id FROM minerecon.unit_daily_summaries WHERE settlement_date = :day"), {"day": day}
        ).scalars()
    )

    def extent(reading: DayReading) -> Extent:
        return extent_of(row for _, _, row in wind_bids(reading, units))

    then = held if final is None else _built_from(final, fetched, load)
    if then is fetched.reading and units == wind_units.keys():
        return []  # the same answers and the same farms
    if then is not None:
        was = extent(then)
    else:
        was = Extent(**connection.execute(statement("day/stored_extent"), {"day": day}).one()._mapping)
    after = extent_of(row for _, _, row in bids)
    losses = unbelievable_losses(was, after)
    if losses or then is fetched.reading:
        return losses

    def as_it_was(change: Row[Any]) -> Extent:
        """By the answer that a change has replaced; where that is no more, by what is on record of it: its energy."""
        replaced = load(change.old_archive_uri)
        if replaced is not None:
            return extent(replaced)
        return Extent(change.old_all_bids_mwh, change.old_curtailed_mwh, *[Decimal()] * 4)

    if first := connection.execute(statement("day/first_final"), {"day": day}).one_or_none():
        losses = unbelievable_losses(as_it_was(first), after)
        losses = [loss | {"counted_with": "by all answers since it was final"} for loss in losses]
    return losses or _losses_beside_others(connection, day, was, after, as_it_was, now=now)


def _built_from(stored: StoredDay, fetched: FetchedDay, load: Callable[[str], DayReading | None]) -> DayReading | None:
    """What the answers say that a stored day was built from; None where they cannot be read."""
    if not fetched.asked and is_same_object(stored.archive_uri, fetched.archived.uri):
        return fetched.reading
    if fetched.before is not None and is_same_object(stored.archive_uri, fetched.before_uri):
        return fetched.before
    return load(stored.archive_uri)


def _losses_beside_others(
    connection: Connection,
    day: dt.date,
    was: Extent,
    after: Extent,
    as_it_was: Callable[[Row[Any]], Extent],
    *,
    now: dt.datetime,
) -> list[dict[str, Any]]:
    """What a final day would lose where as many others as may have lost of theirs within a day's time.

    Each is held against what it was when that time began: several answers take no more than one may.
    """
    losses = unbelievable_losses(was, after, MOST_LOST_OF_MANY)
    if not losses and (own := _changes(connection, now).get(day)) is not None:
        losses = unbelievable_losses(as_it_was(own), after, MOST_LOST_OF_MANY)
    if not losses:
        return []
    # One after the other: runs that store several days at once would each see none of the others'.
    connection.execute(text("LOCK TABLE minerecon.restatements IN SHARE ROW EXCLUSIVE MODE"))
    kept = 1 - MOST_LOST_OF_MANY
    others = sum(
        other != day
        and (
            row.new_all_bids_mwh < kept * row.old_all_bids_mwh
            or row.new_curtailed_mwh < kept * row.old_curtailed_mwh
            or row.new_payment_gbp < kept * row.old_payment_gbp > 0
        )
        for other, row in _changes(connection, now).items()
    )
    if others < MOST_DAYS:
        return []
    return [loss | {"counted_with": f"as {others} other final days have lost within a day's time"} for loss in losses]


def _changes(connection: Connection, now: dt.datetime) -> dict[dt.date, Row[Any]]:
    """Of each final day that later answers have changed within a day's time, what it was and what it is."""
    found = connection.execute(statement("day/changed_since"), {"since": now - WITHIN})
    return {row.settlement_date: row for row in found}


def _displaced(connection: Connection, fetched: FetchedDay, stored: StoredDay | None) -> list[dict[str, Any]]:
    """The stored periods that the answers are silent on, where the archive did not keep what the day was built from.

    It keeps what it holds as newest when a silent answer comes. Where that was another object, or there was none, the
    stored rows may have nothing left that says them.
    """
    held_uri = fetched.before_uri if fetched.asked else fetched.archived.uri
    quiet = {slot for slot, look in fetched.reading.looks.items() if not look.acceptance_count}
    if stored is None or is_same_object(stored.archive_uri, held_uri) or not quiet:
        return []
    rows = connection.execute(statement("day/stored_slots"), {"day": fetched.archived.day})
    gone = quiet & {(row.stack_side, row.settlement_period) for row in rows}
    if not gone:
        return []
    return [{"figure": f"the rows of {slots_text(gone)}", "before": "rows", "after": "none", "lost": "all"}]


def _coverage(reading: DayReading) -> dict[str, object]:
    judgement = reading.judgement
    return {
        "day": reading.day,
        "periods_expected": judgement.periods_expected,
        "periods_due": judgement.periods_due,
        "periods_present": judgement.periods_present,
        "state": judgement.state,
    }


def _write_rows(
    connection: Connection,
    fetched: FetchedDay,
    bids: Sequence[Bid],
    inputs: DayInputs,
    datasets: Iterable[DayDataset[Any]],
) -> None:
    with localcontext(EXACT), cursor(connection) as many:
        for dataset in datasets:
            dataset.write(many, fetched.reading, bids, inputs.wind_units)


def _calculate(connection: Connection, day: dt.date, inputs: DayInputs) -> None:
    connection.execute(
        script(*CALCULATED_BY),
        {
            "day": day,
            "difficulty": inputs.difficulty,
            "source_table": inputs.difficulty_source,
            "models": list(inputs.models),
            "formula_version": FORMULA_VERSION,
        },
    )


def _sum_up(
    connection: Connection,
    fetched: FetchedDay,
    inputs: DayInputs,
    fingerprint: str,
    now: dt.datetime,
    *,
    has_turn_up: bool,
) -> None:
    connection.execute(
        script(*SUMMED_BY),
        _coverage(fetched.reading)
        | {
            "models": list(inputs.models),
            "archive_uri": fetched.archived.uri,
            "is_synthetic": fetched.archived.is_synthetic,
            "has_turn_up": has_turn_up,
            "ccgt": CCGT,
            "built_from": fingerprint,
            "built_at": now,
        },
    )


class AnswerChecks(NamedTuple):
    """What is evaluated of a day's answers by themselves: before and after what is held against the tables.

    Args:
        before, after: the results.
        by_unit: what the bids of each unit come to, to be found in the tables.
        walked: the walk over the day's offers.
        offer_prices: the bounds of these offers' prices.
    """

    before: Sequence[Result]
    after: Sequence[Result]
    by_unit: ByUnit
    walked: DayTurnUp
    offer_prices: Prices


def check_answers(
    fetched: FetchedDay,
    bids: Sequence[Bid],
    wind_units: Mapping[str, BmUnit],
    uncounted: Callable[[], Uncounted],
    walked: Callable[[], DayTurnUp],
    *,
    losses: Sequence[dict[str, Any]] = (),
    accepted_by: str | None = None,
) -> AnswerChecks:
    """Evaluate every property of a day that its answers decide, without the tables: in a thread, beside these.

    Args:
        fetched: the day's answers.
        bids: the day's accepted wind bids among them.
        wind_units: the wind farms in force on the day, by unit id.
        uncounted: finds the units that may be wind farms, were turned down on the day, and are not counted.
        walked: the walk over the day's offers.
        losses: what a final day loses by these answers that it should not.
        accepted_by: who takes that all the same.
    """
    reading = fetched.reading
    totals = control_totals()
    return AnswerChecks(
        before=[
            *evaluators.completeness(reading),
            evaluators.restatement_believable(fetched.archived, losses, accepted_by),
            *against_control_totals(reading, bids, wind_units),
        ],
        after=[
            *(r for dataset in of_the_day() if dataset not in totals for r in dataset.check(reading, bids, wind_units)),
            *compare_with_register(reading, bids, uncounted()),
        ],
        by_unit=evaluators.bids_by_unit(bids),
        walked=walked(),
        offer_prices=offer_prices(reading),
    )


def check_day(
    connection: Connection,
    fetched: FetchedDay,
    bids: Sequence[Bid],
    wind_units: Mapping[str, BmUnit],
    of_answers: Future[AnswerChecks],
) -> tuple[list[Result], list[MatchRate]]:
    """Evaluate every property of a day as it stands in the tables, but for the difficulty; writes nothing.

    Args:
        connection: a transaction that sees the day whole.
        fetched: the day's answers. Where all of them came from Elexon just now, drift is evaluated too.
        bids: the day's accepted wind bids among them.
        wind_units: the wind farms in force on the day, by unit id.
        of_answers: what is evaluated of these beside it.

    Returns:
        The results, before any waiver, and the rate of each model.
    """
    reading = fetched.reading
    calculations, rates = evaluators.calculations(connection, reading.day, bids=bids)
    sums = evaluators.sums(connection, reading.day, {k: v for k, v in _coverage(reading).items() if k != "day"})
    in_sql = evaluators.in_sql(connection, reading.day, wind_units)
    # By now, so that the answers are looked at while PostgreSQL works.
    checked = of_answers.result()
    of_turn_up = turn_up(connection, reading, checked.walked, checked.offer_prices)
    records = evaluators.records_match_archive(connection, reading, bids, checked.by_unit)
    return [
        *checked.before,
        records,
        *calculations,
        *sums,
        *in_sql,
        *of_turn_up,
        *checked.after,
        *_source_unchanged(fetched, records, of_turn_up[0]),
    ], rates


def _source_unchanged(fetched: FetchedDay, records: Result, turn_up: Result) -> list[Result]:
    """What is stored against answers that came just now; nothing where some of them are older."""
    looks = fetched.reading.looks
    needed = {
        key
        for dataset in of_the_day()
        if dataset.is_required
        for key in dataset.keys(fetched.sides, {period for _, period in looks})
        if not key.period or (key.side, key.period) in looks
    }
    if not looks or not fetched.fresh >= needed:
        return []
    day = fetched.reading.day
    found = [
        result(
            c.SOURCE_UNCHANGED,
            looked_at=len(fetched.fresh),
            expected=f"what Elexon has just answered: {records.expected}",
            actual=records.actual,
            repair=c.SOURCE_UNCHANGED.repair_of(day),
            violations=records.violations,
        ),
        result(
            c.ELEXON_NOT_SILENT,
            looked_at=len(fetched.fresh),
            expected="no answer without the rows that it had",
            actual="none",
            repair=c.ELEXON_NOT_SILENT.repair_of(day),
        ),
    ]
    if AGWS.key in fetched.fresh:
        found.append(
            result(
                c.OFFERS_AND_OUTPUT_UNCHANGED,
                looked_at=len(fetched.fresh),
                expected=f"what Elexon has just answered: {turn_up.expected}",
                actual=f"{turn_up.actual}; wind output as answered",
                repair=c.OFFERS_AND_OUTPUT_UNCHANGED.repair_of(day),
                violations=turn_up.violations,
            )
        )
    return found


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
) -> tuple[Sequence[str], StoredDay, list[Result]]:
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
        calculations, rates = evaluators.calculations(connection, day)
        results = waivers.applied(
            day,
            [
                *calculations,
                *evaluators.sums(connection, day),
                *evaluators.difficulty(connection, day, difficulty, difficulty_source),
            ],
            today=calendar.settlement_date(now),
        )
        if blocking := [r for r in results if r.blocks]:
            raise ChecksFailedError(
                f"{day}: a check failed, what was stored before is untouched: " + "; ".join(map(str, blocking)), results
            )
        record_results(connection, day, results, now=now, run_id=run_id)
        record_rates(connection, day, rates, now=now)
        return rebuilt, read_stored_days(connection, day, day)[day], results


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
        if failure.reading.waits_for_source:
            record_silence(connection, failure.reading, now=looked_at)


def record_silence(connection: Connection, reading: DayReading, *, now: dt.datetime) -> None:
    """Record that a day was asked for of which nothing but Elexon's silence is in the way, or that this is over."""
    day = reading.day
    if not reading.waits_for_source:
        connection.execute(text("DELETE FROM minerecon.unanswered_days WHERE settlement_date = :day"), {"day": day})
        return
    kept = reading.kept_text()
    reason = "; ".join(filter(None, (reading.problem(), f"silent, and kept as it was: {kept}" if kept else "")))
    connection.execute(statement("day/upsert_unanswered_day"), {"day": day, "reason": reason, "now": now})


def _insert_progress(
    connection: Connection,
    reading: DayReading,
    slots: Iterable[Slot],
    *,
    archive_uri: str | None,
    synthetic: bool,
    looked_at: dt.datetime | None,
) -> None:
    # Of a day that is built all the same, what is missing of them is a check's to say.
    control = "; ".join(f"control total ({report} {s}): {e}" for report, s, e in reading.control_errors)
    control = control if looked_at is not None else ""
    rows = []
    for side, period in sorted(slots):
        look, answer = reading.looks[side, period], reading.answers.get((side, period))
        error = reading.errors.get((side, period)) or control or None
        count = len(reading.rows.get((side, period), ()))
        sha256 = answer.sha256 if answer is not None else None
        at = look.fetched_at or looked_at
        accepted = look.acceptance_count
        rows.append(
            (reading.day, period, side, look.status, count, accepted, sha256, at, archive_uri, error, synthetic)
        )
    with cursor(connection) as many:
        execute_values(
            many,
            "INSERT INTO minerecon.ingestion_progress (settlement_date, settlement_period, stack_side, status,"
            " row_count, acceptance_count, payload_sha256, fetched_at, archive_uri, error, is_synthetic) VALUES %s"
            " ON CONFLICT (settlement_date, settlement_period, stack_side) DO UPDATE SET"
            " status = excluded.status, row_count = excluded.row_count,"
            " acceptance_count = excluded.acceptance_count, payload_sha256 = excluded.payload_sha256,"
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
    """Record evaluations in ``reconciliation_results``.

    ``day`` is the first of a month or year that was looked at; of scope ``all`` it is the day of the look.
    """
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
                "is_beside": r.checked.is_beside,
                "expected": r.expected,
                "actual": r.actual,
                "looked_at": r.looked_at,
                "violation_count": r.violation_count,
                "violations": r.kept(scope),
                "repair": str(r.repair),
                "waiver": r.waiver,
                "waived_until": r.waived_until,
                "run_id": run_id,
                "evaluated_at": now,
            }
            for r in results
        ],
    )


def record_rates(connection: Connection, day: dt.date, rates: Sequence[MatchRate], *, now: dt.datetime) -> None:
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
