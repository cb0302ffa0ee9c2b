"""Every check of a stored day: passing, failing by a fault that is put in, mended by what it names, and blind.

A fault is put into the tables, the archive, the register, the difficulty table or the server, and never into the
code. Each test has a copy of a warehouse that was filled once.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import boto3
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from minerecon_dagster.checks.evaluators import model_ratios
from minerecon_dagster.checks.properties import DAY_PROPERTIES
from minerecon_dagster.cli.outcome import outcome_of
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.calendar import period_count
from minerecon_dagster.core.checks import Property, Result
from minerecon_dagster.core.errors import ArchiveError, ConfigurationError, MinereconError
from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.day.build import ChecksFailedError, LookFailedError
from minerecon_dagster.day.worker import MODEL_NAMES, DayReport, Worker
from minerecon_dagster.difficulty.source import DifficultyTable
from minerecon_dagster.elexon.archive import Archive
from minerecon_dagster.elexon.client import ElexonClient
from minerecon_dagster.http.rate_limit import RateLimiter
from minerecon_dagster.settings import Settings
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster.warehouse.warehouse import Warehouse
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.fake_elexon import NO_ROWS, FakeElexon, Fault, fake_elexon, stack_path
from minerecon_dagster_tests.project import DAY, Project

D = dt.date.fromisoformat
SHORT, LONG, WINDLESS, UNPRICED = D("2025-03-30"), D("2025-10-26"), D("2025-06-15"), D("2025-03-29")
DAYS = (DAY, SHORT, LONG, WINDLESS, UNPRICED)
REGISTER_BY_NOW = dt.datetime(2026, 1, 10, 12, tzinfo=dt.UTC)
PUBLISHED = {"S19J_PRO": "34.58136172", "M20S": "21.28012335", "S9": "10.71975614"}
"""The earlier system's totals of 2025-03-06, made from different rows for each model."""


@dataclass
class Stored:
    """A warehouse with stored days, the archive that they are of, and the work on them."""

    engine: Engine
    archive: Path
    elexon: FakeElexon
    difficulty: DifficultyTable

    @contextlib.contextmanager
    def worker(self, day: dt.date = DAY, *, from_archive: bool = True) -> Iterator[Worker]:
        with Warehouse.open(self.engine.url.render_as_string(hide_password=False)) as warehouse:
            made = self._worker(warehouse.engine)
            made.prepare([day], from_archive=from_archive)
            with contextlib.closing(made):
                yield made

    def _worker(self, engine: Engine) -> Worker:
        return Worker(
            engine=engine,
            archive=Archive.from_url(str(self.archive)),
            difficulty=self.difficulty,
            open_client=lambda: ElexonClient(self.elexon.base_url, RateLimiter(0)),
            source_url=self.elexon.base_url,
            sides=("bid", "offer"),
            waivers_file=Settings.from_environ().waivers_file,
            now=lambda: REGISTER_BY_NOW,
            run_id="a run",
        )

    def check(self, day: dt.date = DAY) -> dict[str, Result]:
        with self.worker(day) as worker:
            return {r.checked.full_name: r for r in worker.check(day)}

    def ingest(self, day: dt.date = DAY, *, fetch: bool = False, force: bool = False) -> DayReport:
        with self.worker(day, from_archive=not fetch) as worker:
            ((_, outcome),) = worker.ingest([day], fetch=fetch, force=force)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def recalculate(self, *models: str) -> DayReport:
        with self.worker() as worker:
            ((_, outcome),) = worker.recalculate([DAY], models or MODEL_NAMES)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def put(self, statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements.split(";"):
                if statement.strip():
                    connection.execute(text(statement), {"day": DAY})

    def sql(self, query: str) -> list[tuple[object, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), {"day": DAY})]

    def latest(self) -> dict[str, bool]:
        rows = self.sql(
            "SELECT check_family || '.' || check_name, passed FROM minerecon.reconciliation_latest"
            " WHERE settlement_date = :day AND scope = 'day'"
        )
        return {str(name): bool(passed) for name, passed in rows}

    def status(self) -> object:
        return self.sql("SELECT status FROM analytics.reconciliation_status WHERE settlement_date = :day")[0][0]


@pytest.fixture(scope="module")
def filled(
    migrated: str, embedded_environ: dict[str, str], difficulty_table: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stored]:
    """Days of every kind, fetched once."""
    with pytest.MonkeyPatch.context() as patch, fake_elexon(*DAYS, unpriced={UNPRICED}) as elexon:
        for variable, value in embedded_environ.items():
            patch.setenv(variable, value)
        patch.delenv("MINERECON_WAIVERS", raising=False)
        with databases.database(embedded_environ["DATABASE_URL"], migrated) as url:
            engine = open_warehouse(url, as_owner=True)
            table = DifficultyTable(difficulty_table, region=embedded_environ["AWS_REGION"])
            made = Stored(engine, tmp_path_factory.mktemp("filled") / "archive", elexon, table)
            with made.worker(from_archive=False) as worker:
                for _, outcome in worker.ingest(sorted(DAYS)):
                    assert isinstance(outcome, DayReport), outcome
            engine.dispose()
            databases.close(url)
            yield made


