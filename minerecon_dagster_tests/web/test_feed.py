"""News for readers: days that became final, restatements and gaps, as Atom and as JSON Feed."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Callable, Iterator
from uuid import UUID
from xml.etree import ElementTree

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.web import feed
from minerecon_dagster.web.database import _NEWS
from minerecon_dagster.web.pages import words
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.forty_days import FAILING, INCOMPLETE, MISSING, QUIET
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
    items = got.json["items"]
    assert got.json["version"] == "https://jsonfeed.org/version/1.1"
    times = [item["date_published"] for item in items]
    assert times == sorted(times, reverse=True)
    assert len({item["id"] for item in items}) == len(items)
    by_title = {item["title"]: item for item in items}
    final = [title for title in by_title if " is final: " in title]
    assert len(final) == 37
    (quiet,) = (title for title in final if title.startswith(words.day_text(QUIET)))
    assert quiet.endswith("is final: 0 MWh, £0")
    assert "made up" in by_title[quiet]["content_text"]
    assert {item["title"] for item in items if item["tags"] == ["gap"]} == {
        f"{words.day_text(MISSING)} is missing",
        f"{words.day_text(INCOMPLETE)} is incomplete",
        f"{words.day_text(FAILING)} is failing",
    }
    change = by_title["Wed 2 April 2025 was restated: 10.0 MWh to 11.5 MWh"]
    assert change["date_published"] == change["date_modified"] == "2025-04-09T06:00:00Z"
    assert "10 MWh and 1 GBP net before, 11.5 MWh and 2 GBP after" in change["content_text"]
    assert "secret" not in got.body.decode()
    for suffix in ("atom", "xml"):
        atom = api(f"feed.{suffix}?limit=500")
        assert atom.headers["content-type"] == "application/atom+xml; charset=utf-8"
        root = ElementTree.fromstring(atom.body)  # of our own making
        entries = root.findall(f"{ATOM}entry")
        for name, member in (
            ("title", "title"), ("id", "id"), ("published", "date_published"), ("updated", "date_modified"),
            ("content", "content_text"),
        ):  # fmt: skip
            assert [e.findtext(f"{ATOM}{name}") for e in entries] == [item[member] for item in items]
        updated = [instant(e.findtext(f"{ATOM}updated") or "") for e in entries]
        assert instant(root.findtext(f"{ATOM}updated") or "") == max(updated)


def instant(text_: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text_)


def test_an_atom_feed_has_what_its_standard_wants(api: Api) -> None:
    """RFC 4287, 4.1.1 and 4.1.2: what there must be, and but once; what an id and a date are (4.2.6, 3.3)."""
    root = ElementTree.fromstring(api("feed.atom?limit=500").body)
    assert root.findall(f"{ATOM}author/{ATOM}name")
    for node in (root, *root.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert len(node.findall(f"{ATOM}{name}")) == 1
        id_ = node.findtext(f"{ATOM}id") or ""
        assert UUID(id_.removeprefix("urn:uuid:")).version == 5
        alternates = [
            (k.get("type"), k.get("hreflang")) for k in node.findall(f"{ATOM}link") if k.get("rel") == "alternate"
        ]
        assert alternates == [("text/html", None)]
        for stamp in (*node.findall(f"{ATOM}updated"), *node.findall(f"{ATOM}published")):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", stamp.text or "")
    selves = [k.get("href") for k in root.findall(f"{ATOM}link") if k.get("rel") == "self"]
    assert selves == [f"http://127.0.0.1:{api.port}/api/v1/feed.atom?limit=500"]


def test_a_piece_of_news_is_the_same_under_every_address_and_when_its_day_is_built_anew(
    forty_days: str, embedded_environ: dict[str, str]
) -> None:
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        with served(url, now=lambda: NOW) as first:
            here, there = (
                {i["id"]: i for i in first("feed.json?limit=500", Host=host).json["items"]}
                for host in ("localhost", "127.0.0.1")
            )
        assert here.keys() == there.keys()
        with contextlib.closing(databases.connect(url)) as owner:
            owner.cursor().execute("UPDATE minerecon.daily_summaries SET built_at = '2025-06-01T00:00:00Z'")
        with served(url, now=lambda: NOW) as later:
            items = later("feed.json?limit=500").json["items"]
        assert [i["id"] for i in items] == list(here), "none is new, and each is in its place"
        for item in items:
            before = here[item["id"]]
            assert item["date_published"] == before["date_published"]
            assert (item["date_modified"] > before["date_modified"]) == (item["tags"] == ["final"])


@pytest.mark.first_quick
@pytest.mark.parametrize(("hour", "is_told"), [(0, False), (7, False), (8, True), (23, True)])
def test_a_day_is_a_gap_only_once_it_was_to_be_there(stored: Engine, hour: int, is_told: bool) -> None:
    """At 09:00 in London, which is 08:00 UTC in summer; before, it is being fetched."""
    last = dt.date(2025, 4, 9)
    now = dt.datetime.combine(last + dt.timedelta(days=2), dt.time(hour), dt.UTC)
    with served(url_of(stored), now=lambda: now) as api:
        items = api("feed.json?kind=gap").json["items"]
    told = [i for i in items if i["title"] == f"{words.day_text(last + dt.timedelta(days=1))} is missing"]
    assert [i["date_published"] for i in told] == ["2025-04-11T08:00:00Z"] * is_told


def test_what_was_answered_before_a_gap_is_told_is_not_given_after_it() -> None:
    """Of a pipeline that stands still nothing else changes on that day: what is kept would be given until midnight."""
    assert f">= time '{feed._TOLD_AT:%H:%M}'" in _NEWS


@pytest.mark.slow
def test_the_addresses_of_a_feed_are_whole_and_lead_to_the_figures(api: Api) -> None:
    got = api("feed.json?kind=final&limit=3")
    root = f"http://127.0.0.1:{api.port}"
    assert got.json["feed_url"] == f"{root}/api/v1/feed.json?kind=final&limit=3"
    assert api.get(got.json["home_page_url"].removeprefix(root)).status == 200
    for item in got.json["items"]:
        ((row,),) = (api.get(a["url"].removeprefix(root)).data for a in item["attachments"])
        assert f"{row['curtailed_mwh']} MWh" in item["content_text"]
        assert words.spoken(row["curtailed_mwh"], "mwh") in item["title"]
        page = api.get(item["url"].removeprefix(root))
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    named = api("feed.json?kind=final&limit=3", Host="localhost")
    assert named.json["feed_url"].startswith("http://localhost/"), "not what was kept for another host"
    assert 'type="application/atom+xml"' in api.get("/").body.decode(), "a reader of feeds finds it on every page"


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
