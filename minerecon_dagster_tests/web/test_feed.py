"""News for readers: days that became final, restatements and gaps, as Atom and as JSON Feed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from xml.etree import ElementTree

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster_tests.analytics.conftest import FAILING, INCOMPLETE, MISSING, QUIET
from minerecon_dagster_tests.web.conftest import Api, served, url_of

ATOM = "{http://www.w3.org/2005/Atom}"
NOW = dt.datetime(2025, 4, 10, 9, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def api(stored: Engine) -> Iterator[Api]:
    """On the morning after the forty days, one of which was restated."""
    with stored.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO minerecon.restatements (settlement_date, detected_at, old_state, old_curtailed_mwh,"
                " new_curtailed_mwh, old_payment_gbp, new_payment_gbp, old_all_bids_mwh, new_all_bids_mwh,"
                " old_archive_uri, new_archive_uri) VALUES ('2025-04-02', '2025-04-09T06:00Z', 'final', 10, 11.5, 1, 2,"
                " 10, 12, 'secret://a', 'secret://b')"
            )
        )
    with served(url_of(stored), now=lambda: NOW) as found:
        yield found


def test_final_days_restatements_and_gaps_are_told_newest_first_and_alike_in_both_formats(api: Api) -> None:
    got = api("feed.json?limit=500")
    assert got.headers["content-type"] == "application/feed+json"
    items = {item["id"].partition("#")[2]: item for item in got.json["items"]}
    assert got.json["version"] == "https://jsonfeed.org/version/1.1"
    times = [item["date_modified"] for item in got.json["items"]]
    assert times == sorted(times, reverse=True)
    assert sum(name.startswith("final:") for name in items) == 37
    assert f"final:{QUIET}" in items
    gaps = {name: item["title"] for name, item in items.items() if name.startswith("gap:")}
    assert gaps == {
        f"gap:{MISSING}": f"{MISSING} is missing",
        f"gap:{INCOMPLETE}": f"{INCOMPLETE} is incomplete",
        f"gap:{FAILING}": f"{FAILING} is failing",
    }
    (change,) = (item for name, item in items.items() if name.startswith("restatement:2025-04-02:"))
    assert change["title"] == "2025-04-02 was restated: 10 to 11.5 MWh"
    assert change["date_modified"] == "2025-04-09T06:00:00Z"
    assert "made up" in items[f"final:{QUIET}"]["content_text"]
    assert "secret" not in got.body.decode()
    for suffix in ("atom", "xml"):
        atom = api(f"feed.{suffix}?limit=500")
        assert atom.headers["content-type"] == "application/atom+xml; charset=utf-8"
        root = ElementTree.fromstring(atom.body)  # of our own making
        entries = root.findall(f"{ATOM}entry")
        assert [e.findtext(f"{ATOM}title") for e in entries] == [item["title"] for item in got.json["items"]]
        assert [e.findtext(f"{ATOM}id") for e in entries] == [item["id"] for item in got.json["items"]]
        assert root.findtext(f"{ATOM}updated") == times[0]
        for entry in entries:
            assert entry.findtext(f"{ATOM}content")


def test_the_addresses_of_a_feed_are_whole_and_lead_to_the_figures(api: Api) -> None:
    got = api("feed.json?kind=final&limit=3")
    assert got.json["feed_url"] == f"http://127.0.0.1:{api.port}/api/v1/feed.json?kind=final&limit=3"
    for item in got.json["items"]:
        path = item["url"].removeprefix(f"http://127.0.0.1:{api.port}")
        (row,) = api.get(path).data
        assert f"{row['curtailed_mwh']} MWh" in item["title"]
    named = api("feed.json?kind=final&limit=3", Host="localhost")
    assert named.json["feed_url"].startswith("http://localhost/"), "not what was kept for another host"


def test_one_kind_a_validator_and_what_is_refused(api: Api) -> None:
    assert {item["tags"][0] for item in api("feed.json?kind=gap").json["items"]} == {"gap"}
    assert api("feed").headers["content-type"].startswith("application/atom+xml")
    assert api("feed", Accept="application/feed+json").headers["content-type"] == "application/feed+json"
    assert api("feed", Accept="text/html").status == 406
    first = api("feed.atom")
    assert api("feed.atom", If_None_Match=first.headers["etag"]).status == 304
    for query in ("kind=all", "limit=0", "limit=501", "limit=x", "since=1", "kind=gap&kind=gap", "kind=%ff"):
        assert api(f"feed.json?{query}").status == 422, query


def test_the_age_of_the_data_is_counted(api: Api) -> None:
    lines = dict(
        line.rsplit(" ", 1) for line in api.get("/metrics").body.decode().splitlines() if not line.startswith("#")
    )
    with api.app.service.database.asking() as asking:
        ((built,),) = asking.rows("SELECT max(built_at) FROM minerecon.daily_summaries")
    age = (NOW - dt.datetime.fromisoformat(built)).total_seconds()
    assert abs(int(lines["minerecon_data_age_seconds"]) - age) <= 1
    assert lines["minerecon_newest_final_day_age_days"] == "1"


def test_an_empty_warehouse_has_a_feed_without_entries(warehouse: Engine, serve: Callable[..., Api]) -> None:
    api = serve(url_of(warehouse))
    assert api("feed.json").json["items"] == []
    assert ElementTree.fromstring(api("feed.atom").body).findall(f"{ATOM}entry") == []
    assert "data_age" not in api.get("/metrics").body.decode()