@pytest.fixture
def stored(filled: Stored, embedded_environ: dict[str, str], tmp_path: Path) -> Iterator[Stored]:
    """A copy of the filled warehouse and its archive, to break."""
    with databases.database(embedded_environ["DATABASE_URL"], str(filled.engine.url.database)) as url:
        engine = open_warehouse(url, as_owner=True)
        shutil.copytree(filled.archive, tmp_path / "archive")
        yield Stored(engine, tmp_path / "archive", filled.elexon, filled.difficulty)
        engine.dispose()


def failing(results: dict[str, Result]) -> set[str]:
    return {name for name, r in results.items() if not r.passed}


@pytest.mark.first_quick
@pytest.mark.parametrize("day", [DAY, SHORT, LONG, WINDLESS], ids=str)
def test_a_right_day_passes_every_check_and_each_has_looked_at_something(stored: Stored, day: dt.date) -> None:
    results = stored.check(day)
    assert results.keys() == {p.full_name for p in DAY_PROPERTIES}
    assert failing(results) == set()
    assert all(r.looked_at > 0 for r in results.values())
    assert "T_SYNUW-1" in results["register.wind_like_units_mapped"].actual or day == WINDLESS


def test_a_look_changes_nothing_but_the_record_of_it(stored: Stored) -> None:
    tables = ("curtailment_records", "historical_bitcoin_calculations", "daily_summaries", "bitcoin_daily_summaries")
    before = [stored.sql(f"SELECT * FROM minerecon.{table} ORDER BY 1, 2, 3") for table in tables]
    evaluated = stored.sql("SELECT max(result_id) FROM minerecon.reconciliation_results")
    stored.check()
    assert [stored.sql(f"SELECT * FROM minerecon.{table} ORDER BY 1, 2, 3") for table in tables] == before
    assert stored.sql(
        "SELECT count(*), bool_and(passed) FROM minerecon.reconciliation_results WHERE settlement_date = :day"
        f" AND result_id > {evaluated[0][0]}"
    ) == [(len(DAY_PROPERTIES), True)]


