"""The price of Bitcoin in the warehouse: what is stored, what is refused, what a run and the schedule do."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from sqlalchemy import Engine, select, text

from minerecon_dagster.asset_keys import PRICE
from minerecon_dagster.core.errors import ConfigurationError, PermanentSourceError, SchemaDriftError, SourceError
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.defs.resources import (
    ElexonResource,
    PriceResource,
    WarehouseResource,
)
from minerecon_dagster.defs.schedules import MOST_PRICE_RUNS, SCHEDULES
from minerecon_dagster.jobs import REFRESH_PRICES
from minerecon_dagster.prices.source import DailyPrice, PriceSource
from minerecon_dagster.prices.store import RECENT_DAYS, days_to_price, prices_known, refresh_prices
from minerecon_dagster.sample.prices import serve_sample_prices, synthetic_price_gbp
from minerecon_dagster.warehouse.sample import refuse_to_mix
from minerecon_dagster.warehouse.tables import reconciliation_results
from minerecon_dagster_tests.stopped_clock import StoppedClock

D = dt.date.fromisoformat
ONE_DAY = dt.timedelta(days=1)
NOW = dt.datetime(2025, 4, 2, 1, 30, tzinfo=dt.UTC)
READ_AT = dt.datetime(2025, 4, 2, 1, 31, tzinfo=dt.UTC)
REAL_URL = "https://prices.test/candles"


def days(first: str, last: str) -> list[dt.date]:
    return [D(first) + n * ONE_DAY for n in range((D(last) - D(first)).days + 1)]


class Source:
    """A source of another kind than the project's own: what it is given, it says."""

    name = "a test"

    def __init__(self, prices: Mapping[str, str], *, url: str = REAL_URL, at: dt.datetime = READ_AT) -> None:
        self.prices = [DailyPrice(D(day), Decimal(price), url, at) for day, price in prices.items()]
        self.asked: list[tuple[str, str]] = []
        self.error: SourceError | None = None
        self.says_all = False

    def fetch(self, first: dt.date, last: dt.date) -> list[DailyPrice]:
        self.asked.append((str(first), str(last)))
        if self.error and len(self.asked) > 1:
            raise self.error
        return [price for price in self.prices if self.says_all or first <= price.day <= last]


