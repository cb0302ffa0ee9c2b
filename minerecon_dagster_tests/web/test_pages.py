"""The pages as HTTP gives them: sentences, states, empty texts, tables that are the CSV that is the API, refusals."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
import random
import re
import time
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.core.statuses import MEANINGS
from minerecon_dagster.day.closing import delete_day
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster.web.front import Access
from minerecon_dagster.web.pages import words
from minerecon_dagster.web.pages.figures import FIGURES, Figure, potential_note
from minerecon_dagster.web.pages.reader import Row
from minerecon_dagster.web.pages.routes import Beside
from minerecon_dagster.web.pages.state import FAILED, NO_ROW, NOBODY, NOT_STORED, State
from minerecon_dagster.web.pages.views import PAGES
from minerecon_dagster.web.pages.words import GLYPHS
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.forty_days import FAILING, INCOMPLETE, LAST, MISSING, PROVISIONAL, QUIET, SHORT
from minerecon_dagster_tests.web.conftest import Api, Got, served, url_of
from minerecon_dagster_tests.web.pages_of import Node, exact, page_of, sentence

Serve = Callable[..., Api]


def shown(api: Api, path: str, status: int = 200) -> Node:
    got = api.get(path)
    assert got.status == status, (path, got.body[:500])
    return page_of(got.body)


def farm_of(engine: Engine) -> str:
    with engine.connect() as connection:
        name = connection.execute(
            text("SELECT farm_name FROM analytics.curtailment_by_farm_month WHERE curtailed_mwh > 0 ORDER BY 1 LIMIT 1")
        ).scalar_one()
    return str(name)


def every_path(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        party = connection.execute(
            text("SELECT lead_party_name FROM analytics.wind_farms WHERE lead_party_name IS NOT NULL LIMIT 1")
        ).scalar_one()
    farm = farm_of(engine)
    names = {"/farms/{name}": farm, "/lead-parties/{name}": str(party)}
    paths = [re.sub(r"{\w+}", quote(names.get(page.path, str(LAST)), safe=""), page.path) for page in PAGES]
    charts = [f"/embed/{name}{f'?farm={quote(farm)}' if name == 'sizing' else ''}" for name in FIGURES]
    return [*paths, f"/miners?farm={quote(farm)}", *charts]


@pytest.mark.slow
def test_every_page_has_a_sentence_a_state_its_source_and_the_mark_of_made_up_data(api: Api, stored: Engine) -> None:
    for path in every_path(stored):
        page = shown(api, path)
        assert len(page.all("h1")) == 1, path
        assert sentence(page), path
        if path not in ("/api", "/glossary"):
            state = page.one("p", class_="state").text
            assert "bids." in state, path
            assert "Made-up data." in page.one("p", class_="synthetic").text, path
            assert "made up by a generator" in page.text or "Synthetic data" in page.text, path


@pytest.mark.slow
def test_head_equals_get_and_who_has_the_bytes_already_gets_304(api: Api, stored: Engine) -> None:
    for path in [*every_path(stored), "/chart/series.svg"]:
        got = api.get(path)
        head = api.get(path, "HEAD")
        assert (head.status, head.body, head.headers["etag"]) == (200, b"", got.headers["etag"]), path
        assert head.headers["content-length"] == str(len(got.body)), path
        assert api.get(path, If_None_Match=got.headers["etag"]).status == 304, path


def test_a_page_runs_nothing_that_is_not_ours(api: Api, stored: Engine) -> None:
    for path in every_path(stored):
        got = api.get(path)
        policy = got.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert ("frame-ancestors *" in policy) == path.startswith("/embed/"), path
        page = page_of(got.body)
        inline = [s for s in page.all("script") if not s.attributes.get("src")]
        assert {s.attributes["type"] for s in inline} <= {"application/json"}, path
        assert not page.all("style"), path
        assert b" style=" not in got.body, path
        assert b" onclick" not in got.body, path
        for link in [*page.all("link"), *(s for s in page.all("script") if s.attributes.get("src"))]:
            address = link.attributes.get("href") or link.attributes["src"]
            file = api.get(address)
            assert file.status == 200, address
            assert ("immutable" in file.headers["cache-control"]) == (link.attributes.get("rel") != "alternate")


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("day", "says", "word"),
    [
        (QUIET, f"{NOBODY} on Wed 5 March 2025.", "complete"),
        (MISSING, f"{NOT_STORED}. No figure stands in for Mon 10 March 2025.", "missing"),
        (INCOMPLETE, "Only 39 of 48 half hours are there.", "incomplete"),
        (FAILING, "Do not rely on it yet", "failing"),
        (PROVISIONAL, "the figures may still change", "provisional"),
    ],
)
def test_a_day_says_in_its_sentence_how_sure_it_is(api: Api, day: object, says: str, word: str) -> None:
    page = shown(api, f"/days/{day}")
    assert says in sentence(page)
    state = page.one("p", class_="state")
    assert f"is-{word}" in state.attributes["class"]
    assert state.one("span", class_="glyph").text == GLYPHS[word]
    if word in ("incomplete", "failing", "provisional"):
        assert f"({word})" in page.one("p", class_="subtitle").text
        rows = page.one("section", id="table").rows()
        assert {row[-1].text for row in rows} == {f"{GLYPHS[word]} {word}"}


def test_the_three_empty_texts_never_mix(api: Api, stored: Engine) -> None:
    pages = {
        NOBODY: (f"/days/{QUIET}", f"/explore?from={QUIET}&to={QUIET}", f"/farms?period={QUIET}"),
        NOT_STORED: (f"/days/{MISSING}", f"/explore?from={MISSING}&to={MISSING}", f"/farms?period={MISSING}"),
        NO_ROW: (f"/explore?from={QUIET}&to={QUIET}&farm={quote(farm_of(stored))}",),
    }
    for wanted, paths in pages.items():
        for path in paths:
            words = shown(api, path).one("main").text
            for words_of in pages:
                # Of a missing day there is no word about its farms, and of a windless one none about a lack of data.
                if words_of == NOBODY:
                    assert (words_of in words) == (wanted == words_of), (path, words_of)
            assert f"{wanted}" in words, path
    windy = shown(api, f"/days/{SHORT}").one("main").text
    assert NOBODY not in windy
    assert NOT_STORED not in windy


def test_a_day_of_46_half_hours_shows_46_and_they_add_up_to_the_day(api: Api) -> None:
    page = shown(api, f"/days/{SHORT}")
    rows = page.one("section", id="table").rows()
    assert len(rows) == 46
    assert [row[0].text for row in rows[:4]] == ["00:00–00:30 1", "00:30–01:00 2", "02:00–02:30 3", "02:30–03:00 4"]
    assert "Recomputed here." in page.one("section", id="source").text
    day = api(f"days?from={SHORT}&to={SHORT}").data[0]
    assert sum(Decimal(exact(row[1])) for row in rows) == Decimal(day["curtailed_mwh"])
    assert day["curtailed_mwh"] in page.one("section", id="source").text


def test_the_acceptances_of_a_half_hour_add_up_to_its_figure(api: Api) -> None:
    halves = api(f"half-hours?from={SHORT}&to={SHORT}").data
    period = next(h["settlement_period"] for h in halves if Decimal(h["curtailed_mwh"]))
    page = shown(api, f"/days/{SHORT}?period={period}")
    rows = page.one("section", id="acceptances").rows()
    flagged = sum(Decimal(exact(row[3])) for row in rows if row[6].text == "yes")
    assert flagged == Decimal(halves[period - 1]["curtailed_mwh"])
    assert f"add up to {flagged} MWh; the half hour has {flagged} MWh" in page.text
    address = page.one("section", id="acceptances").one("a", class_="csv").attributes["href"]
    assert len(csv_rows(api.get(address))) == len(rows)
    assert shown(api, f"/days/{SHORT}?period=47", 422).one("main").text.count("from 1 to 46")


def test_a_share_of_a_month_with_an_incomplete_day_is_said_to_be_at_least_so_much(api: Api) -> None:
    (month,) = api(f"months?from={INCOMPLETE:%Y-%m}&to={INCOMPLETE:%Y-%m}").data
    assert month["days_incomplete"] == 1
    whole = {"status": "complete", "potential_mwh": "9", "potential_days": 31, "days_expected": 31,
             "days_incomplete": 0, "curtailed_share_of_potential": "0.5"}  # fmt: skip
    part = whole | {"days_incomplete": 1, "status": "failing"}
    at_least = "Of a day that is incomplete, and of what has one in it, the share is at least so much."
    unknown = part | {"curtailed_share_of_potential": None}
    for rows, said in (([whole], False), ([whole, part], True), ([unknown], False)):
        assert (at_least in potential_note(made_up(rows), "so", "months")) == said, rows
    day = {"status": "incomplete", "potential_mwh": "9", "curtailed_share_of_potential": "0.5"}
    assert at_least in potential_note(made_up([day]), "so", "days")
    assert at_least not in potential_note(made_up([day | {"status": "provisional"}]), "so", "days")


def made_up(rows: list[Row]) -> Figure:
    """A figure of which the rows of its table matter alone."""
    state = State("complete", "", "", False, "", lacks_days=False, is_least=False)
    return Figure("farm", "", "", [], "", [], rows, "year_month", "", {}, state)


def test_an_incomplete_day_says_at_least_and_shows_a_gap_and_never_zero_where_nothing_is_known(api: Api) -> None:
    page = shown(api, f"/days/{INCOMPLETE}")
    assert sentence(page).startswith("At least")
    assert "That is at least" in sentence(page), "its output is of all half hours, its bids of those that are there"
    rows = page.one("section", id="table").rows()
    assert [exact(row[1]) for row in rows[39:]] == [None] * 9
    assert exact(rows[38][1]) == "0"
    assert {row[1].text for row in rows[39:]} == {"–"}


def test_the_overview_says_what_was_wasted_what_it_cost_and_how_sure_it_is(api: Api) -> None:
    page = shown(api, "/")
    days = api("days?from=2025-03-01&to=2025-04-09").data
    year = sum(Decimal(d["curtailed_mwh"]) for d in days if d["curtailed_mwh"])
    assert f"In 2025: at least {year.quantize(Decimal(1), ROUND_HALF_EVEN):,} MWh" in sentence(page)
    assert "3 of 365 days not sure yet, 326 missing" in sentence(page)
    cards = page.all("article", class_="card")
    assert len(cards) == 3
    assert all("subsidy only, no fees" in card.text for card in cards)
    assert ["at least" in card.one("p", class_="big").text for card in cards] == [False, True, True]
    assert cards[0].one("p", class_="card-state").text.split(" ", 1)[1] == "final"
    assert "not stored yet: missing" in page.one("p", class_="late").text


@pytest.mark.slow
def test_what_can_only_grow_by_missing_days_is_at_least_so_much_wherever_it_is_summed(api: Api, stored: Engine) -> None:
    march, of_days = "from=2025-03-01&to=2025-03-31", "of the days that are stored, "
    before, after = MISSING - dt.timedelta(days=1), MISSING + dt.timedelta(days=1)
    farm, mwh = quote(farm_of(stored)), r"[\d,.]+ MWh"
    paths = {
        f"/explore?from={before}&to={after}": f"at least {mwh} of wind",
        f"/explore?{march}&grain=months": f"at least {mwh} of wind",
        f"/explore?{march}&show=bitcoin": rf"at least {mwh} .* could have mined at least [\d,.]+ BTC",
        f"/farms/{farm}?{march}": f"at least {mwh} of ",
        "/farms?period=2025-03": f"{of_days}.* was turned down most: at least {mwh}, .* of at least {mwh}",
        f"/border?{march}": f"{of_days}.* of wind",
        f"/miners?{march}&farm={farm}": r"would have made at least [\d,.]+ BTC",
        f"/compare?from={MISSING}&to={after}&with=2026-01-01": f"at least {mwh} was",
    }
    for path, said in paths.items():
        assert re.search(said, sentence(shown(api, path))), path
    for path in (f"/explore?{march}", "/farms?period=2025-03", f"/border?{march}"):
        title = shown(api, path).one("figure").one("h2").text
        assert title.startswith("Of the days that are stored, "), (path, title)
    whole = f"from={before - dt.timedelta(days=1)}&to={before}"
    for path in (f"/explore?{whole}", f"/explore?{whole}&show=bitcoin", f"/farms?period={before}"):
        page = shown(api, path)
        said = f"{sentence(page)} {page.one('figure').text}".lower()
        assert "at least" not in said, path
        assert "stored" not in said, path
    for card in shown(api, "/").all("article", class_="card")[1:]:
        assert re.search(r"no fees ?at least [\d,.]+ BTC", card.text)


@pytest.mark.slow
def test_a_month_with_figures_is_not_missing_but_days_of_it_are(
    forty_days: str, embedded_environ: dict[str, str], serve: Serve
) -> None:
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        engine = open_warehouse(url, as_owner=True)
        with engine.begin() as connection:  # no day of the month is worse than missing
            delete_day(connection, FAILING)
            for table, column in (("daily_summaries", "summary_date"), ("ingestion_progress", "settlement_date")):
                connection.execute(text(f"DELETE FROM minerecon.{table} WHERE {column} = :d"), {"d": FAILING})
        engine.dispose()
        api = serve(url)
        (month,) = api("months?from=2025-03&to=2025-03").data
        assert (month["status"], month["days_present"]) == ("missing", 29)
        tables = [("/explore?from=2025-03&to=2025-03&grain=months", "table")]
        tables += [("/farms?period=2025-03", name) for name in ("table", "parties")]
        for path, table in tables:
            rows = shown(api, path).one("section", id=table).rows()
            assert {row[-1].text for row in rows} == {"× days missing"}, path
            assert [exact(cell) for cell in rows[0][-3:-1]] == ["29", "31"], path
            mark = rows[0][-1].one("span", class_="status")
            assert mark.attributes["title"] == "29 of 31 days stored: its figures are of those"


@pytest.mark.slow
def test_a_day_that_could_not_be_stored_is_failing_and_not_missing_too(
    forty_days: str, embedded_environ: dict[str, str], serve: Serve
) -> None:
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        engine = open_warehouse(url, as_owner=True)
        with engine.begin() as connection:
            delete_day(connection, FAILING)
            connection.execute(text("DELETE FROM minerecon.daily_summaries WHERE summary_date = :d"), {"d": FAILING})
        engine.dispose()
        api = serve(url)
        (row,) = api(f"days?from={FAILING}&to={FAILING}").data
        assert (row["status"], row["curtailed_mwh"]) == ("failing", None)
        page = shown(api, f"/days/{FAILING}")
        assert sentence(page).startswith(f"{FAILED}. No figure stands in for ")
        assert page.one("p", class_="state").text.startswith(f"! {FAILED}.")
        assert "missing" not in page.one("main").text
        assert not page.all("section", id="table"), "48 rows without a figure say nothing"
        assert sentence(shown(api, f"/explore?from={FAILING}&to={FAILING}")).startswith(f"{FAILED}. No figure")


def test_days_in_a_row_of_one_state_are_a_row_of_what_is_not_final_and_right(api: Api) -> None:
    asked = f"from={MISSING - dt.timedelta(days=400)}&to={LAST}"
    days = api(f"calendar?{asked}&limit=1000").data
    rows = shown(api, f"/quality?{asked}").one("section", id="unsure").rows()
    assert sum(int(exact(row[2])) for row in rows) == sum(d["status"] not in ("complete", "waived") for d in days)
    assert [row[1].text.split()[-1] for row in rows] == ["provisional", "failing", "incomplete", "missing", "missing"]
    assert rows[-1][0].text == "4 February 2024 – 28 February 2025"
    assert [exact(cell) for cell in rows[-2][2:]] == ["1", "0", "48"]


def test_a_day_that_is_in_no_calendar_is_not_said_to_be_written_wrongly(api: Api) -> None:
    assert "there is no such day: '2025-02-30'" in shown(api, "/days/2025-02-30", 404).text
    assert "a day is written as in 2025-03-28: '30.2.2025'" in shown(api, "/days/30.2.2025", 404).text
    for day, is_no_day in (("2025-02-30", True), ("2025-13", True), ("30.2.2025", False), ("1999-01-01", False)):
        got = api(f"days?from={day}&to={day}")
        assert got.status == 422
        assert (", which is in no calendar" in got.json["detail"]) == is_no_day, day


@pytest.mark.slow
def test_the_overview_has_the_newest_published_figures_and_leads_to_all_of_them(
    forty_days: str, embedded_environ: dict[str, str], serve: Serve
) -> None:
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        engine = open_warehouse(url)
        with engine.begin() as changes:  # nothing is compared with days that are made up
            changes.execute(text("UPDATE minerecon.daily_summaries SET is_synthetic = false"))
        engine.dispose()
        _newest_published(serve(url))


def _newest_published(api: Api) -> None:
    comparable = [r for r in api("published?limit=1000").data if r["difference_value"] is not None]
    box = shown(api, "/").one("section", id="published")
    newest = max(comparable, key=lambda r: str(r["last_day"]))
    assert len(comparable) > 8, "or nothing is left out here"
    assert len(box.rows()) == 8
    assert box.rows()[0][0].text == newest["period_label"]
    assert f"The first 8 of {len(comparable)} rows" in box.text
    assert shown(api, "/").all("a", href="/quality#published")
    assert shown(api, "/quality").all("details", id="published")


def test_the_border_has_north_and_south_of_it_add_up_to_the_month_and_its_zones_are_the_api_s(api: Api) -> None:
    page = shown(api, "/border?from=2025-03&to=2025-03&period=2025-03")
    zones = [z for z in api("zones/months?from=2025-03&to=2025-03").data if z["curtailed_mwh"] is not None]
    north, south, nowhere = (
        sum(Decimal(z["curtailed_mwh"]) for z in zones if z["above_b6"] is side) for side in (True, False, None)
    )
    (month,) = api("months?from=2025-03&to=2025-03").data
    assert north and south and nowhere
    (row,) = page.one("section", id="table").rows()
    assert [Decimal(str(exact(cell))) for cell in row[1:4]] == [north, south, nowhere]
    assert north + south + nowhere == Decimal(month["curtailed_mwh"])
    share = (north / (north + south) * 100).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
    assert f"{share} % of the" in sentence(page), "of what has a place"
    assert f"; of {words.spoken(nowhere, 'mwh')} more the place is not known" in sentence(page)
    assert "north of the Scottish border (boundary B6)" in sentence(page)
    shown_zones = [str(exact(r[2])) for r in page.one("section", id="zones-table").rows() if exact(r[2]) is not None]
    assert sorted(shown_zones) == sorted(z["curtailed_mwh"] for z in zones)
    (twice,) = page.one("section", id="twice").rows()
    assert str(exact(twice[2])) == str(month["turn_up_estimate_gbp"])
    assert shown(api, "/border?from=2025-03&to=2025-03&period=2025", 422)


@pytest.mark.slow
def test_where_no_unit_has_a_place_the_border_says_so_and_no_0_stands_for_it(
    forty_days: str, embedded_environ: dict[str, str], serve: Callable[..., Api]
) -> None:
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        with contextlib.closing(databases.connect(url)) as owner:
            owner.cursor().execute("UPDATE minerecon.bm_units SET gsp_group_id = NULL, zone_basis = NULL")
        page = shown(serve(url), "/border?from=2025-03&to=2025-03&period=2025-03")
        assert "where, is not known of any unit" in sentence(page)
        assert not re.search(r"(?<!\d)0\.0 %", page.text)
        (row,) = page.one("section", id="table").rows()
        assert [exact(cell) for cell in (row[1], row[2], row[4])] == [None] * 3
        assert "The place of" in page.text
        assert "place not known was" not in page.text


def csv_rows(got: Got) -> list[dict[str, str]]:
    assert got.status == 200, got.body
    return list(csv.DictReader(io.StringIO(got.body.decode("utf-8-sig"))))


def all_rows(api: Api, path: str) -> tuple[list[list[Node]], str]:
    """The rows of a page's table over all its pages, and the address of its CSV."""
    rows: list[list[Node]] = []
    address: str | None = path
    csv_address = ""
    while address:
        table = shown(api, address.partition("#")[0]).one("section", id="table")
        rows += table.rows() if table.all("tbody") else []
        csv_address = table.one("a", class_="csv").attributes["href"]
        onward = table.all("a", rel="next")
        address = onward[0].attributes["href"] if onward else None
    return rows, csv_address