ONE_RECORD = "ctid = (SELECT min(ctid) FROM minerecon.curtailment_records WHERE settlement_date = :day AND so_flag)"
ONE_CALCULATION = (
    "ctid = (SELECT min(ctid) FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = :day"
    " AND miner_model = 'S9')"
)
REBUILD, RECALCULATE = c.REBUILD, c.RECALCULATE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "expected", "repair"),
    [
        pytest.param(
            "DELETE FROM minerecon.curtailment_records WHERE ctid IN (SELECT ctid FROM minerecon.curtailment_records"
            " WHERE settlement_date = :day LIMIT 10)",
            {c.RECORDS_MATCH_ARCHIVE, c.SUMS_MATCH_PARTS},
            REBUILD,
            id="ten rows deleted",
        ),
        pytest.param(
            f"UPDATE minerecon.curtailment_records SET original_price_gbp_per_mwh = -99 WHERE {ONE_RECORD}",
            {c.RECORDS_MATCH_ARCHIVE, c.PAYMENT_IS_VOLUME_TIMES_PRICE, c.NET_IS_PAID_MINUS_REFUNDED},
            REBUILD,
            id="a price changed",
        ),
        pytest.param(
            f"UPDATE minerecon.curtailment_records SET volume_mwh = volume_mwh * 2 WHERE {ONE_RECORD}",
            {c.RECORDS_MATCH_ARCHIVE, c.CALCULATIONS_MATCH_RECORDS, c.SUMS_MATCH_PARTS},
            REBUILD,
            id="a volume doubled",
        ),
        pytest.param(
            "UPDATE minerecon.curtailment_records SET settlement_period = CASE settlement_period WHEN 48 THEN 47"
            " ELSE settlement_period + 1 END WHERE ctid = (SELECT min(ctid) FROM minerecon.curtailment_records"
            " WHERE settlement_date = :day AND so_flag IS NOT TRUE)",
            {c.RECORDS_MATCH_ARCHIVE},
            REBUILD,
            id="a row without the flag moved to another period",
        ),
        pytest.param(
            f"UPDATE minerecon.curtailment_records SET so_flag = false WHERE {ONE_RECORD}",
            {c.RECORDS_MATCH_ARCHIVE, c.CALCULATIONS_MATCH_RECORDS},
            REBUILD,
            id="a flag taken off",
        ),
        pytest.param(
            "INSERT INTO minerecon.curtailment_records (settlement_date, settlement_period, start_time, stack_side,"
            " bmu_id, sequence_number, volume_mwh, so_flag) VALUES (:day, 1, '2025-03-28Z', 'bid', 'T_NOBODY-1', 999,"
            " -5, false)",
            {c.RECORDS_MATCH_ARCHIVE, c.UNITS_IN_FORCE},
            REBUILD,
            id="a record of a unit that nobody knows",
        ),
        pytest.param(
            "UPDATE minerecon.wind_generation_data SET wind_onshore_mw = wind_onshore_mw + 1 WHERE settlement_date ="
            " :day AND settlement_period = 7; UPDATE minerecon.daily_summaries SET wind_onshore_mwh = wind_onshore_mwh"
            " + 0.5, wind_generation_mwh = wind_generation_mwh + 0.5 WHERE summary_date = :day",
            {c.RECORDS_MATCH_ARCHIVE},
            REBUILD,
            id="wind output changed with its sum",
        ),
        pytest.param(
            "DELETE FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = :day AND miner_model = 'S9'"
            " AND settlement_period = 3",
            {c.CALCULATIONS_MATCH_RECORDS, c.SUMS_MATCH_PARTS},
            RECALCULATE,
            id="calculations of one model missing",
        ),
        pytest.param(
            "INSERT INTO minerecon.historical_bitcoin_calculations SELECT settlement_date, settlement_period, bmu_id,"
            " 'X9', curtailed_mwh, difficulty, block_subsidy_btc, mined_btc, formula_version"
            f" FROM minerecon.historical_bitcoin_calculations WHERE {ONE_CALCULATION}",
            {c.CALCULATIONS_MATCH_RECORDS},
            RECALCULATE,
            id="a calculation of a model that the list has not",
        ),
        pytest.param(
            f"UPDATE minerecon.historical_bitcoin_calculations SET mined_btc = mined_btc * 1.000000000002"
            f" WHERE {ONE_CALCULATION}",
            {c.BTC_RECOMPUTED, c.SUMS_MATCH_PARTS},
            RECALCULATE,
            id="a calculation altered by 2e-12",
        ),
        pytest.param(
            f"UPDATE minerecon.historical_bitcoin_calculations SET difficulty = difficulty * 2, mined_btc = mined_btc"
            f" / 2 WHERE {ONE_CALCULATION}",
            {c.BTC_RECOMPUTED, c.SUMS_MATCH_PARTS},
            RECALCULATE,
            id="a calculation with a difficulty of its own",
        ),
        pytest.param(
            f"UPDATE minerecon.historical_bitcoin_calculations SET formula_version = 0 WHERE {ONE_CALCULATION}",
            {c.ONE_FORMULA_VERSION},
            RECALCULATE,
            id="a calculation of an older formula",
        ),
        pytest.param(
            f"UPDATE minerecon.historical_bitcoin_calculations SET block_subsidy_btc = 6.25, mined_btc = mined_btc * 2"
            f" WHERE {ONE_CALCULATION}",
            {c.SUBSIDY_BY_HEIGHT, c.SUMS_MATCH_PARTS},
            RECALCULATE,
            id="the subsidy of the era before",
        ),
        pytest.param(
            "UPDATE minerecon.bitcoin_difficulty SET difficulty = difficulty + 1 WHERE settlement_date = :day",
            {c.DIFFICULTY_MATCHES_SOURCE, c.BTC_RECOMPUTED},
            RECALCULATE,
            id="the stored difficulty changed",
        ),
        pytest.param(
            "; ".join(
                f"UPDATE minerecon.bitcoin_daily_summaries SET mined_btc = {btc} WHERE summary_date = :day"
                f" AND miner_model = '{model}'"
                for model, btc in PUBLISHED.items()
            ),
            {c.MODEL_RATIOS, c.SUMS_MATCH_PARTS},
            RECALCULATE,
            id="the earlier system's totals typed in",
        ),
        pytest.param(
            "DELETE FROM minerecon.bitcoin_daily_summaries WHERE summary_date = :day AND miner_model = 'M20S'",
            {c.MODEL_RATIOS, c.SUMS_MATCH_PARTS},
            RECALCULATE,
            id="a model without a sum",
        ),
        pytest.param(
            "UPDATE minerecon.daily_summaries SET curtailed_mwh = curtailed_mwh - 1 WHERE summary_date = :day",
            {c.SUMS_MATCH_PARTS},
            REBUILD,
            id="energy of the day typed in",
        ),
        pytest.param(
            "UPDATE minerecon.daily_summaries SET paid_gbp = paid_gbp + 1 WHERE summary_date = :day",
            {c.SUMS_MATCH_PARTS, c.PAYMENT_IS_VOLUME_TIMES_PRICE, c.NET_IS_PAID_MINUS_REFUNDED},
            REBUILD,
            id="a payment of the day typed in",
        ),
        pytest.param(
            "UPDATE minerecon.daily_summaries SET state = 'incomplete', periods_present = 40 WHERE summary_date = :day",
            {c.SUMS_MATCH_PARTS},
            REBUILD,
            id="the state of the day typed in",
        ),
        pytest.param(
            "UPDATE minerecon.curtailment_records SET lead_party_name = 'Somebody else' WHERE settlement_date = :day"
            " AND bmu_id = 'T_SYNTW-1'",
            {c.LEAD_PARTIES_IN_FORCE},
            REBUILD,
            id="another lead party",
        ),
        pytest.param(
            "UPDATE minerecon.wind_generation_data SET wind_onshore_mw = 5000, wind_offshore_mw = 5000"
            " WHERE settlement_date = :day AND settlement_period = 9",
            {c.WIND_OUTPUT_WITHIN_CAPACITY, c.RECORDS_MATCH_ARCHIVE, c.SUMS_MATCH_PARTS},
            REBUILD,
            id="more wind than all farms can give",
        ),
    ],
)
def test_a_fault_in_the_tables_turns_its_checks_red_and_their_repair_turns_them_green(
    stored: Stored, fault: str, expected: set[Property], repair: str
) -> None:
    stored.put(fault)
    results = stored.check()
    assert failing(results) >= {p.full_name for p in expected}
    assert {p.full_name: False for p in expected}.items() <= stored.latest().items()
    if any(p.severity == "ERROR" for p in expected):
        assert stored.status() == "failing"
    for checked in expected:
        found = results[checked.full_name]
        assert found.violation_count > 0 or found.looked_at == 0
        assert found.repair == checked.repair_of(DAY)
    assert repair in {p.repair for p in expected}
    if repair == RECALCULATE:
        stored.recalculate()
    else:
        stored.ingest()
    assert failing(stored.check()) == set()
    assert stored.status() == "complete"