def stored(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        query = "SELECT price_date, price_gbp, source, fetched_at, is_synthetic FROM minerecon.bitcoin_price_gbp"
        return [tuple(row) for row in connection.execute(text(f"{query} ORDER BY 1"))]


def test_prices_are_stored_with_their_digits_source_and_time(warehouse: Engine) -> None:
    source: PriceSource = Source({"2025-03-28": "64123.4500000000000000001", "2025-03-29": "65000"})
    report = refresh_prices(warehouse, source, days("2025-03-28", "2025-03-29"), NOW)
    assert stored(warehouse) == [
        (D("2025-03-28"), Decimal("64123.4500000000000000001"), REAL_URL, READ_AT, False),
        (D("2025-03-29"), Decimal(65000), REAL_URL, READ_AT, False),
    ]
    assert report.new == days("2025-03-28", "2025-03-29")
    assert (report.changed, report.without, report.not_over) == ({}, [], [])


def test_asking_again_writes_nothing_and_a_price_that_changed_is_replaced_with_its_time_and_logged(
    warehouse: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    asked = days("2025-03-28", "2025-03-29")
    refresh_prices(warehouse, Source({"2025-03-28": "64000.5", "2025-03-29": "65000"}), asked, NOW)
    before = stored(warehouse)
    later = READ_AT + ONE_DAY
    report = refresh_prices(warehouse, Source({"2025-03-28": "64000.50", "2025-03-29": "65000"}, at=later), asked, NOW)
    assert stored(warehouse) == before
    assert (report.new, report.changed) == ([], {})

    with caplog.at_level(logging.WARNING):
        changed = Source({"2025-03-28": "64000.5", "2025-03-29": "65000.01"}, at=later)
        report = refresh_prices(warehouse, changed, asked, NOW)
    assert stored(warehouse) == [
        before[0],
        (D("2025-03-29"), Decimal("65000.01"), REAL_URL, later, False),
    ]
    assert report.changed == {D("2025-03-29"): Decimal(65000)}
    assert "2025-03-29: the price at the source changed from £65000 to £65000.01" in caplog.text


def test_a_day_without_a_price_has_no_row_and_one_that_is_not_over_is_not_asked_for(warehouse: Engine) -> None:
    source = Source({"2025-03-30": "64000", "2025-04-01": "65000", "2025-04-02": "66000"})
    report = refresh_prices(warehouse, source, days("2025-03-30", "2025-04-03"), NOW)
    assert source.asked == [("2025-03-30", "2025-04-01")]
    assert [row[0] for row in stored(warehouse)] == [D("2025-03-30"), D("2025-04-01")]
    assert report.without == [D("2025-03-31")]
    assert report.not_over == days("2025-04-02", "2025-04-03")


def test_days_with_gaps_between_them_are_asked_for_by_range(warehouse: Engine) -> None:
    source = Source({})
    refresh_prices(warehouse, source, [D("2025-03-30"), D("2025-01-01"), D("2025-01-02")], NOW)
    assert source.asked == [("2025-01-01", "2025-01-02"), ("2025-03-30", "2025-03-30")]


@pytest.mark.parametrize(
    ("prices", "problem"),
    [
        ({"2025-03-27": "64000", "2025-03-28": "64000"}, "a price of 2025-03-27"),
        ({"2025-03-28": "64000", "2025-03-30": "64000"}, "a price of 2025-03-30"),
        ({"2025-03-28": "64000", "2025-03-29": "0"}, "a price of 0 GBP"),
        ({"2025-03-28": "64000", "2025-03-29": "-1"}, "a price of -1 GBP"),
        ({"2025-03-28": "64000", "2025-03-29": "NaN"}, "a price of NaN GBP"),
        ({"2025-03-28": "64000", "2025-03-29": "Infinity"}, "a price of Infinity GBP"),
    ],
)
def test_an_answer_that_cannot_be_right_stores_nothing(warehouse: Engine, prices: dict[str, str], problem: str) -> None:
    source = Source(prices)
    source.says_all = True
    with pytest.raises(SchemaDriftError, match=problem) as caught:
        refresh_prices(warehouse, source, days("2025-03-28", "2025-03-29"), NOW)
    assert "nothing was stored" in str(caught.value)
    assert stored(warehouse) == []


def test_two_prices_of_a_day_store_nothing(warehouse: Engine) -> None:
    source = Source({"2025-03-28": "64000"})
    source.prices *= 2
    with pytest.raises(SchemaDriftError, match="two prices of 2025-03-28"):
        refresh_prices(warehouse, source, days("2025-03-28", "2025-03-29"), NOW)
    assert stored(warehouse) == []


def test_a_source_that_fails_half_way_stores_nothing(warehouse: Engine) -> None:
    source = Source({"2025-01-01": "64000", "2025-03-28": "64000"})
    source.error = PermanentSourceError("HTTP 403", method="GET", url=REAL_URL, status=403, attempts=1, remedy="ask")
    with pytest.raises(PermanentSourceError):
        refresh_prices(warehouse, source, [D("2025-01-01"), D("2025-03-28")], NOW)
    assert stored(warehouse) == []


SAMPLE_URL = "http://127.0.0.1:9/synthetic/prices"


def put_a_unit(engine: Engine, *, synthetic: bool) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO minerecon.bm_units (bmu_id, valid_from, looks_like_wind, is_synthetic)"
                " VALUES ('T_X-1', '2025-01-01', true, :s)"
            ),
            {"s": synthetic},
        )


@pytest.mark.parametrize(("held", "url"), [(False, SAMPLE_URL), (True, REAL_URL)])
def test_synthetic_and_real_are_never_mixed_whichever_came_first(warehouse: Engine, held: bool, url: str) -> None:
    put_a_unit(warehouse, synthetic=held)
    with pytest.raises(ConfigurationError, match="never mixed"):
        refresh_prices(warehouse, Source({"2025-03-28": "64000"}, url=url), [D("2025-03-28")], NOW)
    assert stored(warehouse) == []


def test_the_first_price_decides_what_may_follow_it(warehouse: Engine) -> None:
    refresh_prices(warehouse, Source({"2025-03-28": "64000"}, url=SAMPLE_URL), [D("2025-03-28")], NOW)
    assert stored(warehouse)[0][-1] is True
    with pytest.raises(ConfigurationError, match="never mixed"):
        refresh_prices(warehouse, Source({"2025-03-29": "64000"}), [D("2025-03-29")], NOW)
    with warehouse.connect() as connection:
        refuse_to_mix(connection, synthetic=True)
        with pytest.raises(ConfigurationError, match="never mixed"):
            refuse_to_mix(connection, synthetic=False)