def filters(engine: Engine, count: int) -> list[str]:
    """Addresses of pages with a table, drawn anew each time from the same seed."""
    chance = random.Random(20250328)
    farm = quote(farm_of(engine))
    made = []
    for n in range(count):
        first = chance.randint(1, 25)
        span = f"from=2025-03-{first:02}&to=2025-{chance.choice(['03-31', '04-05', '04-09'])}"
        basis = chance.choice(["", "&basis=all"])
        made.append(
            chance.choice(
                [
                    f"/explore?{span}{basis}",
                    f"/explore?{span}{basis}&show=payment&sort=-settlement_date",
                    f"/explore?from=2025-03-{first:02}&to=2025-03-{first + 3:02}&grain=half-hours{basis}",
                    f"/explore?{span}{basis}&show=bitcoin&model={chance.choice(['S9', 'M20S', 'S19J_PRO'])}",
                    f"/explore?from=2025&to=2025&grain=months{basis}",
                    f"/explore?{span}{basis}&farm={farm}",
                    f"/farms?period=2025-03{basis}",
                    f"/farms?period=2025{basis}",
                    f"/farms/{farm}?from=2024&to=2025&grain=years{basis}",
                    f"/farms?period=2025-03-{first:02}{basis}&sort=farm_name",
                    f"/compare?{span}{basis}&with=2025-03-01",
                    f"/miners?farm={farm}&{span}&power_mw={n + 1}",
                ]
            )
        )
    return made