def test_a_calculation_within_the_tolerance_is_right(stored: Stored) -> None:
    stored.put(
        f"UPDATE minerecon.historical_bitcoin_calculations SET mined_btc = mined_btc * 1.0000000000005"
        f" WHERE {ONE_CALCULATION}"
    )
    assert stored.check()["calculation.btc_recomputed"].passed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param(
            "ALTER TABLE minerecon.curtailment_records ALTER payment_gbp DROP EXPRESSION;"
            f"UPDATE minerecon.curtailment_records SET payment_gbp = abs(payment_gbp) + 1 WHERE {ONE_RECORD}",
            c.PAYMENT_IS_VOLUME_TIMES_PRICE,
            id="a payment that is not volume × price",
        ),
        pytest.param(
            "ALTER TABLE minerecon.curtailment_records ALTER payment_gbp DROP EXPRESSION;"
            f"UPDATE minerecon.curtailment_records SET payment_gbp = -payment_gbp WHERE {ONE_RECORD}",
            c.SIGNS_BY_FORMULA,
            id="a payment with the other sign",
        ),
        pytest.param(
            "ALTER TABLE minerecon.daily_summaries ALTER payment_gbp DROP EXPRESSION;"
            "UPDATE minerecon.daily_summaries SET payment_gbp = paid_gbp + refunded_gbp + 1 WHERE summary_date = :day",
            c.NET_IS_PAID_MINUS_REFUNDED,
            id="a net that adds what was refunded",
        ),
        pytest.param(
            "ALTER TABLE minerecon.curtailment_records DROP CONSTRAINT curtailment_records_volume_negative_check;"
            f"UPDATE minerecon.curtailment_records SET volume_mwh = -volume_mwh WHERE {ONE_RECORD}",
            c.SIGNS_BY_FORMULA,
            id="a volume with the other sign",
        ),
        pytest.param(
            "ALTER TABLE minerecon.daily_summaries DROP CONSTRAINT daily_summaries_not_negative_check;"
            "UPDATE minerecon.daily_summaries SET refunded_gbp = -1 - refunded_gbp WHERE summary_date = :day",
            c.SIGNS_BY_FORMULA,
            id="a refund below zero",
        ),
        pytest.param(
            "ALTER TABLE minerecon.wind_generation_data ALTER total_wind_mwh DROP EXPRESSION;"
            "UPDATE minerecon.wind_generation_data SET total_wind_mwh = total_wind_mw WHERE settlement_date = :day",
            c.WIND_OUTPUT_WITHIN_CAPACITY,
            id="MW taken for MWh",
        ),
        pytest.param(
            "UPDATE minerecon.bm_units SET generation_capacity_mw = 1 WHERE bmu_id = 'T_SYNTW-1'",
            c.UNIT_ENERGY_WITHIN_CAPACITY,
            id="a unit beyond its capacity",
        ),
        pytest.param(
            "UPDATE minerecon.bm_units SET fuel_type = 'CCGT' WHERE bmu_id = 'T_SYNTW-1'",
            c.UNITS_IN_FORCE,
            id="a unit that is no wind farm in the register",
        ),
        pytest.param(
            "UPDATE minerecon.bm_units SET fuel_type = NULL, name = 'New Moor Wind Farm' WHERE bmu_id = 'T_SYNGT-1'",
            c.WIND_LIKE_UNITS_MAPPED,
            id="a farm that Elexon has not mapped",
        ),
    ],
)
def test_a_fault_that_the_database_would_refuse_or_in_the_register_is_found_too(
    stored: Stored, fault: str, expected: Property
) -> None:
    assert stored.check()[expected.full_name].passed
    stored.put(fault)
    found = stored.check()[expected.full_name]
    assert not found.passed
    assert found.violation_count > 0