def test_a_warehouse_that_is_not_migrated_is_refused_before_the_source_is_asked(fresh_database: str) -> None:
    from minerecon_dagster.warehouse.store import open_warehouse

    source = Source({"2025-03-28": "64000"})
    with pytest.raises(ConfigurationError, match="minerecon db upgrade"):
        refresh_prices(open_warehouse(fresh_database), source, [D("2025-03-28")], NOW)
    assert source.asked == []


def test_the_check_names_days_that_are_over_and_have_no_price(warehouse: Engine) -> None:
    refresh_prices(warehouse, Source({"2025-03-28": "64000"}), [D("2025-03-28")], NOW)
    with warehouse.connect() as connection:
        assert prices_known(connection, [D("2025-03-28"), D("2025-04-02")], NOW).passed
        checked = prices_known(connection, days("2025-03-28", "2025-04-02"), NOW)
        assert (checked.passed, checked.looked_at, checked.violation_count) == (False, 5, 4)
        assert checked.violations[0] == {"price_date": "2025-03-29"}
        assert str(checked.repair) == "minerecon prices 2025-03-29 2025-04-01"
        assert not prices_known(connection, [D("2025-04-02")], NOW).passed, "it has looked at nothing"


def test_the_days_to_ask_for_are_those_without_a_price_and_the_last_week(warehouse: Engine) -> None:
    first = D("2025-03-01")
    assert days_to_price(warehouse, first_day=first, now=NOW) == days("2025-03-01", "2025-04-01")
    known = {str(day): "64000" for day in days("2025-03-01", "2025-04-01") if day != D("2025-03-10")}
    refresh_prices(warehouse, Source(known), days("2025-03-01", "2025-04-01"), NOW)
    recent = [D("2025-04-01") - n * ONE_DAY for n in range(RECENT_DAYS)]
    assert days_to_price(warehouse, first_day=first, now=NOW) == [D("2025-03-10"), *reversed(recent)]
    assert days_to_price(warehouse, first_day=D("2025-04-01"), now=NOW) == [D("2025-04-01")]
    assert days_to_price(warehouse, first_day=D("2025-04-02"), now=NOW) == []


# Through Dagster.