@pytest.mark.slow
def test_a_farms_page_says_what_share_of_what_it_notified_was_lost_and_of_how_many_days(
    api: Api, stored: Engine
) -> None:
    sql = (
        "SELECT farm_name, {of}_of_potential_mwh / potential_mwh, potential_mwh, potential_days"
        " FROM analytics.curtailment_by_farm_year WHERE {share} IS NOT NULL ORDER BY {share} DESC LIMIT 1"
    )
    for basis, of, share, word in (
        ("so", "curtailed", "curtailed_share_of_potential", "gross"),
        ("all", "all_bids_net", "all_bids_net_share_of_potential", "net of what was taken back"),
    ):
        with stored.connect() as connection:
            ((farm, lost, notified, days),) = connection.execute(text(sql.format(of=of, share=share)))
        percent, mwh = f"{lost * 100:,.1f} %", f"{notified:,.0f} MWh"
        year = shown(api, f"/farms?period=2025&basis={basis}").text  # it has an incomplete day
        assert (
            f"{farm} lost the largest share of what it notified that it would give: at least {percent} of {mwh}" in year
        )
        assert f"({word}; {days} of 365 days)" in year
        page = shown(api, f"/farms/{quote(farm)}?grain=years&from=2025&to=2025&basis={basis}")
        assert f"Of the at least {mwh} that it notified that it would give" in page.text
        assert f"that it would give it lost at least {percent} ({word}; {days} of 365 days)" in page.text
        page = shown(api, f"/farms/{quote(farm)}?grain=years&from=2024&to=2025&basis={basis}")
        assert f"that it would give in its years with a bid it lost at least {percent}" in page.text, "2024 has none"
        assert "not what the wind would have given" in page.text