@pytest.mark.parametrize(
    "fault",
    [
        f"UPDATE minerecon.curtailment_records SET volume_mwh = -volume_mwh WHERE {ONE_RECORD}",
        f"UPDATE minerecon.curtailment_records SET payment_gbp = 1 WHERE {ONE_RECORD}",
        "UPDATE minerecon.daily_summaries SET payment_gbp = 1 WHERE summary_date = :day",
        "UPDATE minerecon.daily_summaries SET paid_gbp = -1 WHERE summary_date = :day",
        "UPDATE minerecon.wind_generation_data SET total_wind_mwh = 1 WHERE settlement_date = :day",
        "UPDATE minerecon.calculation_reconciliation SET matched_count = expected_count + 1",
    ],
)
def test_the_database_refuses_what_it_derives_itself(stored: Stored, fault: str) -> None:
    with pytest.raises(DatabaseError):
        stored.put(fault)


def test_mw_added_up_as_mwh_on_a_windy_day_is_beyond_what_the_farms_can_give(stored: Stored) -> None:
    installed = stored.sql("SELECT sum(generation_capacity_mw) FROM minerecon.bm_units WHERE fuel_type = 'WIND'")[0][0]
    windy = f"UPDATE minerecon.wind_generation_data SET wind_onshore_mw = {installed} * 0.35, wind_offshore_mw ="
    windy += f" {installed} * 0.35 WHERE settlement_date = :day"
    stored.put(windy)
    assert stored.check()["physics.wind_output_within_capacity"].passed
    stored.put(
        "UPDATE minerecon.daily_summaries SET wind_generation_mwh = (SELECT sum(total_wind_mw)"
        " FROM minerecon.wind_generation_data WHERE settlement_date = :day) WHERE summary_date = :day"
    )
    assert [v.keys() for v in stored.check()["physics.wind_output_within_capacity"].violations] == [
        {"wind_generation_mwh", "installed_mw"}
    ]


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("emptied", "blind"),
    [
        pytest.param(
            "DELETE FROM minerecon.curtailment_records WHERE settlement_date = :day",
            {
                c.RECORDS_MATCH_ARCHIVE, c.CALCULATIONS_MATCH_RECORDS, c.SUMS_MATCH_PARTS,
                c.UNIT_ENERGY_WITHIN_CAPACITY, c.PAYMENT_IS_VOLUME_TIMES_PRICE, c.NET_IS_PAID_MINUS_REFUNDED,
                c.SIGNS_BY_FORMULA, c.UNITS_IN_FORCE, c.LEAD_PARTIES_IN_FORCE,
            },
            id="records",
        ),
        pytest.param(
            "DELETE FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = :day",
            {c.CALCULATIONS_MATCH_RECORDS, c.ONE_FORMULA_VERSION, c.BTC_RECOMPUTED, c.SUBSIDY_BY_HEIGHT},
            id="calculations",
        ),
        pytest.param(
            "DELETE FROM minerecon.bitcoin_daily_summaries WHERE summary_date = :day", {c.MODEL_RATIOS}, id="sums"
        ),
        pytest.param(
            "DELETE FROM minerecon.bitcoin_difficulty WHERE settlement_date = :day",
            {c.DIFFICULTY_MATCHES_SOURCE, c.BTC_RECOMPUTED},
            id="difficulty",
        ),
        pytest.param(
            "DELETE FROM minerecon.wind_generation_data WHERE settlement_date = :day",
            {c.RECORDS_MATCH_ARCHIVE, c.SUMS_MATCH_PARTS},
            id="wind output",
        ),
        pytest.param(
            "UPDATE minerecon.bm_units SET generation_capacity_mw = NULL",
            {c.UNIT_ENERGY_WITHIN_CAPACITY, c.WIND_OUTPUT_WITHIN_CAPACITY},
            id="capacities",
        ),
        pytest.param(
            "UPDATE minerecon.bm_units SET fuel_type = NULL",
            {c.UNITS_IN_FORCE, c.LEAD_PARTIES_IN_FORCE, c.WIND_OUTPUT_WITHIN_CAPACITY, c.WIND_LIKE_UNITS_MAPPED},
            id="register",
        ),
    ],
)  # fmt: skip
def test_an_empty_input_fails_what_needs_it(stored: Stored, emptied: str, blind: set[Property]) -> None:
    stored.put(emptied)
    assert failing(stored.check()) >= {p.full_name for p in blind}