@pytest.fixture
def instance(warehouse: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DATABASE_URL", warehouse.url.render_as_string(hide_password=False))
    with dg.DagsterInstance.ephemeral() as made:
        yield made


class Swapped(PriceResource):
    """Another source in the place of the project's own, as a deployment would have it."""

    prices: dict[str, str]

    def source(self) -> PriceSource:
        return Source(self.prices)


def run(
    instance: dg.DagsterInstance, first: str, last: str, price: PriceResource | None = None
) -> dg.ExecuteInProcessResult:
    overrides: dict[str, Any] = {"clock": StoppedClock(stopped_at=NOW.isoformat())}
    if price is not None:
        overrides["price"] = price
    return (
        build_defs(overrides)
        .resolve_job_def(REFRESH_PRICES)
        .execute_in_process(
            instance=instance,
            tags={ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last},
            raise_on_error=False,
        )
    )


def test_a_range_is_one_run_that_materializes_the_days_that_have_a_price(
    warehouse: Engine, instance: dg.DagsterInstance
) -> None:
    ran = run(instance, "2025-03-28", "2025-04-02", Swapped(prices={"2025-03-28": "64000.5", "2025-03-30": "65000"}))
    assert ran.success
    assert instance.get_materialized_partitions(PRICE) == {"2025-03-28", "2025-03-30"}
    (first, _) = ran.get_asset_materialization_events()
    metadata = {name: value.value for name, value in first.materialization.metadata.items()}
    assert metadata == {"price_gbp": 64000.5, "stored": "new", "source": REAL_URL}
    (check,) = ran.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity) == ("prices_known", False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["days_without_a_price"].value == 3
    assert check.metadata["Repair"].value == "minerecon prices 2025-03-29 2025-04-01"
    assert [row[0] for row in stored(warehouse)] == [D("2025-03-28"), D("2025-03-30")]
    with warehouse.connect() as connection:
        (recorded,) = connection.execute(select(reconciliation_results)).all()
        assert connection.execute(text("SELECT count(*) FROM analytics.reconciliation_status")).scalar() == 0
    assert (recorded.scope, recorded.settlement_date, recorded.run_id) == ("all", D("2025-04-02"), ran.run_id)
    assert (recorded.check_family, recorded.check_name, recorded.severity) == ("price", "prices_known", "WARN")
    assert (recorded.passed, recorded.looked_at, recorded.violation_count) == (False, 5, 3)
    assert recorded.violations[0] == {"price_date": "2025-03-29"}
    assert recorded.repair == check.metadata["Repair"].value


@pytest.mark.slow
def test_many_days_are_one_run_and_few_requests(
    warehouse: Engine, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_sample_prices() as url:
        monkeypatch.setenv("BITCOIN_PRICE_BASE_URL", url)
        ran = run(instance, "2024-06-01", "2025-04-01")
    assert ran.success
    assert len(ran.get_step_success_events()) == 1
    found = stored(warehouse)
    assert [row[:2] for row in found] == [(day, synthetic_price_gbp(day)) for day in days("2024-06-01", "2025-04-01")]
    assert all(row[-1] for row in found), "marked as synthetic"
    assert len({row[2] for row in found}) == 2, "two requests of 300 days at most"
    (check,) = ran.get_asset_check_evaluations()
    assert check.passed
    told = ran.get_asset_materialization_events()[0].materialization.metadata
    assert told["synthetic"].value is True


def test_a_run_fails_where_the_source_did_and_says_how(
    warehouse: Engine, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_sample_prices() as url:
        monkeypatch.setenv("BITCOIN_PRICE_BASE_URL", f"{url}/nowhere")
        ran = run(instance, "2025-03-28", "2025-03-28")
    assert not ran.success
    (failure,) = ran.get_step_failure_events()
    assert failure.step_failure_data.error is not None
    assert "check BITCOIN_PRICE_BASE_URL" in failure.step_failure_data.error.to_string()
    assert stored(warehouse) == []


def tick(instance: dg.DagsterInstance, first_day: str) -> dg.ScheduleExecutionData:
    resources = {
        "warehouse": WarehouseResource(),
        "elexon": ElexonResource(),
        "price": PriceResource(),
        "clock": StoppedClock(stopped_at=NOW.isoformat()),
    }
    with dg.build_schedule_context(instance, scheduled_execution_time=NOW, resources=resources) as context:
        return SCHEDULES["price_refresh"].build(D(first_day)).evaluate_tick(context)


def asked(data: dg.ScheduleExecutionData) -> list[tuple[str, str]]:
    return [
        (r.tags[ASSET_PARTITION_RANGE_START_TAG], r.tags[ASSET_PARTITION_RANGE_END_TAG])
        for r in data.run_requests or []
    ]


def test_the_schedule_asks_for_the_whole_history_first_and_then_for_the_last_week(
    warehouse: Engine, instance: dg.DagsterInstance
) -> None:
    assert asked(tick(instance, "2022-01-01")) == [("2022-01-01", "2025-04-01")]
    known = {str(day): "64000" for day in days("2022-01-01", "2025-04-01")}
    refresh_prices(warehouse, Source(known), days("2022-01-01", "2025-04-01"), NOW)
    assert asked(tick(instance, "2022-01-01")) == [("2025-03-26", "2025-04-01")]


def test_the_schedule_asks_for_so_many_holes_a_night_at_most_the_newest_of_them(
    warehouse: Engine, instance: dg.DagsterInstance
) -> None:
    known = {str(day): "64000" for day in days("2025-01-01", "2025-04-01") if day.day % 2}
    refresh_prices(warehouse, Source(known), days("2025-01-01", "2025-04-01"), NOW)
    requests = asked(tick(instance, "2025-01-01"))
    assert len(requests) == MOST_PRICE_RUNS
    assert requests[-1] == ("2025-03-26", "2025-04-01")


@pytest.mark.parametrize("variable", ["ELEXON_BASE_URL", "BITCOIN_PRICE_BASE_URL"])
def test_the_schedule_leaves_the_bundled_sample_alone(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9/synthetic/x")
    skipped = tick(instance, "2022-01-01")
    assert not skipped.run_requests
    assert "bundled sample" in (skipped.skip_message or "")


def test_the_schedule_is_on_and_ticks_when_the_utc_day_is_over_in_summer_too() -> None:
    schedule = SCHEDULES["price_refresh"].build(D("2022-01-01"))
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 2 * * *", "Europe/London")
    assert schedule.job_name == REFRESH_PRICES