def test_a_share_of_what_was_notified_is_told_of_no_day_that_lacks_it(api: Api) -> None:
    unasked = "2025-03-17"
    page = shown(api, f"/farms?period={unasked}")
    assert "notified that it would give" not in page.text
    assert "Notified potential is not known of this." in page.text
    assert all(row[4].text == row[5].text == "–" for row in page.rows()), "and never 0"


@pytest.mark.slow
@pytest.mark.parametrize("count", [6, pytest.param(30, marks=pytest.mark.slow)])
def test_over_all_its_pages_a_table_is_the_csv_which_is_the_api_to_the_last_digit(
    api: Api, stored: Engine, count: int
) -> None:
    for path in filters(stored, count):
        rows, csv_address = all_rows(api, path)
        from_csv = csv_rows(api.get(csv_address))
        suffix = csv_address.replace(".csv", "", 1)
        from_api = api.get(suffix).data
        assert len(from_csv) == len(from_api), path
        names = parse_qs(urlsplit(csv_address).query)["fields"][0].split(",")
        figures = [n for n in names if re.search(r"_(mwh|gbp|btc|mw|share|per_mwh)$|count$|^utilisation$", n)]
        shift = len(names) - len(rows[0]) if rows else 0  # a day's page leaves its own date out
        table = sorted([str(exact(row[names.index(name) - shift])) for name in figures] for row in rows)
        file = sorted([str(row[name] or None) for name in figures] for row in from_csv)
        api_rows = sorted([str(row[name]) for name in figures] for row in from_api)
        assert table == file == api_rows, path