@pytest.mark.parametrize("gone", ["the archive", "a damaged object", "the stored day"])
def test_where_it_cannot_look_every_blocking_family_fails_and_says_why(stored: Stored, gone: str) -> None:
    if gone == "the archive":
        shutil.rmtree(stored.archive / "days")
    elif gone == "a damaged object":
        (newest,) = (stored.archive / "days").rglob(f"{DAY}/*.zip")
        newest.write_bytes(newest.read_bytes()[:-100])
    else:
        stored.put("DELETE FROM minerecon.daily_summaries WHERE summary_date = :day")
    with pytest.raises(LookFailedError) as caught:
        stored.check()
    blocking = {p.family for p in DAY_PROPERTIES if p.severity == "ERROR"}
    assert {r.checked.family for r in caught.value.results} == blocking
    assert all(not r.passed and "could not look" in r.actual for r in caught.value.results)
    assert {str(r.repair) for r in caught.value.results} == {f"minerecon reingest {DAY}"}
    assert isinstance(caught.value.__cause__, ArchiveError) == (gone != "the stored day")
    assert {name.partition(".")[0] for name, passed in stored.latest().items() if not passed} == blocking
    assert stored.status() in ("failing", "missing")


@contextlib.contextmanager
def another_difficulty(table: DifficultyTable, value: Decimal | None) -> Iterator[None]:
    """The table with another value of the day, or none; as it was afterwards."""
    was = table.values([DAY])[DAY]
    items = boto3.session.Session().resource("dynamodb", region_name="eu-west-2").Table(table.name)
    if value is None:
        items.delete_item(Key={"Date": DAY.isoformat()})
    else:
        table.load({DAY: value})
    try:
        yield
    finally:
        table.load({DAY: was})


@pytest.mark.slow
def test_a_difficulty_changed_in_dynamodb_is_found_and_recalculation_takes_it_over(stored: Stored) -> None:
    with another_difficulty(stored.difficulty, Decimal("113757508810999")):
        assert failing(stored.check()) == {"calculation.difficulty_matches_source"}
        stored.recalculate()
        assert failing(stored.check()) == set()
    assert failing(stored.check()) == {"calculation.difficulty_matches_source"}


def test_a_difficulty_that_is_gone_fails_what_needs_it_and_nothing_else(stored: Stored) -> None:
    with another_difficulty(stored.difficulty, None):
        results = stored.check()
    assert failing(results) == {"calculation.difficulty_known", "calculation.difficulty_matches_source"}
    assert str(results["calculation.difficulty_known"].repair) == "minerecon difficulty load FILE.csv"
    assert results["calculation.difficulty_matches_source"].looked_at == 0


