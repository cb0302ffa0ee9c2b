"""Reports over real days: what they say, that they stand alone, and where they are."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from sqlalchemy import Engine, text

from minerecon_dagster.asset_keys import LATEST_REPORT, MONTHLY_REPORT
from minerecon_dagster.cli.outcome import outcome_of
from minerecon_dagster.cli.report_server import serve_reports
from minerecon_dagster.core.errors import ArchiveError
from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.core.unfinished import Unfinished
from minerecon_dagster.day.closing import follow
from minerecon_dagster.decisions.unavailable import ClosedDays, Unavailable
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.defs import exports as assets_exports
from minerecon_dagster.defs import reports as assets_reports
from minerecon_dagster.exports.files import ExportError
from minerecon_dagster.jobs import REPORT_SWEEP
from minerecon_dagster.reports import publish
from minerecon_dagster.reports.data import Facts, read_facts
from minerecon_dagster.reports.page import latest_page
from minerecon_dagster.reports.publish import publish_latest, publish_month
from minerecon_dagster.storage import open_store
from minerecon_dagster_tests.conftest import FORTNIGHT
from minerecon_dagster_tests.project import DAY, Project, definitions

NOW = dt.datetime(2025, 4, 1, 12, tzinfo=dt.UTC)
NEXT = DAY + dt.timedelta(days=1)


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.labels: list[tuple[str, list[str]]] = []
        self.text: list[str] = []
        self.scripts = 0
        self._hidden = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.ids.append(values["id"])
        self.references += [values[n] for n in ("src", "href", "xlink:href") if n in values]
        if tag == "svg":
            self.labels.append((values.get("role", ""), values.get("aria-labelledby", "").split()))
        self.scripts += tag == "script"
        self._hidden += tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture
def months(project: Project) -> Project:
    project.ingest(DAY)
    project.ingest(NEXT)
    return project


def body_of(project: Project, month: str = "2025-03", now: dt.datetime = NOW) -> str:
    report = publish_month(project.engine, open_store(str(project.archive._store.root)), month, now)
    assert report is not None
    assert Path(report.uri).read_text("utf-8") == report.body
    return report.body


def test_a_months_report_has_the_tables_figures_and_says_what_is_missing(months: Project) -> None:
    page = Page(body_of(months))
    ((mwh, gbp),) = months.sql("SELECT sum(curtailed_mwh), sum(payment_gbp) FROM minerecon.daily_summaries")
    assert f"{mwh:,.0f} MWh were curtailed for system reasons, for £{gbp:,.0f} net, in 2 of 31 days" in page.words
    assert "2 complete, 29 missing, of 31 days." in page.words
    assert "Not complete: something is missing." in page.words
    for model, btc in months.sql(
        "SELECT miner_model, sum(mined_btc) FROM minerecon.bitcoin_daily_summaries GROUP BY 1"
    ):
        assert f"Bitcoin on {model} at least {btc:,.4f} BTC" in page.words, "29 days are missing"
    ((again, covered),) = months.sql(
        "SELECT sum(turn_up_estimate_gbp), round(100 * sum(turn_up_mwh) / sum(turn_up_target_mwh), 1)"
        " FROM minerecon.daily_summaries"
    )
    assert f"Paid to stop £{gbp:,.0f}" in page.words
    at_least = f"Paid again to replace (estimate) at least £{again:,.0f} offers cover {covered} % of the energy"
    assert f"{at_least}, of 2 of 31 days" in page.words
    assert f"CO2, if gas replaced it at least {mwh * 394 / 1000:,.0f} t" in page.words
    farms = months.sql(
        "SELECT farm_name, curtailed_mwh, share_of_curtailed, potential_mwh, curtailed_share_of_potential,"
        " potential_days, payment_gbp FROM analytics.curtailment_by_farm_month ORDER BY curtailed_mwh DESC, 1 LIMIT 5"
    )
    assert sum(lost is not None for *_, lost, _, _ in farms) > 2
    for farm, energy, share, potential, lost, days, paid in farms:
        of_it = "-" if lost is None else f"{lost:.2%}"
        row = f"{farm} {energy:,.3f} {share:.2%} {potential:,.3f} {of_it} {days} {paid:,.2f}"
        assert row in page.words
    assert "SYNTHETIC DATA" in page.words
    # A missing day has no figure in any table, and never a zero.
    assert "2025-03-01 - - missing" in page.words
    assert "The price of Bitcoin is known of none of these days" in page.words


@pytest.mark.slow
def test_with_an_incomplete_day_a_report_says_at_least_of_what_was_lost_of_notified_potential(months: Project) -> None:
    assert "at least so much." in Page(body_of(months)).words
    months.sql_write(
        "UPDATE minerecon.daily_summaries SET state = 'incomplete' WHERE summary_date ="
        " (SELECT max(summary_date) FROM minerecon.daily_summaries)"
    )
    page = Page(body_of(months))
    ((farm, lost),) = months.sql(
        "SELECT farm_name, curtailed_share_of_potential FROM analytics.curtailment_by_farm_month"
        " ORDER BY curtailed_mwh DESC, 1 LIMIT 1"
    )
    (row,) = re.findall(rf"{re.escape(farm)} [\d,.]+ [\d.]+% [\d,.]+ (at least )?{lost:.2%}", page.words)
    assert row == "at least "
    assert "and so it is with an incomplete day." in page.words


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "is_least"),
    [
        ("state = 'final'", False),
        ("state = 'incomplete'", True),
        ("state = 'provisional', periods_due = 20, periods_present = 20", True),
    ],
    ids=["final", "incomplete", "in progress"],
)
def test_of_a_day_that_lacks_half_hours_a_report_says_at_least(months: Project, change: str, is_least: bool) -> None:
    months.sql_write(f"UPDATE minerecon.daily_summaries SET {change} WHERE summary_date = :d", d=DAY)
    ((mwh, all_bids),) = months.sql(
        "SELECT curtailed_mwh, all_bids_mwh FROM minerecon.daily_summaries WHERE summary_date = :d", d=DAY
    )
    ((btc,),) = months.sql(
        "SELECT mined_btc FROM minerecon.bitcoin_daily_summaries WHERE summary_date = :d AND miner_model = 'S9'", d=DAY
    )
    report = publish_latest(
        months.engine,
        open_store(str(months.archive._store.root)),
        dt.datetime.combine(NEXT, dt.time(12), dt.UTC),
    )
    words = Page(report.body).words
    yesterday = words[words.index("Yesterday, ") : words.index(f"{DAY:%B %Y} so far")]
    for least, figure in (
        ("At least ", f"{mwh:,.0f} MWh were curtailed"),
        ("SO-flagged at least ", f"{mwh:,.0f} MWh all bids: "),
        ("all bids: at least ", f"{all_bids:,.0f} MWh"),
        ("on S9 at least ", f"{btc:,.4f} BTC"),
        ("CO2, if gas replaced it at least ", f"{mwh * 394 / 1000:,.0f} t"),
    ):
        assert figure in yesterday
        assert (f"{least}{figure}" in yesterday) == is_least


@pytest.mark.slow
def test_the_price_of_a_mwh_is_of_the_energy_that_has_one_and_a_minus_stands_before_the_pound(months: Project) -> None:
    months.sql_write("UPDATE minerecon.daily_summaries SET unpriced_mwh = curtailed_mwh / 4")
    ((price,),) = months.sql(
        "SELECT sum(payment_gbp) / sum(curtailed_mwh - unpriced_mwh) FROM minerecon.daily_summaries"
    )
    assert f"Price of a MWh £{price:,.2f} net payment over energy with a price" in Page(body_of(months)).words
    months.sql_write("UPDATE minerecon.daily_summaries SET paid_gbp = 0, refunded_gbp = 1000")
    assert "for -£2,000 net, in 2 of 31 days." in Page(body_of(months)).words
    months.sql_write("UPDATE minerecon.daily_summaries SET unpriced_mwh = curtailed_mwh")
    assert "Price of a MWh - net payment" in Page(body_of(months)).words


@pytest.mark.slow
def test_where_offers_were_not_fetched_a_report_has_no_estimate_and_no_0_for_it(months: Project) -> None:
    for table in ("turn_up_by_period", "turn_up_by_fuel_day"):
        months.sql_write(f"DELETE FROM minerecon.{table}")
    months.sql_write(
        "UPDATE minerecon.daily_summaries SET turn_up_mwh = NULL, turn_up_estimate_gbp = NULL, co2_known_mwh = NULL,"
        " co2_known_t = NULL"
    )
    page = Page(body_of(months))
    assert (
        "Paid again to replace (estimate) - the offers of these days were not fetched, or not walked yet" in page.words
    )


@pytest.mark.slow
def test_it_needs_nothing_else_and_can_be_read_out(months: Project) -> None:
    body = body_of(months)
    page = Page(body)
    assert page.scripts == 0
    assert not [r for r in page.references if not r.startswith(("#", "data:"))]
    assert not re.search(r"@import|url\((?!['\"]?#|['\"]?data:)", body)
    assert len(page.ids) == len(set(page.ids))
    assert len(page.labels) == 12  # six charts, for wide and for narrow screens
    for role, labels in page.labels:
        assert role == "img"
        assert len(labels) == 2
        assert set(labels) <= set(page.ids)


@pytest.mark.slow
def test_the_same_data_make_the_same_page(months: Project) -> None:
    assert body_of(months) == body_of(months)


@pytest.mark.slow
def test_a_price_gives_the_value_and_a_restatement_is_listed(months: Project) -> None:
    months.sql_write("INSERT INTO minerecon.bitcoin_price_gbp VALUES (:d, 65000, 'a test', now(), true)", d=DAY)
    months.elexon.world.revise[NEXT] = 1.5
    months.ingest(NEXT, force=True)
    page = Page(body_of(months))
    best = max(MINER_MODELS, key=lambda model: model.hashrate_ths / model.power_w).name
    ((worth,),) = months.sql(
        "SELECT mined_btc * 65000 FROM minerecon.bitcoin_daily_summaries"
        " WHERE summary_date = :d AND miner_model = :best",
        d=DAY,
        best=best,
    )
    assert "On the one day with a price, " in page.words
    assert f"worth £{worth:,.0f} on {best}" in page.words
    assert "1 change of days that were over was seen at the source." in page.words


@pytest.mark.slow
def test_the_latest_report_names_what_is_wrong_and_its_repair(months: Project) -> None:
    months.sql_write(
        "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed, severity,"
        " expected, actual, looked_at, violation_count, violations, repair, evaluated_at) VALUES"
        " (:d, 'conservation', 'records_match_archive', false, 'ERROR', '9 rows', '8 rows', 9, 1, '[]',"
        " 'minerecon reingest 2025-03-28 --from-archive', now())",
        d=DAY,
    )
    now = dt.datetime(2025, 3, 30, 12, tzinfo=dt.UTC)
    report = publish_latest(months.engine, open_store(str(months.archive._store.root)), now)
    page = Page(report.body)
    assert "Yesterday, 29 March 2025" in page.words
    assert (
        "2025-03-28 conservation.records_match_archive ERROR 9 rows 8 rows minerecon reingest 2025-03-28 --from-archive"
        " --sample" in page.words
    ), "of synthetic days, as all that it shows"
    assert (
        "2024-12-30 to 2025-03-27 day ERROR figures nothing stored minerecon reingest 2024-12-30 2025-03-27 --sample"
        in page.words
    )
    assert "Not to be relied on yet: a check is red." in page.words


@pytest.mark.slow
@pytest.mark.parametrize(("red", "more"), [(30, None), (31, "And 1 more, 31 in all: minerecon status --sample")])
def test_of_more_than_a_page_shows_the_rest_of_what_is_wrong_is_counted(
    filled: Engine, red: int, more: str | None
) -> None:
    first, last = FORTNIGHT
    with filled.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed,"
                " severity, looked_at, violation_count, violations, repair, evaluated_at) SELECT CAST(:first AS date),"
                " 'conservation', 'c' || n, false, 'ERROR', 1, 1, '[]', '', now() FROM generate_series(1, :red) AS n"
            ),
            {"first": first, "red": red},
        )
        facts = read_facts(connection, first, last)
    page = Page(latest_page(facts, facts, version="1"))
    assert page.words.count(f"{first} conservation.c") == 30
    assert re.findall(r"And \d+ more, \d+ in all: minerecon status(?: --sample)?", page.words) == (
        [more] if more else []
    )


def test_a_month_without_days_has_no_report(project: Project) -> None:
    store = open_store(str(project.archive._store.root))
    assert publish_month(project.engine, store, "2025-03", NOW) is None
    assert store.names("reports") == []


def forget(project: Project) -> None:
    """Take all days out of the warehouse, as a restore of an older one does."""
    for table in ("bitcoin_daily_summaries", "daily_summaries"):
        project.sql_write(f"DELETE FROM minerecon.{table}")


CLOSED = ClosedDays((Unavailable(first_day=DAY, last_day=NEXT, reason="the run is lost", accepted_by="A. Person"),))


@pytest.mark.slow
def test_a_page_shows_no_figure_of_a_month_whose_days_a_person_has_closed(months: Project) -> None:
    assert "MWh were curtailed" in body_of(months)
    follow(months.engine, CLOSED, now=NOW)
    page = Page(body_of(months))
    assert "Nothing is stored: no figure stands in for it." in page.words
    assert f"Unavailable, closed by a person: {DAY} to {NEXT}: the run is lost (accepted by A. Person)." in page.words
    assert "2 unavailable" in page.words
    assert "Nothing is stored of these days." in page.words
    assert "MWh were curtailed" not in page.words
    assert not re.search("[0-9] (MWh|BTC)|£[0-9]", page.words)
    follow(months.engine, ClosedDays(()), now=NOW)
    page = Page(body_of(months))
    assert "31 missing, of 31 days." in page.words
    assert "closed by a person:" not in page.words


def test_a_month_of_which_nothing_but_closed_days_is_known_has_a_page_that_says_so(project: Project) -> None:
    follow(project.engine, CLOSED, now=NOW)
    assert "the run is lost (accepted by A. Person)" in Page(body_of(project)).words


@pytest.mark.slow
def test_a_page_of_real_days_is_emptied_with_them_and_by_no_sample(months: Project) -> None:
    synthetic, store = body_of(months), open_store(str(months.archive._store.root))
    october = dt.date(2025, 10, 26)
    months.ingest(october)
    for table in ("bitcoin_daily_summaries", "daily_summaries"):
        months.sql_write(f"DELETE FROM minerecon.{table} WHERE summary_date < :d", d=october)
    assert "SYNTHETIC DATA" in body_of(months)
    assert body_of(months) != synthetic
    real = synthetic.replace("SYNTHETIC DATA", "DATA").replace("Synthetic data", "Data")
    store.replace("reports/2025-03.html", real.encode())
    with pytest.raises(ArchiveError, match=r"reports/2025-03\.html is of real days"):
        publish_month(months.engine, store, "2025-03", NOW)
    assert store.read("reports/2025-03.html").decode() == real
    months.ingest(DAY)
    with pytest.raises(ArchiveError, match="never covers it"):
        publish_month(months.engine, store, "2025-03", NOW)
    assert store.read("reports/2025-03.html").decode() == real
    now = dt.datetime.combine(NEXT, dt.time(12), dt.UTC)
    latest = publish_latest(months.engine, store, now).body
    real = latest.replace("SYNTHETIC DATA", "DATA").replace("Synthetic data", "Data")
    store.replace("reports/latest.html", real.encode())
    with pytest.raises(ArchiveError, match=r"reports/latest\.html is of real days"):
        publish_latest(months.engine, store, now)
    assert store.read("reports/latest.html").decode() == real
    forget(months)
    assert "Nothing is stored of these days." in publish_latest(months.engine, store, now).body
    months.ingest(DAY)
    assert publish_latest(months.engine, store, now).body == latest, "a page of nothing is covered by whoever has a day"
    forget(months)
    assert "31 missing, of 31 days." in Page(body_of(months)).words


@pytest.mark.slow
def test_a_page_is_written_once_and_again_when_it_differs(months: Project) -> None:
    store = open_store(str(months.archive._store.root))
    later = NOW + dt.timedelta(days=3)
    written = [publish_month(months.engine, store, "2025-03", now) for now in (NOW, NOW, later)]
    assert [report is not None and report.written for report in written] == [True, False, False]
    store.replace("reports/2025-03.html", b"half of i")
    report = publish_month(months.engine, store, "2025-03", NOW)
    assert report is not None
    assert report.written
    assert store.read("reports/2025-03.html").decode() == report.body
    assert [publish_latest(months.engine, store, NOW).written for _ in range(2)] == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["2025-03", "latest"])
def test_who_draws_slower_never_covers_what_was_drawn_of_newer_days(
    months: Project, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    store = open_store(str(months.archive._store.root))
    drawing = "latest_page" if name == "latest" else "month_page"
    draw, has_read, go_on = getattr(publish, drawing), threading.Event(), threading.Event()

    def drawn(*facts: Facts, version: str) -> str:
        if threading.current_thread().name == "the slow one":
            has_read.set()
            assert go_on.wait(60)
        return str(draw(*facts, version=version))

    def publish_it() -> None:
        if name == "latest":
            publish_latest(months.engine, store, NOW)
        else:
            publish_month(months.engine, store, name, NOW)

    monkeypatch.setattr(publish, drawing, drawn)
    slow = threading.Thread(target=publish_it, name="the slow one")
    slow.start()
    assert has_read.wait(60)
    months.elexon.world.revise[DAY] = 1.05
    months.ingest(DAY, force=True)
    fast = threading.Thread(target=publish_it)
    fast.start()
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    until = time.monotonic() + 60
    while fast.is_alive() and not months.sql(waiting)[0][0]:
        assert time.monotonic() < until, "it neither waits nor ends"
        time.sleep(0.01)
    go_on.set()
    for thread in (slow, fast):
        thread.join()
    ((mwh,),) = months.sql("SELECT sum(curtailed_mwh) FROM minerecon.daily_summaries")
    assert f"{mwh:,.0f} MWh were curtailed" in Page(store.read(f"reports/{name}.html").decode()).words


@pytest.mark.slow
def test_a_month_that_cannot_be_drawn_is_named_and_the_others_are(months: Project) -> None:
    months.ingest(dt.date(2025, 10, 26))
    place = Path(str(months.archive._store.root)) / "reports" / "2025-03.html"
    place.mkdir(parents=True)
    defs = definitions("2025-11-01T12:00:00+00:00")
    tags = {ASSET_PARTITION_RANGE_START_TAG: "2025-03", ASSET_PARTITION_RANGE_END_TAG: "2025-10"}
    job = defs.resolve_job_def("report_months")
    ran = job.execute_in_process(instance=months.instance, tags=tags, raise_on_error=False)
    assert not ran.success
    (failure,) = ran.get_step_failure_events()
    assert failure.step_failure_data.user_failure_data is not None
    assert "1 of 8 months not done: 2025-03: " in str(failure.step_failure_data.user_failure_data.description)
    assert months.instance.get_materialized_partitions(MONTHLY_REPORT) == {"2025-10"}


def sweep(project: Project, now: dt.datetime = NOW) -> set[str | None]:
    """The months that the sweep says it has written."""
    ran = definitions(now.isoformat()).resolve_job_def(REPORT_SWEEP).execute_in_process(instance=project.instance)
    assert {event.asset_key for event in ran.get_asset_materialization_events()} <= {MONTHLY_REPORT}
    return {event.partition for event in ran.get_asset_materialization_events()}


FAILS = (
    "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed, severity,"
    " expected, actual, looked_at, violation_count, violations, repair, evaluated_at) VALUES"
    " (:d, 'drift', 'source_unchanged', false, 'ERROR', '9 rows', '8 rows', 9, 1, '[]', 'x', now())"
)


@pytest.mark.slow
def test_the_sweep_draws_every_month_that_is_not_what_is_stored_of_it_and_no_other(months: Project) -> None:
    store = open_store(str(months.archive._store.root))

    def words(month: str = "2025-03") -> str:
        return Page(store.read(f"reports/{month}.html").decode()).words

    assert sweep(months) == {"2025-03"}
    assert "2 complete, 29 missing, of 31 days." in words()
    assert sweep(months) == sweep(months, NOW + dt.timedelta(days=3)) == set()

    # A look finds a day wrong: nothing is summed again, and no figure changes.
    months.sql_write(FAILS, d=DAY)
    assert sweep(months) == {"2025-03"}
    assert "Not to be relied on yet: a check is red." in words()
    assert "1 complete, 1 failing, 29 missing, of 31 days." in words()

    # Days are closed, of another month too; later they are open again, and only a page is there to be followed.
    april, later = dt.date(2025, 4, 1), NOW + dt.timedelta(days=4)
    lost = Unavailable(first_day=april, last_day=april, reason="the run is lost", accepted_by="A. Person")
    follow(months.engine, ClosedDays((*CLOSED.entries, lost)), now=later)
    assert sweep(months) == {"2025-03"}, "on its first day a month has no page yet"
    assert "the run is lost" in words()
    assert sweep(months, later) == {"2025-04"}
    follow(months.engine, ClosedDays(()), now=later)
    store.replace("reports/mine.html", b"no page of a month")
    assert sweep(months, later) == {"2025-03", "2025-04"}
    assert "31 missing, of 31 days." in words()
    assert "4 missing, of 4 days." in words("2025-04")
    assert store.read("reports/mine.html") == b"no page of a month"
    assert sweep(months, later) == set()


def test_the_sweep_is_on() -> None:
    schedule = build_defs().get_repository_def().get_schedule_def("report_sweep")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 5 * * *", "Europe/London")
    assert schedule.job_name == REPORT_SWEEP
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


@pytest.mark.slow
def test_the_jobs_log_where_it_is(months: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINERECON_REPORTS_URL", "http://127.0.0.1:3001")
    defs = definitions(NOW.isoformat())
    tags = {ASSET_PARTITION_RANGE_START_TAG: "2025-03", ASSET_PARTITION_RANGE_END_TAG: "2025-03"}
    assert defs.resolve_job_def("report_months").execute_in_process(instance=months.instance, tags=tags).success
    assert defs.resolve_job_def("report_latest").execute_in_process(instance=months.instance).success
    for key, name in ((MONTHLY_REPORT, "2025-03"), (LATEST_REPORT, "latest")):
        event = months.instance.get_latest_materialization_event(key)
        assert event is not None
        assert event.asset_materialization is not None
        metadata = event.asset_materialization.metadata
        assert next(iter(metadata)) == "Open"
        assert metadata["Open"].value == f"http://127.0.0.1:3001/{name}.html"
        assert isinstance(metadata["file"], dg.PathMetadataValue)
        assert Path(metadata["file"].value or "").read_text("utf-8").startswith("<!DOCTYPE html>")
    # An archive in a bucket is reached at no address that anybody could guess: the page says what is to be set.
    monkeypatch.delenv("MINERECON_REPORTS_URL")
    monkeypatch.setattr(
        assets_reports, "Settings", SimpleNamespace(from_environ=lambda: SimpleNamespace(reports_url=None))
    )
    assert defs.resolve_job_def("report_latest").execute_in_process(instance=months.instance).success
    event = months.instance.get_latest_materialization_event(LATEST_REPORT)
    assert event is not None
    assert event.asset_materialization is not None
    assert "set MINERECON_REPORTS_URL" in str(event.asset_materialization.metadata["Open"].value)


def test_the_daemon_can_evaluate_the_condition_by_itself() -> None:
    condition = build_defs().resolve_asset_graph().get(MONTHLY_REPORT).automation_condition
    assert condition is not None
    assert condition.is_serializable


def test_the_server_beside_the_ui_serves_pages_and_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "latest.html").write_text("a page", "utf-8")
    (tmp_path / "secret").write_text("a secret", "utf-8")
    with serve_reports(str(tmp_path), 0) as base:
        assert base is not None

        def get(path: str) -> bytes:
            with urllib.request.urlopen(f"{base}/{path}") as answer:
                return bytes(answer.read())

        assert get("latest.html") == b"a page"
        for path in ("", "../secret", "%2e%2e/secret", "%00", "latest.html%00"):
            with pytest.raises(urllib.error.HTTPError):
                get(path)


def test_the_server_beside_the_ui_follows_no_link_and_answers_to_no_other_name(tmp_path: Path) -> None:
    """A page of a foreign name that was made to lead here could read the reports."""
    folder = tmp_path / "elsewhere" / "reports"
    folder.mkdir(parents=True)
    (folder / "latest.html").write_text("a page", "utf-8")
    (tmp_path / "secret").write_text("a secret", "utf-8")
    (folder / "link.html").symlink_to(tmp_path / "secret")
    (folder / "2025").symlink_to(tmp_path)
    (tmp_path / "archive").symlink_to(folder.parent)  # the archive itself may be one
    with serve_reports(str(tmp_path / "archive"), 0) as base:
        assert base is not None

        def status(path: str, host: str | None = None) -> int:
            asked = urllib.request.Request(f"{base}/{path}", headers={"Host": host} if host else {})
            try:
                with urllib.request.urlopen(asked) as answer:
                    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                return error.code

        port = base.split(":")[2].split("/")[0]
        assert status("latest.html") == status("latest.html", f"localhost:{port}") == 200
        assert status("link.html") == status("2025/secret") == 404
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port}.evil.example"):
            assert status("latest.html", host) == 421


@pytest.mark.slow
def test_a_browser_draws_it_without_a_network_and_without_an_error(months: Project, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium on this machine")
    page = tmp_path / "page.html"
    page.write_text(body_of(months), "utf-8")
    for width in (1200, 500):
        picture = tmp_path / f"{width}.png"
        done = subprocess.run(
            [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
             "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}",
             f"--window-size={width},2000", f"--screenshot={picture}", page.as_uri()],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        assert "CONSOLE" not in done.stderr
        assert picture.stat().st_size > 50_000


@pytest.mark.slow
def test_a_month_that_cannot_be_drawn_or_exported_is_named_and_keeps_no_other_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.ingest(DAY)

    def but_of_february(real: Callable[..., object], error: Exception) -> Callable[..., object]:
        def made(engine: object, store: object, month: str, *rest: object) -> object:
            if month == "2025-02":
                raise error
            return real(engine, store, month, *rest)

        return made

    lost = ArchiveError("the disk is full")
    monkeypatch.setattr(publish, "publish_month", but_of_february(publish.publish_month, lost))
    wide = ExportError("energy_mwh: it does not fit")
    monkeypatch.setattr(assets_exports, "export_month", but_of_february(assets_exports.export_month, wide))
    months = {ASSET_PARTITION_RANGE_START_TAG: "2025-02", ASSET_PARTITION_RANGE_END_TAG: "2025-03"}
    for job, asset, why in (("report_months", MONTHLY_REPORT, lost), ("export_months", assets_exports.EXPORTS, wide)):
        result = (
            build_defs()
            .resolve_job_def(job)
            .execute_in_process(instance=project.instance, tags=months, raise_on_error=False)
        )
        made = project.instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=asset), limit=9).records
        assert [record.partition_key for record in made] == ["2025-03"]
        (failure,) = [event.step_failure_data.user_failure_data for event in result.get_step_failure_events()]
        assert failure is not None
        assert Unfinished.from_metadata(failure.metadata) == Unfinished(months={"2025-02": f"2025-02: {why}"})
        outcome = outcome_of(result)
        assert (outcome.problem, list(outcome.not_done)) == (f"2025-02: {why}", ["2025-02"])


def test_where_nothing_is_stored_each_part_says_so_and_no_figure_is_0(project: Project) -> None:
    store = open_store(str(project.archive._store.root))
    publish_latest(project.engine, store, NOW)
    body = store.read("reports/latest.html").decode()
    page = Page(body)
    assert page.words.count("Nothing is stored of these 90 days.") == 7, "six charts, and what Elexon changed"
    assert page.words.count("Nothing is stored: no figure stands in for it.") == 3
    assert "90 missing, of 90 days." in page.words
    assert "<svg" not in body
    for zero in ("0 MWh", "£0", "0.0000 BTC", "No wind farm was curtailed", "No change of a day"):
        assert zero not in page.words


@pytest.mark.slow
def test_of_days_that_are_partly_known_each_sentence_says_of_how_many_it_speaks(months: Project) -> None:
    months.sql_write("DELETE FROM minerecon.bitcoin_daily_summaries WHERE miner_model = 'S9'")
    page = Page(body_of(months))
    ((mwh, paid),) = months.sql("SELECT sum(curtailed_mwh), sum(paid_gbp) FROM minerecon.daily_summaries")
    assert f"{mwh:,.0f} MWh in 2 of 31 days; most on" in page.words
    assert re.search(rf"£{paid:,.0f} paid to farms, .* net, in 2 of 31 days\.", page.words)
    assert "S9: not known" in page.words
    assert "0.0000 BTC" not in page.words