_OF_THE_RECORDS = """
    SELECT sum(r.curtailed_mwh) FILTER (WHERE r.so_flag OR :all), sum(r.payment_gbp) FILTER (WHERE r.so_flag OR :all)
    FROM minerecon.curtailment_records AS r LEFT JOIN analytics.wind_farms AS f ON f.bmu_id = r.bmu_id
    WHERE r.settlement_date BETWEEN :first AND :last
      AND (CAST(:period AS integer) IS NULL OR r.settlement_period = :period)
      AND (CAST(:farm AS text) IS NULL OR f.farm_name = :farm)
"""


@pytest.mark.parametrize("count", [6, pytest.param(30, marks=pytest.mark.slow)])
def test_its_energy_and_money_are_what_the_stored_records_add_up_to(api: Api, stored: Engine, count: int) -> None:
    compared = 0
    with stored.connect() as connection:
        for path in filters(stored, count):
            if path.startswith(("/compare", "/miners")) or "show=bitcoin" in path or "grain=months" in path:
                continue  # of these the figures are no sums of records
            _, csv_address = all_rows(api, path)
            asked = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
            of_all = asked.get("basis") == "all"
            mwh, gbp = ("all_bids_mwh", "all_bids_payment_gbp") if of_all else ("curtailed_mwh", "payment_gbp")
            span = asked.get("period", "2025-03")
            whole = ("2025-03-01", "2025-03-31") if span == "2025-03" else (span, span)
            for row in api.get(csv_address.replace(".csv", "", 1)).data:
                if row["status"] == "failing" or (row.get(mwh) is None and row.get(gbp) is None):
                    continue
                day = row.get("settlement_date")
                days = {"first": day or whole[0], "last": day or whole[1]}
                farm = row.get("farm_name") or asked.get("farm")
                wanted = connection.execute(
                    text(_OF_THE_RECORDS), days | {"all": of_all, "period": row.get("settlement_period"), "farm": farm}
                ).one()
                for name, sum_ in zip((mwh, gbp), wanted, strict=True):
                    if row.get(name) is not None:
                        assert Decimal(row[name]) == (sum_ or 0), (path, row)
                        compared += 1
    assert compared > 10 * count


def test_what_stands_in_a_cell_is_the_decimal_rounded_half_even(api: Api) -> None:
    rows, _ = all_rows(api, "/explore?from=2025-03-01&to=2025-04-09&show=payment")
    seen = 0
    for row in rows:
        for cell in row:
            for data in cell.all("data"):
                number = Decimal(data.attributes["value"])
                places = len(data.text.partition(".")[2])
                said = Decimal(data.text.replace(",", "").replace("−", "-"))
                assert said in (
                    number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN),
                    (number * 100).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN),
                )
                assert data.attributes["value"] in data.attributes["title"]
                seen += 1
    assert seen > 100