@pytest.mark.slow
def test_a_difficulty_table_that_does_not_answer_fails_what_needs_it(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
    stored.difficulty = DifficultyTable(stored.difficulty.name, region="eu-west-2")
    assert failing(stored.check()) == {"calculation.difficulty_known", "calculation.difficulty_matches_source"}


def test_an_unpriced_bid_warns_and_the_day_is_published(stored: Stored) -> None:
    results = stored.check(UNPRICED)
    assert failing(results) == {"money.bids_are_priced"}
    assert results["money.bids_are_priced"].violation_count == 1


@pytest.mark.first_quick
@pytest.mark.parametrize("altered", ["mined_btc", "block_subsidy_btc"])
def test_a_formula_that_is_altered_in_the_database_publishes_nothing(stored: Stored, altered: str) -> None:
    before = stored.sql("SELECT miner_model, mined_btc FROM minerecon.bitcoin_daily_summaries ORDER BY 1")
    replaced = {
        "mined_btc": "(energy_mwh numeric, hashrate_ths numeric, power_w numeric, difficulty numeric,"
        " block_subsidy_btc numeric) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN energy_mwh"
        " * 3600000000 * hashrate_ths * 1000000000000 * block_subsidy_btc / (power_w * difficulty * 4294967295)",
        "block_subsidy_btc": "(at timestamptz) RETURNS numeric LANGUAGE sql STABLE STRICT PARALLEL SAFE RETURN 6.25",
    }
    stored.put(f"CREATE OR REPLACE FUNCTION minerecon.{altered} {replaced[altered]}")
    with pytest.raises(ChecksFailedError, match="btc_recomputed" if altered == "mined_btc" else "subsidy_by_height"):
        stored.recalculate()
    with pytest.raises(ChecksFailedError):
        stored.ingest()
    assert stored.sql("SELECT miner_model, mined_btc FROM minerecon.bitcoin_daily_summaries ORDER BY 1") == before
    assert stored.status() == "failing"


@pytest.mark.slow
def test_a_recalculation_of_one_model_does_not_hide_another_ones_fault(stored: Stored) -> None:
    stored.put("DELETE FROM minerecon.historical_bitcoin_calculations WHERE miner_model = 'M20S'")
    with pytest.raises(ChecksFailedError, match=f"minerecon recalculate {DAY}"):
        stored.recalculate("S9")
    stored.recalculate()
    assert failing(stored.check()) == set()


def test_a_recalculation_of_one_model_makes_all_of_a_newer_formula(stored: Stored) -> None:
    stored.put("UPDATE minerecon.historical_bitcoin_calculations SET formula_version = 0")
    assert stored.recalculate("S9").models == MODEL_NAMES
    assert stored.check()["calculation.one_formula_version"].passed


def test_a_calculation_moved_to_another_unit_is_one_too_many_and_one_too_few(stored: Stored) -> None:
    (period, unit), *_ = stored.sql(
        "SELECT settlement_period, bmu_id FROM minerecon.historical_bitcoin_calculations"
        f" WHERE settlement_date = :day AND {ONE_CALCULATION}"
    )
    stored.put(f"UPDATE minerecon.historical_bitcoin_calculations SET bmu_id = 'T_NOONE-1' WHERE {ONE_CALCULATION}")
    found = stored.check()["conservation.calculations_match_records"]
    told = {(v["settlement_period"], v["bmu_id"], v["record_mwh"] is None) for v in found.violations}
    assert told == {(period, unit, False), (period, "T_NOONE-1", True)}
    pairs = stored.sql(
        "SELECT count(DISTINCT (settlement_period, bmu_id)) FROM minerecon.curtailment_records"
        " WHERE settlement_date = :day AND so_flag"
    )[0][0]
    assert isinstance(pairs, int)
    assert found.looked_at == len(MODEL_NAMES) * pairs + 1


def test_the_rate_counts_what_is_right_of_what_the_archive_says_there_should_be(stored: Stored) -> None:
    query = "SELECT miner_model, expected_count, matched_count FROM minerecon.calculation_reconciliation"
    query += " WHERE settlement_date = :day ORDER BY 1"
    pairs = stored.sql(
        "SELECT count(DISTINCT (settlement_period, bmu_id)) FROM minerecon.curtailment_records"
        " WHERE settlement_date = :day AND so_flag"
    )[0][0]
    models = sorted(MODEL_NAMES)
    assert stored.sql(query) == [(model, pairs, pairs) for model in models]
    stored.put(
        "DELETE FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = :day AND miner_model = 'S9'"
        " AND settlement_period = 3;"
        "DELETE FROM minerecon.curtailment_records WHERE settlement_date = :day AND settlement_period = 5;"
        f"UPDATE minerecon.historical_bitcoin_calculations SET mined_btc = 1 WHERE {ONE_CALCULATION}"
    )
    lost = {
        period: stored.sql(
            "SELECT count(*) FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = :day"
            f" AND settlement_period = {period} AND miner_model = 'M20S'"
        )[0][0]
        for period in (3, 5)
    }
    stored.check()
    found = {model: (expected, matched) for model, expected, matched in stored.sql(query)}
    assert found == {model: (pairs, pairs - lost[5] - (lost[3] + 1 if model == "S9" else 0)) for model in models}


def test_published_totals_that_were_made_from_different_rows_break_the_ratios_and_real_ones_do_not() -> None:
    published = {model: Decimal(btc) for model, btc in PUBLISHED.items()}
    assert {v["miner_model"] for v in model_ratios(DAY, published).violations} == set(MODEL_NAMES) - {"S19J_PRO"}
    real = {m.name: 7 * m.hashrate_ths / m.power_w for m in MINER_MODELS}
    assert model_ratios(DAY, real).passed
    assert model_ratios(DAY, dict.fromkeys(real, Decimal())).passed, "a day without curtailment"
    assert not model_ratios(DAY, {}).passed
    assert not model_ratios(DAY, {name: btc for name, btc in real.items() if name != "S9"}).passed


@pytest.mark.slow
def test_a_whole_day_that_was_fetched_just_now_is_compared_with_what_came(stored: Stored) -> None:
    def drift(report: DayReport) -> list[Result]:
        return [r for r in report.results if r.checked == c.SOURCE_UNCHANGED]

    (fresh,) = drift(stored.ingest(fetch=True, force=True))
    assert fresh.passed
    assert fresh.looked_at == 2 * period_count(DAY) + 5, "each period of both sides, BOAV, EBOCF and AGWS"
    assert drift(stored.ingest(fetch=True)) == [], "nothing was asked"
    assert drift(stored.ingest()) == []


def test_a_database_that_alters_what_is_stored_is_found_against_what_came_just_now(stored: Stored) -> None:
    alter_on_insert(stored)
    with pytest.raises(ChecksFailedError) as caught:
        stored.ingest(fetch=True, force=True)
    wrong = {r.checked for r in caught.value.results if not r.passed}
    assert {c.SOURCE_UNCHANGED, c.RECORDS_MATCH_ARCHIVE} <= wrong
    assert stored.latest()["drift.source_unchanged"] is False


def alter_on_insert(stored: Stored) -> None:
    with stored.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION public.alter_it() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.volume_mwh := CASE WHEN NEW.so_flag THEN 1 ELSE 2 END * NEW.volume_mwh; RETURN NEW; END $$;"
            "CREATE TRIGGER alter_it BEFORE INSERT ON minerecon.curtailment_records"
            " FOR EACH ROW EXECUTE FUNCTION public.alter_it()"
        )


