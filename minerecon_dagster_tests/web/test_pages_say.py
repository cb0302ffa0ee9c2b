"""What pages say where days are missing, ranges are short, names are unknown, and where their own links lead."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from sqlalchemy import Connection, Engine, text

from minerecon_dagster.core.answers import SOURCE, SYNTHETIC_SOURCE
from minerecon_dagster.day.closing import delete_day
from minerecon_dagster.sums.rollups import roll_up_months, roll_up_years
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster.web.pages import words
from minerecon_dagster.web.pages.glossary import glossary, linked
from minerecon_dagster.web.pages.routes import Beside
from minerecon_dagster.web.pages.state import NO_ROW, NOBODY, NOT_STORED, nothing_there
from minerecon_dagster.web.pages.typed import typed
from minerecon_dagster.web.pages.views.common import change
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.analytics.by_hand import store_day, store_record
from minerecon_dagster_tests.forty_days import FIRST, LAST, MISSING, PRICELESS, QUIET, SHORT
from minerecon_dagster_tests.web.conftest import Api, served, url_of
from minerecon_dagster_tests.web.pages_of import page_of, sentence
from minerecon_dagster_tests.web.test_pages import farm_of, shown


@pytest.mark.slow
def test_what_was_paid_for_each_mwh_is_of_the_energy_that_has_a_price(
    warehouse: Engine, serve: Callable[..., Api]
) -> None:
    day = dt.date(2025, 3, 28)
    with warehouse.begin() as connection:
        store_record(connection, day, 1, mwh=Decimal(10))
        store_record(connection, day, 1, mwh=Decimal(30), price=None)
        store_day(connection, day, difficulty=Decimal(10**14))
        roll_up = [f"{day:%Y-%m}"]
    roll_up_months(warehouse, roll_up, dt.datetime.now(dt.UTC))
    api = serve(url_of(warehouse))
    (row,) = api(f"days?from={day}&to={day}").data
    assert [Decimal(row[n]) for n in ("curtailed_mwh", "payment_gbp", "payment_gbp_per_mwh")] == [40, 500, 50]
    for path in (f"/days/{day}", f"/explore?from={day}&to={day}", "/explore?grain=months&from=2025-03&to=2025-03"):
        assert "50.00 for each MWh" in page_of(api.get(path).body).text, path
    assert "50.00" in page_of(api.get("/").body).one("article", class_="card").text


def in_progress(connection: Connection, day: dt.date) -> None:
    """Twenty half hours of a stored day are there; more are not due yet."""
    connection.execute(
        text(
            "UPDATE minerecon.daily_summaries SET periods_due = 20, periods_present = 20, state = 'provisional'"
            " WHERE summary_date = :day"
        ),
        {"day": day},
    )


@pytest.mark.slow
def test_a_day_in_progress_is_at_least_so_much_wherever_it_is_summed(
    warehouse: Engine, serve: Callable[..., Api]
) -> None:
    day = dt.date(2025, 3, 28)
    before = day - dt.timedelta(days=1)
    with warehouse.begin() as connection:
        for of_day, mwh in ((before, 30), (day, 10)):
            store_record(connection, of_day, 1, mwh=Decimal(mwh))
            store_day(connection, of_day, difficulty=Decimal(10**14))
        in_progress(connection, day)
    api = serve(url_of(warehouse))
    got = api(f"days?from={before}&to={day}")
    assert got.data[1]["status"] == "provisional"
    assert (got.meta["days_present"], got.meta["days_in_part"]) == (2, 1)
    only = api(f"compare?from={before}&to={before}&with={day}").meta
    assert (only["days_in_part"], only["other_days_in_part"]) == (0, 1)
    said = page_of(api.get(f"/days/{day}").body).text
    assert "At least 10.0 MWh of wind" in said
    assert "Only 20 of 48 half hours are there. It is provisional: the figures may still change." in said
    front = page_of(api.get("/").body)
    assert "at least 10.0 MWh of wind" in front.text
    assert "at least" in front.one("article", class_="card").text
    for path, told in {
        f"/explore?from={before}&to={day}": "at least 40.0 MWh of wind",
        f"/explore?from={day}&to={day}": "at least 10.0 MWh of wind",
        f"/explore?from={day}&to={day}&show=bitcoin": "at least 10.0 MWh that was turned down for system reasons could"
        " have mined at least 0.0086 BTC",
        f"/farms?period={day}": "of what is stored, Hand Made was turned down most: at least 10.0 MWh, 100.0 % of at"
        " least 10.0 MWh",
        f"/farms/Hand%20Made?from={day}&to={day}": "at least 10.0 MWh of Hand Made's wind",
        f"/miners?farm=Hand+Made&from={day}&to={day}": "would have made at least 0.00",
        f"/compare?from={day}&to={day}&with={before}": "at least 10.0 MWh was turned down for system reasons for £500;"
        " on Thu 27 March 2025, 30.0 MWh for £1,500 (provisional",  # and not that it is less: nobody knows yet
        f"/compare?from={before}&to={before}&with={day}": "on Fri 28 March 2025, at least 10.0 MWh for £500 (",
        f"/compare?from={day}&to={day}&with={before}&basis=all": "at least 10.0 MWh was turned down in all",
    }.items():
        page = page_of(api.get_raw(path).body)
        assert told in sentence(page), path
    title = page_of(api.get_raw(f"/embed/series?from={day}&to={day}").body).one("h1").text
    assert title == "Of what is stored, Fri 28 March 2025 had the most: 10.0 MWh"
    whole = sentence(page_of(api.get_raw(f"/explore?from={before}&to={before}").body))
    assert "at least" not in whole


@pytest.mark.slow
def test_what_bitcoin_was_worth_is_at_least_so_much_where_the_price_of_a_day_is_not_known(
    warehouse: Engine, serve: Callable[..., Api]
) -> None:
    days = [dt.date(2025, 2, 28) - dt.timedelta(days=n) for n in range(28)]
    with warehouse.begin() as connection:
        for day in days:
            store_record(connection, day, 1, mwh=Decimal(30))
            store_day(connection, day, difficulty=Decimal(10**14))
        store_price(connection, days[0])
    roll_up_months(warehouse, ["2025-02"], dt.datetime.now(dt.UTC))
    api = serve(url_of(warehouse))
    note = "Its value is of the days that have a price: at least so much."
    for first, says in ((days[1], True), (days[0], False)):
        page = page_of(api.get(f"/miners?farm=Hand+Made&from={first}&to={days[0]}").body)
        assert ("BTC (block subsidy only, no fees), worth at least £" in sentence(page)) == says
        assert ("BTC (block subsidy only, no fees), worth £" in sentence(page)) != says
        assert (note in page.one("figure").text) == says
    for basis in ("so", "all"):
        page = page_of(api.get(f"/explore?show=bitcoin&grain=months&from=2025-02&to=2025-02&basis={basis}").body)
        heads = [th.text for th in page.one("section", id="table").one("thead").all("th")]
        (row,) = page.one("section", id="table").rows()
        of = dict(zip(heads, (cell.text for cell in row), strict=True))
        assert (of["Days with a price"], of["Days stored"], of["of days"]) == ("1", "28", "28")


def store_price(connection: Connection, day: dt.date) -> None:
    """The price of a Bitcoin on a day, in GBP."""
    connection.execute(
        text("INSERT INTO minerecon.bitcoin_price_gbp VALUES (:day, 50000, 'by hand', now(), true)"), {"day": day}
    )


@pytest.mark.slow
@pytest.mark.parametrize("is_there", [False, True])
def test_of_a_day_in_progress_it_is_not_said_that_nobody_was_curtailed(
    warehouse: Engine, serve: Callable[..., Api], is_there: bool
) -> None:
    day = dt.date(2025, 3, 28)
    before = day - dt.timedelta(days=1)
    with warehouse.begin() as connection:
        store_record(connection, before, 1, mwh=Decimal(30))
        if is_there:
            store_record(connection, day, 1, mwh=Decimal(10), so_flag=False)
        for of_day in (before, day):
            store_day(connection, of_day, difficulty=Decimal(10**14))
        in_progress(connection, day)
    api = serve(url_of(warehouse))
    for path in (
        f"/explore?from={day}&to={day}",
        f"/explore?from={day}&to={day}&farm=Hand+Made",
        f"/farms?period={day}",
        f"/farms/Hand%20Made?from={day}&to={day}",
        f"/border?period={day}",
        f"/days/{day}",
        "/",
    ):
        said = page_of(api.get_raw(path).body).one("main").text
        assert NOBODY not in said, path
        assert NO_ROW not in said, path
        assert ("has no bid" in said) <= (not is_there), path
        assert not re.search("(^|[^,]) Nothing was flagged", said), path
    two = page_of(api.get_raw(f"/farms/Hand%20Made?from={before}&to={day}").body).one("figure").text
    assert "has 0 in the chart" not in two
    assert is_there or "Of 1 day not all is stored, and what is has no bid of Hand Made: a gap, and no 0." in two


def test_a_farms_page_says_of_how_many_months_only_a_part_is_known_with_a_row_or_without(
    warehouse: Engine, serve: Callable[..., Api]
) -> None:
    bids, quiet = dt.date(2025, 3, 28), dt.date(2025, 1, 10)
    with warehouse.begin() as connection:
        for day, unit in ((bids, "T_HANDW-1"), (quiet, "T_OTHRW-1")):
            store_record(connection, day, 1, mwh=Decimal(30), unit=unit)
            store_day(connection, day, difficulty=Decimal(10**14))
        connection.execute(text("UPDATE minerecon.bm_units SET name = 'Other' WHERE bmu_id = 'T_OTHRW-1'"))
    roll_up_months(warehouse, ["2025-01", "2025-03"], dt.datetime.now(dt.UTC))
    api = serve(url_of(warehouse))
    told = page_of(api.get("/farms/Hand%20Made?from=2025-01&to=2025-03").body).one("figure").text
    assert "Of 1 month not all is stored, and what is has no bid of Hand Made: a gap, and no 0." in told
    assert "Of 1 month with bids not all is stored, or it may still change: at least so much energy." in told
    assert "Of 1 month nothing is known: a gap, and no 0." in told, "February"
    assert "has 0 in the chart" not in told
    days = page_of(api.get(f"/farms/Hand%20Made?from={bids}&to={bids + dt.timedelta(days=1)}").body).one("figure").text
    assert "Of 1 day nothing is known: a gap, and no 0." in days
    assert "not all is stored" not in days


@pytest.mark.parametrize("is_synthetic", [True, False])
def test_what_is_made_up_is_not_said_to_be_elexons_in_any_answer(
    warehouse: Engine, serve: Callable[..., Api], is_synthetic: bool
) -> None:
    day = dt.date(2025, 3, 28)
    with warehouse.begin() as connection:
        store_record(connection, day, 1, mwh=Decimal(10))
        store_day(connection, day, difficulty=Decimal(10**14), synthetic=is_synthetic)
    api = serve(url_of(warehouse))
    for path in (
        f"/api/v1/days?from={day}&to={day}",
        f"/api/v1/days.csv?from={day}&to={day}&source=1",
        "/api/v1/units",
        "/api/v1/published",
        "/api/v1/feed.json",
        "/api/v1/feed.atom",
        f"/chart/series.svg?from={day}&to={day}",
        f"/explore?from={day}&to={day}",
        f"/embed/series?from={day}&to={day}",
        "/data",
        "/quality",
    ):
        said = unescape(api.get_raw(path).body.decode())
        assert (SYNTHETIC_SOURCE in said) == is_synthetic, path
        assert (SOURCE in said) != is_synthetic, path


@pytest.mark.first_quick
@pytest.mark.parametrize("path", ["/farms?period={}", "/border?period={}"])
def test_where_bids_are_none_of_them_flagged_nobody_is_not_said_to_be_curtailed(
    warehouse: Engine, serve: Callable[..., Api], path: str
) -> None:
    day = dt.date(2025, 3, 28)
    with warehouse.begin() as connection:
        store_record(connection, day, 1, mwh=Decimal(10), so_flag=False)
        store_day(connection, day, difficulty=Decimal(10**14))
    said = page_of(serve(url_of(warehouse)).get(path.format(day)).body).one("main").text
    assert NOBODY not in said
    assert "Nothing was flagged as for system reasons" in said


@pytest.mark.parametrize(
    ("now", "then", "now_is_least", "then_is_least", "said"),
    [
        (150, 100, False, False, "50 % more"),
        (50, 100, False, False, "50 % less"),
        (1001, 1000, False, False, "under 1 % more"),
        (100, 100, False, False, "the same"),
        (150, 100, True, False, "at least 50 % more"),
        (50, 100, True, False, ""),
        (100, 100, True, False, ""),
        (50, 100, False, True, "at least 50 % less"),
        (150, 100, False, True, ""),
        (150, 100, True, True, ""),
        (50, 100, True, True, ""),
    ],
)
def test_of_what_is_at_least_so_much_only_that_is_said_which_cannot_turn_round(
    now: int, then: int, now_is_least: bool, then_is_least: bool, said: str
) -> None:
    assert change(Decimal(now), Decimal(then), now_is_least=now_is_least, then_is_least=then_is_least) == said


@pytest.fixture(scope="module")
def windless(forty_days: str, embedded_environ: dict[str, str]) -> Iterator[Api]:
    """A March of which one day alone is stored, in which no unit has a bid; April is as it was."""
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        engine = open_warehouse(url)
        with engine.begin() as changes:
            for number in range(31):
                day = FIRST + dt.timedelta(days=number)
                if day != QUIET:
                    delete_day(changes, day)
                    for table, column in (
                        ("daily_summaries", "summary_date"),
                        ("reconciliation_latest", "settlement_date"),
                        ("ingestion_progress", "settlement_date"),
                    ):
                        changes.execute(text(f"DELETE FROM minerecon.{table} WHERE {column} = :day"), {"day": day})
        roll_up_months(engine, ["2025-03"], dt.datetime(2025, 5, 2, tzinfo=dt.UTC))
        roll_up_years(engine, [2025], dt.datetime(2025, 5, 2, tzinfo=dt.UTC))
        engine.dispose()
        with served(url) as api:
            yield api


def about(days_present: int, **statuses: int) -> dict[str, object]:
    stored = {"days_present": days_present, "days_in_part": statuses.get("incomplete", 0)}
    return {"from": "2025-03-01", "to": "2025-03-05", **stored, "statuses": statuses}


def test_that_nobody_was_curtailed_is_said_only_where_every_day_is_stored_and_had_none() -> None:
    assert nothing_there(about(5, complete=5)) == NOBODY
    assert nothing_there(about(5, complete=5), "A") == NO_ROW
    assert nothing_there(about(0, missing=5)) == nothing_there(about(0, missing=5), "A") == NOT_STORED
    assert nothing_there(about(0, unavailable=5)).startswith("Unavailable")
    for gap in (
        about(1, complete=1, missing=4),
        about(4, complete=4, unavailable=1),
        about(5, complete=4, incomplete=1),
        about(4, complete=4),  # the last day has not begun
        about(5, complete=4, provisional=1) | {"days_in_part": 1},  # it is in progress
    ):
        for of in (None, "A"):
            assert NOBODY not in nothing_there(gap, of)
            assert NO_ROW not in nothing_there(gap, of)


def test_where_days_are_missing_no_page_says_that_nobody_was_curtailed_or_that_a_filter_has_no_row(
    windless: Api, stored: Engine
) -> None:
    farm = quote(farm_of(stored), safe="")
    for path in (
        "/farms?period=2025-03",
        "/embed/farms?period=2025-03",
        "/chart/farms.svg?period=2025-03",
        "/explore?from=2025-03&to=2025-03",
        "/chart/series.svg?from=2025-03&to=2025-03&grain=months",
        f"/farms/{farm}?from=2025-03&to=2025-03",
        f"/explore?from=2025-03&to=2025-03&farm={farm}",
    ):
        got = windless.get_raw(path)
        assert got.status == 200, path
        words = got.body.decode()
        assert NOBODY not in words, path
        assert NO_ROW not in words, path
        assert f"{NOT_STORED}, 30 of 31 days; the one that is stored has no bid" in words, path
        assert "30 of 31 days not stored yet" in words, path  # the state
    for path in (f"/farms?period={QUIET}", f"/chart/farms.svg?period={QUIET}"):
        words = windless.get(path).body.decode()
        assert NOBODY in words, path
        assert NOT_STORED not in words, path
    assert f"{NOBODY} on Wed 5 March 2025." in sentence(shown(windless, f"/explore?from={QUIET}&to={QUIET}"))


@pytest.mark.slow
def test_a_model_that_there_is_not_is_a_404_in_words_that_names_those_that_there_are(api: Api, stored: Engine) -> None:
    farm = quote(farm_of(stored))
    for path in (
        f"/miners?farm={farm}&model=nope&machines=5",
        "/miners?model=nope",
        f"/chart/sizing.svg?farm={farm}&model=nope",
        f"/embed/sizing?farm={farm}&model=nope",
        "/explore?show=bitcoin&model=nope",
    ):
        page = shown(api, path, 404)
        assert "there is no miner model 'nope'; there are" in page.text, path
        assert "S19J_PRO" in page.text, path
        works(api, path)


def works(api: Api, path: str) -> None:
    """Follow the address that a refusal says works."""
    got = api.get_raw(path)
    assert got.status in (404, 422), (path, got.status, got.body[:200])
    (way_on,) = re.findall(r'This works: <a href="([^"]+)"', got.body.decode())
    address = way_on.replace("&amp;", "&")
    assert api.get_raw(address).status in (200, 303), (path, address)


@pytest.mark.slow
def test_a_tooltip_of_a_month_or_year_that_is_stored_in_part_says_how_much(windless: Api) -> None:
    for path, says in (
        ("/chart/series.svg?grain=years&from=2025&to=2025", "10 of 365 days stored"),
        ("/chart/series.svg?grain=months&from=2025-04&to=2025-04", "9 of 30 days stored"),
        ("/chart/farms.svg?period=2025-04", "9 of 30 days stored"),
    ):
        words = windless.get(path).body.decode()
        assert says in words, path
        assert "missing: nothing stored" not in words, path


@pytest.mark.slow
def test_the_table_of_what_a_day_earned_is_of_the_range_that_is_asked_for(api: Api, stored: Engine) -> None:
    for farm in ("", f"&farm={quote(farm_of(stored))}&machines=10"):
        page = shown(api, f"/miners?from={SHORT}&to={SHORT}{farm}")
        earned = page.one("section", id="earnings")
        assert [row[0].text for row in earned.rows()] == ["Sun 30 March 2025"]
        assert f"from={SHORT}&to={SHORT}" in earned.one("a", class_="csv").attributes["href"]
        assert "Sun 30 March 2025" in sentence(page)
        assert "all 31" not in page.one("p", class_="state").text


def test_a_stored_day_without_a_price_is_not_said_to_be_missing(api: Api) -> None:
    page = shown(api, f"/miners?from={PRICELESS}&to={PRICELESS}")
    assert sentence(page) == (
        "What a machine earned on Fri 21 March 2025 is not known in £: no price is stored."
        " Choose a farm to see its BTC."
    )
    page = shown(api, f"/miners?from={MISSING}&to={MISSING}")
    assert sentence(page) == f"{NOT_STORED}. No figure stands in for Mon 10 March 2025."


def test_the_page_of_a_farm_shows_the_day_that_is_asked_for_and_no_whole_month(api: Api, stored: Engine) -> None:
    farm = quote(farm_of(stored), safe="")
    page = shown(api, f"/farms/{farm}?from={MISSING}&to={MISSING}")
    assert sentence(page) == f"{NOT_STORED}. No figure stands in for Mon 10 March 2025."
    month = shown(api, f"/farms/{farm}?from=2025-03&to=2025-03")
    assert "March 2025" in sentence(month)
    assert len(month.one("section", id="table").rows()) == 1
    forced = shown(api, f"/farms/{farm}?from={MISSING}&to={MISSING}&grain=months")
    assert "Mon 10 March 2025 was asked for, March 2025 is shown" in forced.one("figure").text


@pytest.mark.slow
def test_so_far_is_said_of_a_month_and_year_only_while_they_run(stored: Engine) -> None:
    for today, says, days in (
        (dt.datetime(2025, 4, 11, 12, tzinfo=dt.UTC), "So far in 2025:", "of 99 days"),
        (dt.datetime(2026, 2, 1, 12, tzinfo=dt.UTC), "In 2025:", "of 365 days"),
    ):
        with served(url_of(stored), now=lambda today=today: today) as api:  # type: ignore[misc]
            page = shown(api, "/")
            assert says in sentence(page)
            assert days in sentence(page)
            headings = [card.one("h2").text for card in page.all("article", class_="card")]
            is_running = today.year == 2025
            assert headings[1:] == (["April 2025 so far", "2025 so far"] if is_running else ["April 2025", "2025"])
            assert LAST.year == 2025


@pytest.mark.slow
def test_an_address_that_is_said_to_work_works(api: Api, stored: Engine) -> None:
    farm = quote(farm_of(stored), safe="")
    for path in (
        "/chart/sizing.svg",
        "/embed/sizing",
        "/embed/sizing?power_mw=x",
        "/chart/series.svg?theme=pink",
        f"/farms/{farm}?grain=x",
        f"/farms/{farm}?from=2000&to=2025",
        f"/farms/{farm}?frm=1&grain=x&basis=both",
        "/compare?from=2000&to=2025",
        "/compare?from=2000&to=2000-12-31",
        "/compare?from=2000&to=2099",
        f"/explore?grain=half-hours&farm={farm}&lead_party=x",
        f"/explore?from=2025-03&to=2025-03&farm={farm}&show=bitcoin&grain=half-hours",
        "/explore?from=yesterday&to=tomorrow&basis=both&grain=weeks&show=x&sort=y",
        "/explore?from=2000&to=2025&sort=-x",
        "/explore?farm=no-such-farm&basis=both",
        f"/miners?farm={farm}&power_mw=0&machines=x",
        f"/miners?farm={farm}&power_mw=3&machines=4",
        "/miners?from=2000&to=2025&model=nope",
        "/farms?period=2025&basis=x",
        "/quality?from=2000&to=2025&sort=z",
        "/days/2025-03-28?period=99&basis=z",
    ):
        got = api.get_raw(path)
        if got.status != 200 and "This works" in got.body.decode():
            works(api, path)
        else:
            assert got.status == 200 or path.startswith("/compare?from=2000&to=2000"), (path, got.body[:300])


@pytest.mark.parametrize("value", ["NaN", "sNaN", "-Infinity"])
def test_a_place_in_a_table_that_is_no_number_is_refused(api: Api, value: str) -> None:
    path = f'/explore?from=2025-03&to=2025-03&sort=-curtailed_mwh&after=["{value}","x"]'
    got = api.get(path)
    assert got.status == 422
    assert "not to be made by hand" in got.body.decode()


def test_no_page_links_to_reports_that_are_not_there(stored: Engine, tmp_path: Path) -> None:
    with served(url_of(stored), beside=Beside(tmp_path)) as api:
        assert "Reports" not in shown(api, "/data").one("footer").text
    (tmp_path / "latest.html").write_text("<p>now</p>")
    with served(url_of(stored), beside=Beside(tmp_path)) as api:
        assert "Reports" in shown(api, "/data").one("footer").text


@pytest.mark.slow
def test_no_page_links_to_half_hours_that_it_would_refuse(api: Api) -> None:
    for path, has in (
        ("/explore", True),
        ("/explore?from=2025-03&to=2025-03", True),
        ("/explore?from=2025-01-01&to=2025-10-26&grain=months", False),
        ("/explore?from=2025-03-28&to=2025-03-28&show=bitcoin", False),
    ):
        links = shown(api, path).one("div", class_="choices").all("a")
        halves = [a.attributes["href"] for a in links if a.text == "half hours"]
        assert bool(halves) == has, path
        with contextlib.suppress(IndexError):
            assert api.get(halves[0]).status == 200


def test_the_verb_and_the_preposition_fit(api: Api, windless: Api) -> None:
    assert "on Wed 5 March 2025." in sentence(shown(api, f"/explore?from={QUIET}&to={QUIET}"))
    assert "1 of 1 day is final" in sentence(shown(api, f"/quality?from={QUIET}&to={QUIET}"))
    assert "1 of 31 days is final" in sentence(shown(windless, "/quality?from=2025-03&to=2025-03"))
    assert "1 of 1 day is final and checked" in page_of(api.get(f"/embed/calendar?from={QUIET}&to={QUIET}").body).text


def test_what_was_paid_to_stop_and_the_estimate_for_its_replacement_stand_apart_with_coverage_and_days(
    api: Api, stored: Engine
) -> None:
    words = shown(api, "/").text
    with stored.connect() as connection:
        days = connection.execute(text("SELECT count(turn_up_mwh) FROM minerecon.daily_summaries")).scalar_one()
    assert words.count("Paid to stop") == words.count("Paid again to replace (estimate)") == 3
    assert re.search(rf"offers cover 97\.0 % of the energy, of {days} of \d+ days: what the cheapest", words)
    assert "at least £" in words, "of the year, of which days are missing"
    assert "Paid again" not in shown(api, "/?basis=all").text, "it is of SO-flagged bids alone"


def test_a_period_whose_counterpart_is_not_stored_has_its_own_figure_and_the_days_before_are_a_link_away(
    api: Api,
) -> None:
    page = shown(api, "/compare?from=2025-03-20&to=2025-03-25")
    days = api("days?from=2025-03-20&to=2025-03-25").data
    own = sum(Decimal(d["curtailed_mwh"]) for d in days if d["curtailed_mwh"] is not None)
    assert sentence(page) == (
        f"From 20 to 25 March 2025, {words.spoken(own, 'mwh')} was turned down for system reasons; of 20–25 March 2024 "
        "no day is stored to compare it with."
    )
    (before,) = (a for a in page.all("a") if a.text == "the 6 days before")
    assert "with=2025-03-14" in before.attributes["href"]
    assert "That is" in sentence(shown(api, before.attributes["href"]))


def test_calculations_that_are_all_right_are_one_sentence_and_others_a_table(api: Api, stored: Engine) -> None:
    with stored.connect() as connection:
        rates = connection.execute(
            text("SELECT expected_count, matched_count FROM analytics.reconciliation_rate WHERE year_month = '2025-04'")
        ).all()
    page = shown(api, "/quality?from=2025-04&to=2025-04")
    wrong = [rate for rate in rates if rate.expected_count != rate.matched_count]
    box = page.one("section", id="rates")
    assert len(box.rows() if box.all("tbody") else []) == len(wrong)
    count = sum(rate.expected_count for rate in rates)
    right = f"All {count:,} calculations that there should be of 1 month are there and right."
    assert (right in box.text) == (not wrong)
    assert len(page.one("details", id="all-rates").rows()) == len(rates)


def lit(api: Api, path: str, label: str) -> list[str]:
    """The chips of a group that are lit."""
    (group,) = (g for g in shown(api, path).all("div", class_="choice") if g.attributes["aria-label"] == label)
    return [a.text for a in group.all("a") if a.attributes.get("aria-current") == "true"]


@pytest.mark.slow
def test_no_table_of_quality_is_cut_in_silence(warehouse: Engine, serve: Callable[..., Api]) -> None:
    day, units = dt.date(2025, 3, 28), 60
    with warehouse.begin() as connection:
        for month in range(1, 15):
            of_month = dt.date(2024 + (month > 12), (month - 1) % 12 + 1, 1)
            store_record(connection, of_month, 1, mwh=Decimal(30))
            store_day(connection, of_month, difficulty=Decimal(10**14))
        store_day(connection, day, difficulty=Decimal(10**14))
        connection.execute(
            text(
                "INSERT INTO minerecon.uncounted_units (settlement_date, bmu_id, reason, is_wind_like, name,"
                " curtailed_mwh, payment_gbp, all_bids_mwh, all_bids_payment_gbp, seen_in) SELECT :day, 'E_LIKE-' || n,"
                " 'unmapped', true, 'Likely', 1.5, 3, 2.5, 5, 'stack' FROM generate_series(1, :units) AS n"
            ),
            {"day": day, "units": units},
        )
        connection.execute(
            text(
                "INSERT INTO minerecon.reconciliation_results (settlement_date, scope, check_family, check_name,"
                " passed, severity, looked_at, violation_count, violations, repair, evaluated_at, is_beside)"
                " SELECT :day, 'day', 'money', 'made_up_' || n, false, 'WARN', 1, 1, '[]', '', now(), false"
                " FROM generate_series(1, :units) AS n"
            ),
            {"day": day, "units": units},
        )
        connection.execute(
            text(
                "INSERT INTO minerecon.calculation_reconciliation (settlement_date, miner_model, expected_count,"
                " matched_count, evaluated_at) SELECT summary_date, miner_model, 2, CASE WHEN summary_date ="
                " '2024-01-01' THEN 1 ELSE 2 END, now() FROM minerecon.daily_summaries, minerecon.miner_models"
            )
        )
    page = page_of(serve(url_of(warehouse)).get(f"/quality?from=2024&to={day}").body)
    for table, ends in (("failures", "rows; the CSV has all."), ("uncounted", "rows.")):
        section = page.one("section", id=table)
        assert len(section.rows()) == 50
        assert section.one("p", class_="pages").text == f"The first 50 of 60 {ends}"
    wrong = [[cell.text for cell in row[:1]] for row in page.one("section", id="rates").rows()]
    assert wrong == [["January 2024"]] * 3, "fifteen months are looked at, and not twelve"
    assert len(page.one("section", id="every-rate").rows()) == 3 * 15


def test_what_is_of_flagged_bids_whatever_basis_is_chosen_says_so(api: Api) -> None:
    for path, table in (("/border?basis=all", "twice"), ("/?basis=all", "restatements"), ("/quality", "uncounted")):
        caption = page_of(api.get(path).body).one("section", id=table).one("h2").text
        assert caption.endswith(", SO-flagged bids"), (path, caption)


def test_compare_opens_on_days_that_are_stored_and_says_which(api: Api) -> None:
    page = shown(api, "/compare")
    assert sentence(page).startswith("From 1 to 9 April 2025, ")
    assert "from 23 to 31 March 2025" in sentence(page)
    assert lit(api, "/compare", "Beside") == ["the 9 days before"]
    assert "with=2025-03-23" in page.one("figure").one("p", class_="actions").all("a")[2].attributes["href"]
    (year_before,) = (a.attributes["href"] for a in page.all("a") if a.text == "a year before")
    assert "of 1–9 April 2024 no day is stored" in sentence(shown(api, year_before)), "who asks for it gets it"
    assert lit(api, year_before, "Beside") == ["a year before"]
    assert lit(api, "/compare?from=2025-04-01&to=2025-04-09&with=2025-03-02", "Beside") == []


@pytest.mark.slow
def test_of_the_periods_the_one_that_is_shown_is_lit_and_no_other(api: Api, stored: Engine) -> None:
    farm = f"/farms/{quote(farm_of(stored), safe='')}"
    year = "from=2024-04-10&to=2025-04-09"
    for path, is_lit in (
        ("/explore", []),  # the newest 31 days
        ("/explore?from=2025-04&to=2025-04", ["April 2025"]),
        ("/explore?from=2025-04-01&to=2025-04-30", ["April 2025"]),
        ("/explore?from=2025-04&to=2025-04&grain=half-hours", ["April 2025"]),
        ("/explore?from=2025&to=2025", ["2025"]),
        ("/explore?from=2025-01-01&to=2025-12-31&grain=months", ["2025"]),
        (f"/explore?{year}", ["Last 12 months"]),
        (f"/explore?{year}&grain=months", []),
        ("/explore?grain=months", ["Last 12 months"]),
        ("/explore?grain=years&from=2025&to=2025", ["2025"]),
        ("/explore?from=2025-03&to=2025-03", []),
        ("/border", ["Last 12 months"]),
        ("/border?from=2025&to=2025", ["2025"]),
        ("/border?from=2024-05&to=2025-04", ["Last 12 months"]),
        (farm, ["Last 12 months"]),
        (f"{farm}?from=2025&to=2025", ["2025"]),
        (f"{farm}?{year}", ["Last 12 months"]),
        (f"{farm}?{year}&grain=months", []),  # its months are thirteen
        (f"{farm}?from=2024-05&to=2025-04", ["Last 12 months"]),
        ("/miners?from=2025-04&to=2025-04", ["April 2025"]),
        ("/quality", ["Last 12 months"]),
        ("/quality?from=2025&to=2025", ["2025"]),
    ):
        assert lit(api, path, "Period") == is_lit, path
    for path in ("/border", farm, f"{farm}?grain=months&{year}", "/explore?grain=months"):
        page = shown(api, path)
        (target,) = (a.attributes["href"] for a in page.all("a") if a.text == "Last 12 months")
        assert "from=2024-05&to=2025-04" in target, path
        for at in (target, *([path] if year not in path else [])):
            assert sentence(shown(api, at)).startswith("From 1 May 2024 to 30 April 2025, "), (path, at)
    links = [a.text for a in shown(api, "/explore").all("a")]
    assert "2024" not in links, "nothing of it is stored"


def test_a_period_is_understood_as_people_type_it(api: Api) -> None:
    march, day = (FIRST, dt.date(2025, 3, 31)), (dt.date(2025, 3, 28),) * 2
    for text_, means in (
        *((t, march) for t in ("2025-03", "2025-3", "March 2025", "mar 2025", "MARCH, 2025", "2025 March", "03/2025")),
        *((t, day) for t in ("2025-03-28", "28 March 2025", "Fri 28 March 2025", "28/03/2025", "28.3.2025")),
        *((t, day) for t in ("March 28, 2025", "28th of March 2025", "friday 28th mar 2025", "2025/03/28")),
        ("2025", (dt.date(2025, 1, 1), dt.date(2025, 12, 31))),
        ("sept 2025", (dt.date(2025, 9, 1), dt.date(2025, 9, 30))),
        *((t, None) for t in ("March", "28 March", "ma 2025", "2025-13", "30 Feb 2025", "1999", "2025 2024")),
        *((t, None) for t in ("March April 2025", "last month", "2025-03-28-01", "x" * 50, "2025;", "28 2025", "٢٠٢٥")),
    ):
        assert typed(text_) == means, text_
    for form in ("/farms", "/border"):
        page = shown(api, f"{form}?period=Mar+2025")
        field = page.one("input", id="period")
        assert field.attributes["value"] == "March 2025"
        assert "pattern" not in field.attributes, "a browser would refuse what the page takes"
        assert (
            "period=2025-03"
            in page.one("figure", id="chart-farms" if form == "/farms" else "chart-zones")
            .one("p", class_="actions")
            .all("a")[1]
            .attributes["href"]
        )
        refusal = shown(api, f"{form}?period=last+month", 422)
        assert "as in 28 March 2025, March 2025 or 2025, not 'last month'" in refusal.text
    assert api.get("/days?date=28/03/2025").headers["location"] == "/days/2025-03-28"


def test_a_word_of_the_field_leads_to_what_it_means_where_a_page_has_it_first(api: Api, stored: Engine) -> None:
    entries = {d.attributes["id"]: d for d in shown(api, "/glossary").one("dl").all("div")}
    assert len(entries) == len(glossary()) > 25
    farm = f"/farms/{quote(farm_of(stored), safe='')}"
    for path, leads_to in (
        ("/", {"so-flagged", "curtailed", "net-payment", "turn-up", "provisional", "elexon", "lead-party"}),
        (farm, {"bm-unit", "register", "declared-capacity", "lead-party", "so-flagged"}),
        ("/border", {"boundary-b6", "gsp-group", "turn-up"}),
        (f"/days/{SHORT}?period=1", {"acceptance", "bm-unit", "stack", "notified-potential-pn", "difficulty"}),
        ("/quality", {"settlement-period", "restatement"}),
        ("/miners", {"block-subsidy", "th-s", "miner-model"}),
    ):
        page = shown(api, path)
        terms = [a.attributes["href"].partition("#")[2] for a in page.one("main").all("a", class_="term")]
        assert leads_to <= set(terms) <= set(entries), (path, leads_to - set(terms))
        assert len(terms) == len(set(terms)), f"the first mention of {path} alone"
        assert not [a for outer in page.all("a") for a in outer.all("a")], "no link stands in a link"
        assert page.all("a", class_="term")[0].attributes["title"] in {e.means.replace("`", "") for e in glossary()}
    assert not page_of(api.get("/embed/series").body).all("a", class_="term"), "nobody leaves a frame unasked"


def test_only_words_that_stand_alone_in_sentences_are_linked() -> None:
    row = '<tbody><tr><td>final</td></tr></tbody><svg><text>final</text></svg><a href="/final">final</a>'
    main = f'<main title="final"><p>finals, semi-final, &final;</p>{row}<p>Final, final</p></main>'
    page = f"<p>final</p>{main}<p>final</p>"
    (link,) = re.findall(r'<a class="term".*?</a>', linked(page, "/wind"))
    assert linked(page, "/wind") == page.replace("<p>Final,", f"<p>{link},")
    assert link.startswith('<a class="term" href="/wind/glossary#final" title="Of a day: ')
    assert linked("<p>final</p>") == "<p>final</p>"


@pytest.mark.slow
def test_no_link_of_a_table_loses_what_the_reader_has_chosen(api: Api, stored: Engine) -> None:
    farm = quote(farm_of(stored), safe="")
    with stored.connect() as connection:
        party = connection.execute(
            text("SELECT lead_party_name FROM analytics.wind_farms WHERE farm_name = :name LIMIT 1"),
            {"name": farm_of(stored)},
        ).scalar_one()

    def leads(path: str, table: str, to: str) -> dict[str, str]:
        links = [a.attributes["href"] for a in shown(api, path).one("section", id=table).one("tbody").all("a")]
        address = next(link for link in links if link.startswith(to))
        assert api.get_raw(address).status == 200, address
        return dict(parse_qsl(urlsplit(address).query))

    march = {"from": "2025-03", "to": "2025-03"}
    name = farm_of(stored)
    assert leads(f"/farms/{farm}?from=2025-03&to=2025-03", "table", "/explore") == {**march, "farm": name}
    assert leads(f"/farms/{farm}?from=2025-03&to=2025-04&basis=all", "table", "/explore") == {
        **march, "farm": name, "basis": "all",
    }  # fmt: skip
    assert leads(f"/farms/{farm}?grain=years&from=2025&to=2025", "table", "/explore")["farm"] == name
    assert leads(f"/explore?grain=months&farm={farm}&from=2025-03&to=2025-03", "table", "/explore")["farm"] == name
    of_party = quote(party, safe="")
    assert leads(f"/lead-parties/{of_party}?from=2025-03&to=2025-03", "table", "/explore")["lead_party"] == party
    assert leads("/explore?grain=months&show=bitcoin&model=S9", "table", "/explore").items() >= {
        "show": "bitcoin", "model": "S9",
    }.items()  # fmt: skip
    assert leads("/explore?basis=all", "table", "/days/") == {"basis": "all"}
    assert leads("/farms?period=2025-03&basis=all", "table", "/farms/") == {**march, "grain": "days", "basis": "all"}
    assert leads("/farms?period=2025", "table", "/farms/") == {"from": "2025", "to": "2025", "grain": "months"}
    assert leads("/farms?period=2025-03", "parties", "/lead-parties/") == march
    assert leads(f"/days/{SHORT}", "farms", "/farms/") == {"from": str(SHORT), "to": str(SHORT)}
    assert leads("/border?basis=all", "table", "/explore")["basis"] == "all"
    day = shown(api, f"/days/{SHORT}?basis=all")
    assert {a.attributes["href"].partition("?")[2] for a in day.one("p", class_="beside").all("a")} == {"basis=all"}
    assert api.get("/days?date=2025-03-30&basis=all").headers["location"] == "/days/2025-03-30?basis=all"
    explored = shown(api, f"/explore?from=2025-03&to=2025-03&farm={farm}")
    (own,) = (a.attributes["href"] for a in explored.all("a") if a.text == name)
    assert f"MWh of {name}'s wind was" in sentence(explored), "whose it is, before it is said what was paid"
    assert own == f"/farms/{farm}?from=2025-03-01&to=2025-03-31"


def test_the_chart_of_a_farm_has_every_day_of_its_range_0_where_that_is_known_and_a_gap_where_not(
    api: Api, stored: Engine
) -> None:
    farm = quote(farm_of(stored), safe="")
    path = f"from=2025-03&to=2025-03&farm={farm}"
    rows = {row["settlement_date"]: row for row in api(f"farms/{farm}/days?from=2025-03&to=2025-03").data}
    days = api("days?from=2025-03&to=2025-03").data
    drawn = svg_days(api.get(f"/chart/series.svg?{path}").body.decode())
    assert list(drawn) == [words.day_text(d["settlement_date"]) for d in days], "every day, in its order"
    quiet = [d for d in days if d["settlement_date"] not in rows]
    zeros = [d for d in quiet if d["status"] in ("complete", "warned", "waived", "provisional")]
    assert zeros, "a day that is stored whole without a bid of it"
    for day in quiet:
        says = drawn[words.day_text(day["settlement_date"])]
        assert ("SO-flagged: 0.000 MWh" in says) == (day in zeros), day
        assert ("SO-flagged: not known" in says) == (day not in zeros), day
    page = shown(api, f"/explore?{path}")
    assert f"{words.counted(len(zeros), 'day')} without a bid of {farm_of(stored)}" in page.one("figure").text
    unknown = sum(not d["periods_present"] for d in days)
    in_part = sum(d["status"] == "incomplete" for d in quiet)
    assert (f"Of {words.counted(in_part, 'day')} not all is stored, and what is" in page.one("figure").text) == bool(
        in_part
    )
    assert unknown, "one that is missing, though the farm has a row of it"
    assert (f"Of {words.counted(unknown, 'day')} nothing is known" in page.one("figure").text) == bool(unknown)
    assert "SO-flagged: not known" in drawn[words.day_text(MISSING)], "what is not stored is no 0"
    assert len(page.one("section", id="table").rows()) == len(rows), "the table is the CSV"


def svg_days(svg: str) -> dict[str, str]:
    """The tooltips of a chart of days, by the day that each begins with."""
    tips = [unescape(tip) for tip in re.findall(r"<title>(\w{3} \d+ \w+ \d{4}\n[^<]*)</title>", svg)]
    return {tip.partition("\n")[0]: tip for tip in tips}


def test_what_units_have_declared_is_not_called_what_a_farm_can_give(api: Api, stored: Engine) -> None:
    kicker = shown(api, f"/farms/{quote(farm_of(stored), safe='')}").one("div", class_="kicker").text
    assert re.search(
        r"Elexon's register has [\d,]+ MW declared for (it|them together), which may be more than is", kicker
    )
    assert "MW in force" not in kicker


def test_the_border_has_its_newest_month_first_and_says_what_its_zones_are_of(api: Api) -> None:
    page = shown(api, "/border?from=2025-03&to=2025-04")
    for table in ("table", "twice"):
        assert [row[0].text for row in page.one("section", id=table).rows()] == ["April 2025", "March 2025"], table
    assert page.one("section", id="zones").text.startswith("The zones of April 2025 Zones are of one month or one day")
    assert "here the newest month of 1 March – 30 April 2025" in page.one("section", id="zones").text
    chosen = shown(api, "/border?from=2025-03&to=2025-04&period=28+March+2025").one("section", id="zones").text
    assert chosen.startswith("The zones of Fri 28 March 2025 ")
    assert "the one that you chose" in chosen


def test_a_miner_model_is_called_as_people_call_it_and_asked_for_by_its_own_name(api: Api) -> None:
    for path in ("/explore?show=bitcoin", "/miners"):
        page = shown(api, path)
        assert "S19J_PRO" not in page.text, path
        assert "S19J Pro" in page.one("select", id="model").text
        values = [o.attributes["value"] for o in page.one("select", id="model").all("option")]
        assert "S19J_PRO" in values, path
    assert "S19J_PRO" not in api.get("/chart/series.svg?show=bitcoin").body.decode()