def test_a_table_is_sorted_by_what_the_address_says_and_what_is_not_known_comes_last(api: Api) -> None:
    rows, _ = all_rows(api, "/explore?from=2025-03-01&to=2025-03-31&sort=-curtailed_mwh")
    values = [exact(row[1]) for row in rows]
    known = [Decimal(v) for v in values if v is not None]
    assert known == sorted(known, reverse=True)
    assert values[-1] is None
    page = shown(api, "/explore?from=2025-03-01&to=2025-03-31&sort=-curtailed_mwh")
    (by,) = [h for h in page.one("section", id="table").all("th") if h.attributes.get("aria-sort")]
    assert by.attributes["aria-sort"] == "descending"


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/?farm=x", "no parameter 'farm'"),
        ("/explore?frm=2025", "no parameter 'frm'"),
        (
            "/explore?from=yesterday",
            "from must be a day, a month or a year from 2000 to 2100, as in 28 March 2025, March 2025 or 2025",
        ),
        ("/explore?from=2025-04-01&to=2025-03-01", "is after to"),
        ("/explore?from=2010&to=2025", "at most 2,922 days"),
        ("/explore?grain=weeks", "grain must be days or half-hours"),
        ("/explore?from=2025&to=2025&grain=half-hours", "at most 93 days"),
        ("/explore?basis=both", "basis must be so or all"),
        ("/explore?sort=colour", "can be sorted by"),
        ("/explore?after=3", "not to be made by hand"),
        ("/explore?farm=a&lead_party=b", "a farm or a lead party, not both"),
        ("/farms?period=2025-13", "period must be a day"),
        ("/miners?farm=FARM&power_mw=-1", "power_mw must be a number"),
        ("/miners?farm=FARM&machines=1.5", "must be a whole number"),
        ("/days/2025-03-28?from=2025", "no parameter 'from'"),
        ("/quality?basis=so", "no parameter 'basis'"),
        ("/explore?from=2025-03&from=2025-04", "given twice"),
        ("/explore?farm=%00", "a character that no name has"),
        ("/explore?farm=%ff", "in UTF-8"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_words_with_a_link_that_works(
    api: Api, stored: Engine, path: str, says: str
) -> None:
    got = api.get_raw(path.replace("FARM", quote(farm_of(stored))))
    assert got.status == 422, got.body
    page = page_of(got.body)
    assert says in page.one("main").text
    (works,) = [a for a in page.one("main").all("a") if a.text.startswith("/") and a.text == a.attributes["href"]]
    assert api.get_raw(works.attributes["href"]).status in (200, 404), works.attributes["href"]


def test_where_there_is_nothing_the_page_helps_and_a_program_gets_what_the_api_says(api: Api) -> None:
    page = shown(api, "/nothing/here", 404)
    assert {"/explore", "/farms", "/quality"} <= {a.attributes["href"] for a in page.one("main").all("a")}
    got = api.get("/api/v1/nothing")
    assert (got.status, got.headers["content-type"]) == (404, "application/problem+json")
    assert "has not begun" in shown(api, "/days/2099-01-01", 404).text
    refused = shown(api, "/days/tomorrow", 404)
    assert "written as in 2025-03-28" in refused.text
    assert "Made-up data." in refused.one("p", class_="synthetic").text


def test_of_a_farm_that_there_is_not_the_page_names_those_that_it_may_be(api: Api, stored: Engine) -> None:
    farm = farm_of(stored)
    page = shown(api, f"/farms/{quote(farm[:-1])}", 404)
    assert f"there is no wind farm '{farm[:-1]}'".lower() in page.text.lower()
    assert farm in page.one("main").text
    likely = page.one("main").one("a").attributes["href"]
    assert api.get_raw(likely).status == 200


def has_attribute(node: Node, name: str) -> bool:
    inner = (child for child in node.children if isinstance(child, Node))
    return name in node.attributes or any(has_attribute(child, name) for child in inner)


HOSTILE = (
    "<script>alert(1)</script>", '" onmouseover="x', "a/b?c=d#e&f", "{{ 7*7 }}", "\u202egnp",
    # Words that pages explain by a link, where a link must not be.
    '</main></svg></a></script><a href="//evil.example">BOAV</a>', "> AGWS' title='> stack",
    "<main a B1610 </title><svg/onload=alert(1)> EBOCF",
)  # fmt: skip


@pytest.mark.slow
def test_a_map_has_the_farms_whose_place_is_known_and_says_how_many_are_not_on_it(
    api: Api, forty_days: str, embedded_environ: dict[str, str], serve: Serve
) -> None:
    page = shown(api, "/farms?period=2025")
    assert not page.all("figure", id="chart-places"), "of none of these farms is the place known"
    assert "No place of these farms is known." in shown(api, "/embed/places?period=2025").text
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        with contextlib.closing(databases.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO minerecon.wind_sites (bmu_id, technology, latitude, longitude, source, licence)"
                " SELECT bmu_id, 'onshore', 57, -4, 'test', 'test' FROM analytics.wind_farms WHERE farm_name IN"
                " (SELECT farm_name FROM analytics.curtailment_by_farm_year ORDER BY curtailed_mwh DESC LIMIT 3)"
            )
            connection.commit()
            cursor.execute(
                "SELECT farm_name, curtailed_share_of_potential, potential_mwh FROM analytics.curtailment_by_farm_year"
                " ORDER BY curtailed_mwh DESC LIMIT 3"
            )
            farms = cursor.fetchall()
        api = serve(url)
        picture = api.get("/chart/places.svg?period=2025").body.decode()
        page = shown(api, "/farms?period=2025")
        alone = shown(api, "/embed/places?period=2025").text
    assert "what the farm said that it would give, and not what the wind would have given" in alone
    for farm, share, potential in farms:
        lost = "not known" if share is None else f"{share * 100:,.2f} %"
        assert f"{farm}\n" in picture
        assert f"{lost} of {potential:,.3f} MWh notified" in picture
    known = sum(share is not None for _, share, _ in farms)
    figure = page.one("figure", id="chart-places").text
    said = f"of {known} farm{'s' if known != 1 else ''} lost half of what was notified, or more"
    assert (said if known else "It is not known what share of what they notified these farms lost") in figure
    assert "57 farms with a bid have no reviewed place. Outline: Natural Earth, public domain." in figure


@pytest.mark.slow
def test_a_hostile_name_is_words_everywhere(forty_days: str, embedded_environ: dict[str, str], serve: Serve) -> None:
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        with contextlib.closing(databases.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO minerecon.wind_farm_exceptions (matches, key, farm_name, reason)"
                " SELECT 'bmu_id', u.bmu_id, n.name, 'test' FROM unnest(%s) WITH ORDINALITY AS n (name, place) JOIN ("
                "SELECT bmu_id, row_number() OVER (ORDER BY sum(curtailed_mwh) DESC) AS place"
                " FROM minerecon.unit_daily_summaries GROUP BY bmu_id) AS u USING (place)",
                (list(HOSTILE),),
            )
        api = serve(url)
        list_of_farms = shown(api, "/farms?period=2025-03")
        for name in HOSTILE:
            assert name in list_of_farms.text
            quoted = quote(name, safe="")
            for path in (f"/farms/{quoted}", f"/explore?farm={quoted}", f"/embed/series?farm={quoted}"):
                got = api.get_raw(path)
                assert got.status == 200, (path, got.body[:300])
                assert b"<script>alert" not in got.body
                page = page_of(got.body)
                assert not has_attribute(page, "onmouseover")
                assert not has_attribute(page, "onload")
                assert not page.all("a", href="//evil.example")
                assert "49" not in page.one("h1").text
                if not path.startswith("/embed"):
                    assert name in page.text, path


def test_a_chart_alone_is_an_svg_with_its_words_and_an_empty_one_says_why(api: Api) -> None:
    got = api.get("/chart/series.svg?from=2025-03&to=2025-03")
    assert (got.status, got.headers["content-type"]) == (200, "image/svg+xml; charset=utf-8")
    assert got.body.startswith(b"<svg")
    assert b"Synthetic data" in got.body
    dark = api.get("/chart/series.svg?from=2025-03&to=2025-03&theme=dark")
    assert dark.body != got.body
    assert NOT_STORED.encode() in api.get(f"/chart/series.svg?from={MISSING}&to={MISSING}").body
    assert NOBODY.encode() in api.get(f"/chart/series.svg?from={QUIET}&to={QUIET}").body


@pytest.mark.slow
def test_a_link_shows_the_chart_of_its_page_where_the_site_s_address_is_known(stored: Engine) -> None:
    with served(url_of(stored), beside=Beside(own_url="https://wind.example.com")) as api:
        page = shown(api, "/explore?from=2025-03&to=2025-03")
        (image,) = [m.attributes["content"] for m in page.all("meta") if m.attributes.get("property") == "og:image"]
        assert image.startswith("https://wind.example.com/chart/series.png?")
        got = api.get(image.removeprefix("https://wind.example.com"))
        assert (got.status, got.headers["content-type"], got.body[:4]) == (200, "image/png", b"\x89PNG")
        assert api.get(f"/chart/series.png?from={MISSING}&to={MISSING}").status == 404
    with served(url_of(stored)) as api:
        assert b"og:image" not in api.get("/explore").body


def test_an_embedded_chart_has_its_state_its_source_and_the_way_back(api: Api) -> None:
    page = shown(api, "/embed/series?from=2025-03&to=2025-03")
    assert "may still change" in page.one("p", class_="state").text
    assert page.one("p", class_="source").text.endswith(". minerecon · CSV")
    (back, file) = page.one("p", class_="source").all("a")
    assert api.get(back.attributes["href"]).status == 200
    assert csv_rows(api.get(file.attributes["href"]))


@pytest.mark.slow
def test_every_link_of_every_page_works(api: Api, stored: Engine) -> None:
    seen: set[str] = set()
    for path in every_path(stored):
        page = shown(api, path)
        for link in page.all("a"):
            address = link.attributes["href"].partition("#")[0]
            kind = re.sub(r"\d+|=[^&]*|(?<=/farms/)[^/?]+|(?<=/lead-parties/)[^/?]+", "", address)
            if address and kind not in seen:
                seen.add(kind)
                got = api.get_raw(address)
                assert got.status in (200, 303), (path, address, got.body[:300])
    assert len(seen) > 40


@pytest.mark.slow
def test_below_a_proxy_every_address_has_its_prefix(stored: Engine, serve: Serve) -> None:
    api = serve(url_of(stored), Access(prefix="/wind"))
    for path in every_path(stored):
        page = shown(api, f"/wind{path}")
        addresses = [
            n.attributes.get("href") or n.attributes.get("src") or n.attributes.get("action") or ""
            for kind in ("a", "link", "script", "form")
            for n in page.all(kind)
        ]
        assert not [a for a in addresses if a.startswith("/") and not a.startswith("/wind/")], path
    assert api.get("/wind/explore?x=1").status == 422
    assert b'href="/wind/explore"' in api.get("/wind/explore?x=1").body


def test_all_states_have_a_sign_and_quality_counts_each_of_them(api: Api) -> None:
    assert list(GLYPHS) == list(MEANINGS)
    assert len(set(GLYPHS.values())) == len(GLYPHS)
    page = shown(api, "/quality?from=2025-03-01&to=2025-03-31")
    meanings = {
        row.one("dt").text.split(" ", 1)[1]: row.all("dd")[0].text
        for row in page.one("dl", class_="meanings").all("div")
    }
    assert meanings == {
        "complete": "27", "warned": "0", "waived": "0", "unavailable": "0", "provisional": "1", "incomplete": "1",
        "failing": "1", "missing": "1",
    }  # fmt: skip


def test_a_table_of_quality_leads_to_its_rows_or_says_what_else_is_there(api: Api) -> None:
    page = shown(api, "/quality?from=2025-03-01&to=2025-03-31")
    leads = {
        box.one("h2").text: [(a.text, a.attributes["href"].split("?")[0]) for a in box.all("a", class_="csv")]
        for box in page.all("section", class_="table-box")
    }
    assert leads["Every day and its state"][0][1] == "/api/v1/calendar.csv"
    assert leads["Days that are not final and right"] == [("CSV of every day", "/api/v1/calendar.csv")]
    assert leads["Checks that do not hold now"] == [("CSV of every check", "/api/v1/checks.csv")]
    assert leads["Units that may be wind and are in no sum, SO-flagged bids"] == []


@pytest.mark.slow
@pytest.mark.parametrize("is_beside", [True, False])
def test_a_remark_on_what_stands_beside_a_day_does_not_crowd_its_own_checks_out_of_quality(
    forty_days: str, embedded_environ: dict[str, str], serve: Serve, is_beside: bool
) -> None:
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        engine = open_warehouse(url)
        with engine.begin() as changes:
            changed = changes.execute(
                text(
                    "UPDATE minerecon.reconciliation_latest SET passed = false, severity = 'WARN', is_beside = :beside"
                    " WHERE scope = 'day' AND settlement_date = :day AND check_name = 'bids_are_priced'"
                ),
                {"beside": is_beside, "day": SHORT},
            )
        engine.dispose()
        assert changed.rowcount == 1
        page = shown(serve(url), f"/quality?from={SHORT}&to={SHORT}")
        assert ("bids_are_priced" in page.text) == (not is_beside)


@pytest.mark.slow
def test_without_the_database_a_page_that_was_answered_is_given_and_another_says_come_back(
    forty_days: str, embedded_environ: dict[str, str], serve: Serve
) -> None:
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        api = serve(url)
        assert api.get("/explore").status == 200
    deadline = time.monotonic() + 10
    while "minerecon-stale" not in api.get("/explore").headers:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    got = api.get("/compare")
    assert got.status == 503
    assert "come back" in page_of(got.body).text


def test_bitcoin_is_said_to_be_of_the_subsidy_only_wherever_it_stands(api: Api, stored: Engine) -> None:
    for path in every_path(stored):
        page = shown(api, path).one("main")
        for kind in ("h1", "h2", "p", "figcaption", "dl", "table", "section", "article"):
            for node in page.all(kind):
                if "BTC" in node.text and kind in ("h1", "article", "figcaption"):
                    assert "subsidy only, no fees" in node.text, (path, node.text)


@pytest.mark.slow
def test_the_reports_of_a_folder_are_served_and_nothing_else_of_it(stored: Engine, tmp_path: Path) -> None:
    (tmp_path / "2025-03.html").write_text("<p>March</p>")
    (tmp_path / "latest.html").write_text("<p>now</p>")
    (tmp_path / "notes.txt").write_text("not a report")
    with served(url_of(stored), beside=Beside(tmp_path, "https://dagster.example.com")) as api:
        got = api.get_raw("/reports/2025-03.html")
        assert (got.status, got.body) == (200, b"<p>March</p>")
        assert "script" not in got.headers["content-security-policy"]
        assert api.get_raw("/reports/2025-03.html").headers["etag"] == got.headers["etag"]
        for path in ("/reports/notes.txt", "/reports/..%2Fsecret.html", "/reports/", "/reports/none.html"):
            assert api.get_raw(path).status == 404, path
        page = shown(api, "/data")
        assert {"/reports/latest.html", "https://dagster.example.com"} <= {a.attributes["href"] for a in page.all("a")}
    with served(url_of(stored)) as api:
        assert api.get_raw("/reports/2025-03.html").status == 404
        assert "dagster" not in shown(api, "/data").one("footer").text.lower()


WARNED, WAIVED, CLOSED = "2025-03-22", "2025-03-23", "2025-03-24"
EIGHT = {
    "2025-03-27": "complete", WARNED: "warned", WAIVED: "waived", CLOSED: "unavailable",
    str(PROVISIONAL): "provisional", str(INCOMPLETE): "incomplete", str(FAILING): "failing", str(MISSING): "missing",
}  # fmt: skip
"""A day of each status."""


@pytest.mark.slow
def test_each_kind_of_day_is_told_by_word_and_sign_wherever_it_stands(
    forty_days: str, embedded_environ: dict[str, str], serve: Serve
) -> None:
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        with contextlib.closing(databases.connect(url)) as connection, connection.cursor() as cursor:
            for day, until in ((WARNED, None), (WAIVED, "2099-12-31")):
                cursor.execute(
                    "UPDATE minerecon.reconciliation_latest SET passed = false, waived_until = %s, severity = 'WARN'"
                    " WHERE settlement_date = %s AND check_name = 'wind_output_known'",
                    (until, day),
                )
                assert cursor.rowcount == 1
            for table, column in (
                ("daily_summaries", "summary_date"),
                ("reconciliation_latest", "settlement_date"),
                ("ingestion_progress", "settlement_date"),
            ):
                cursor.execute(f"DELETE FROM minerecon.{table} WHERE {column} = %s", (CLOSED,))
            cursor.execute(
                "INSERT INTO minerecon.unavailable_days (settlement_date, reason, accepted_by, closed_at)"
                " VALUES (%s, 'the source has nothing', 'A. Person', now())",
                (CLOSED,),
            )
        api = serve(url)
        in_table, csv_address = all_rows(api, "/explore?from=2025-03-01&to=2025-03-31")
        words = {row[0].one("a").attributes["href"].removeprefix("/days/"): row[-1].text for row in in_table}
        from_csv = {row["settlement_date"]: row for row in csv_rows(api.get(csv_address))}
        drawn = api.get("/embed/calendar?from=2025-03-01&to=2025-03-31").body.decode()
        for day, word in EIGHT.items():
            assert words[day] == f"{GLYPHS[word]} {word}", day
            assert from_csv[day]["status"] == word
            assert (from_csv[day]["curtailed_mwh"] == "") == (word in ("missing", "unavailable")), day
            page = shown(api, f"/days/{day}")
            assert f"is-{word}" in page.one("p", class_="state").attributes["class"], day
            assert NOBODY not in page.one("h1").text or word == "provisional", day
            alone = api.get(f"/chart/series.svg?from={day}&to={day}")
            assert alone.status == 200
            assert (NOT_STORED in alone.body.decode()) == (word == "missing"), day
            assert ("a person has closed it" in alone.body.decode()) == (word == "unavailable"), day
            assert word in drawn
        assert "a person has closed the day" in shown(api, f"/days/{CLOSED}").one("h1").text
        assert "provisional" in api.get(csv_address).headers["content-disposition"]