@pytest.mark.slow
def test_periods_that_are_missing_or_cannot_be_fetched_are_told_apart(stored: Stored) -> None:
    path = stack_path("bid", DAY, 17)
    try:
        stored.elexon.faults = lambda p: NO_ROWS if p == path else None
        results = {r.checked.full_name: r for r in stored.ingest(fetch=True, force=True).results}
        assert failing(results) == {"completeness.source_not_silent"}
        assert failing(stored.check()) == {"completeness.source_not_silent"}
        assert stored.status() == "warned"
        stored.elexon.faults = lambda p: Fault(400) if p == path else None
        with pytest.raises(MinereconError, match="bid periods 17 failed"):
            stored.ingest(fetch=True, force=True)
        assert stored.latest()["completeness.periods_fetched"] is False
        stored.elexon.faults = lambda p: Fault(400) if "wind-and-solar" in p else None
        shutil.rmtree(stored.archive / "days")
        results = {r.checked.full_name: r for r in stored.ingest(fetch=True, force=True).results}
        assert failing(results) == {"completeness.wind_output_known"}
        assert "none known" in results["physics.wind_output_within_capacity"].actual
    finally:
        stored.elexon.faults = lambda p: None


def waive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **fields: str) -> None:
    entry = {
        "check": "conservation.sums_match_parts", "reason": "typed in by agreement", "accepted_by": "A. Person",
    } | fields  # fmt: skip
    lines = ["[[waiver]]", "first_day = 2025-03-28", "last_day = 2025-03-28", "expires = 2026-01-10"]
    path = tmp_path / "accepted.toml"
    path.write_text("\n".join([*lines, *(f"{name} = {json.dumps(value)}" for name, value in entry.items())]))
    monkeypatch.setenv("MINERECON_WAIVERS", str(path))


def test_a_waived_fault_shows_as_waived_until_it_lapses_and_has_not_passed(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stored.put("UPDATE minerecon.daily_summaries SET curtailed_mwh = curtailed_mwh - 1 WHERE summary_date = :day")
    waive(monkeypatch, tmp_path)
    found = stored.check()["conservation.sums_match_parts"]
    assert found.is_waived
    assert not found.passed
    row = stored.sql(
        "SELECT passed, severity, waiver, waived_until, violation_count FROM minerecon.reconciliation_results"
        " WHERE check_name = 'sums_match_parts' ORDER BY result_id DESC LIMIT 1"
    )
    assert row == [(False, "ERROR", "typed in by agreement (accepted by A. Person)", D("2026-01-10"), 1)]
    today = stored.sql("SELECT (now() AT TIME ZONE 'Europe/London')::date")[0][0]
    for until, status in ((today, "waived"), (today - dt.timedelta(days=1), "failing")):  # type: ignore[operator]
        stored.put(f"UPDATE minerecon.reconciliation_latest SET waived_until = '{until}' WHERE NOT passed")
        assert stored.status() == status


@pytest.mark.slow
def test_a_day_is_published_with_a_waived_fault_and_not_without(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    alter_on_insert(stored)
    with pytest.raises(ChecksFailedError):
        stored.ingest()
    waive(monkeypatch, tmp_path, check="conservation.records_match_archive", unit="T_SYNTW-1")
    with pytest.raises(ChecksFailedError, match="waived"):
        stored.ingest()
    waive(monkeypatch, tmp_path, check="conservation.records_match_archive")
    report = stored.ingest()
    assert {r.checked for r in report.results if r.is_waived} == {c.RECORDS_MATCH_ARCHIVE}


def test_a_bad_file_of_waivers_stops_the_run_before_it_begins(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    waive(monkeypatch, tmp_path, check="money.nothing")
    with pytest.raises(MinereconError, match=r"waiver 1 \(money.nothing, 2025-03-28\)"):
        stored.check()


def test_a_command_with_a_bad_file_of_waivers_ends_as_one_with_a_wrong_setting(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    waive(monkeypatch, tmp_path, check="money.nothing")
    with pytest.raises(ConfigurationError, match=r"waiver 1 \(money.nothing, 2025-03-28\)"):
        outcome_of(project.run(DAY))
    assert project.sql("SELECT count(*) FROM minerecon.daily_summaries") == [(0,)]
