"""What an answer says of itself is true of its rows: its days, its state, its basis, and where its pages begin."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from minerecon_dagster_tests.forty_days import MISSING, QUIET
from minerecon_dagster_tests.web.conftest import Api

FINAL = "2025-04-03"
FILE_STATE = {"provisional": "_provisional.csv", "final": "_final.csv"}


def state_of(api: Api, path: str, query: str) -> str:
    """The state of an answer, which stands in meta, headers, name and head alike."""
    meta, file = api(f"{path}?{query}").meta, api(f"{path}.csv?{query}&source=1")
    state = "provisional" if meta["is_provisional"] else "final"
    assert file.headers["minerecon-state"] == state
    assert FILE_STATE[state] in file.headers["content-disposition"]
    assert f"# is_provisional: {str(meta['is_provisional']).lower()}\n" in file.body.decode()
    assert f"# days_expected: {meta['days_expected']}\n" in file.body.decode()
    return state


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("path", "days", "last"),
    [
        ("months", 30, "2025-04-30"),
        ("farms/months", 30, "2025-04-30"),
        ("lead-parties/months", 30, "2025-04-30"),
        ("mining/months", 30, "2025-04-30"),
        ("exports", 30, "2025-04-30"),
        ("years", 365, "2025-12-31"),
        ("mining/years", 365, "2025-12-31"),
    ],
)
def test_a_month_or_year_has_the_state_of_all_its_days_whichever_of_them_was_asked_for(
    api: Api, path: str, days: int, last: str
) -> None:
    assert state_of(api, "days", f"from={FINAL}&to={FINAL}") == "final"
    query = f"from={FINAL}&to={FINAL}"
    assert state_of(api, path, query) == "provisional"
    meta = api(f"{path}?{query}").meta
    assert (meta["from"], meta["to"], meta["covers_to"]) == (FINAL, FINAL, last)
    assert meta["days_expected"] == days
    assert meta["days_present"] > 1
    assert f"{meta['covers_from']}_{last}" in api(f"{path}.csv?{query}").headers["content-disposition"]


def test_the_state_of_a_comparison_is_that_of_both_sides(api: Api) -> None:
    for path in ("compare", "compare/months", "compare/farms"):
        query = f"from={FINAL}&to={FINAL}&with"
        assert state_of(api, path, f"{query}=2025-04-01") == "final"
        assert state_of(api, path, f"{query}={MISSING}") == "provisional"
        meta = api(f"{path}?{query}={MISSING}").meta
        assert (meta["days_expected"], meta["days_present"], meta["statuses"]) == (1, 1, {"complete": 1})
        assert (meta["other_days_expected"], meta["other_days_present"]) == (1, 0)
        assert meta["other_statuses"] == {"missing": 1}
    year_before = api("compare?from=2025-02-27&to=2025-03-02").meta
    assert year_before["other_days_expected"] == 4
    leap = api("compare?from=2024-02-28&to=2024-03-01").meta
    assert (leap["days_expected"], leap["other_days_expected"]) == (3, 2), "29 February is compared with no day"


@pytest.mark.parametrize("path", ["days", "months", "years", "compare", "half-hours", "mining/days"])
def test_days_to_come_are_not_called_final(api: Api, path: str) -> None:
    assert state_of(api, path, "from=2099-01-01&to=2099-01-02") == "provisional"


ACCEPTANCES = "acceptances?from=2025-03-12&to=2025-03-12"


@pytest.mark.parametrize(
    "query",
    [
        'days?after=["now"]',
        'days?after=["infinity"]',
        'days?after=["epoch"]',
        'days?after=["2025-03"]',
        'days?after=["2025-02-30"]',
        'mining/years?after=["now","S9"]',
        'farms?after=["2025-03-28","a\\u0000"]',
        'farms?after=["2025-03-28","\\ud800"]',
        ACCEPTANCES + '&after=["2025-03-12",1,"T\\u0000",1,1,1]',
        ACCEPTANCES + '&after=["2025-03-12",1,"T\\udfff",1,1,1]',
        ACCEPTANCES + '&after=["2025-03-12",1,"T",1,1,"NaN"]',
        f"days?after={'[' * 4000}",
    ],
)
def test_a_page_begins_only_where_one_can_have_ended(api: Api, query: str) -> None:
    got = api.get_raw(f"/api/v1/{query.partition('after=')[0]}after={quote(query.partition('after=')[2])}")
    assert got.status == 422, got.body
    assert "not to be made by hand" in got.json["detail"]


@pytest.mark.parametrize("period", ["abc", "0", "51", "07", "7.0", "-1", "٧"])
def test_a_period_that_no_day_has_is_refused(api: Api, period: str) -> None:
    got = api(f"{ACCEPTANCES}&period={period}")
    assert (got.status, "from 1 to 50" in got.json["detail"]) == (422, True)
    assert api(f"{ACCEPTANCES}&period=50").status == 200


def farm_of(api: Api) -> str:
    return str(api("units?limit=1").data[0]["farm_name"])


def test_what_is_of_one_basis_alone_says_so_and_refuses_the_other(api: Api) -> None:
    bids = api(f"{ACCEPTANCES}&source=1")
    assert {row["so_flag"] for row in bids.data} == {True, False}
    sizing = f"sizing?from={FINAL}&to={FINAL}&farm={farm_of(api)}&model=S9&machines=5"
    for query, own, other in ((ACCEPTANCES, "all", "so"), (sizing, "so", "all")):
        assert api(query).meta["basis"] == own
        file = api(query.replace("?", ".csv?"))
        assert file.headers["minerecon-basis"] == own
        assert f"_{own}_" in file.headers["content-disposition"]
        assert api(f"{query}&basis={own}").data == api(query).data
        refused = api(f"{query}&basis={other}")
        assert (refused.status, f"basis={own} alone" in refused.json["detail"]) == (422, True)
        assert api.get(refused.json["try"]).data == api(query).data


@pytest.mark.parametrize("path", ["days", "months", "years", "farms", "mining/days", "mining/months", "mining/years"])
def test_no_figure_stands_on_both_bases_but_those_that_are_of_neither(api: Api, path: str) -> None:
    query = f"{path}?from={FINAL}&to={FINAL}"
    both = api(query).data[0].keys() & api(f"{query}&basis=all").data[0].keys()
    figures = {name for name in both if name.endswith(("_gbp", "_mwh", "_btc"))}
    neither = {"price_gbp", "block_subsidy_btc", "lowest_block_subsidy_btc"}
    neither |= {"potential_mwh", "instructed_mwh", "metered_mwh"}
    assert {name for name in figures - neither if not name.startswith("wind_")} == set()


def test_a_fleet_has_made_nothing_of_a_windless_day_and_it_is_worth_nothing(api: Api) -> None:
    def row(day: object) -> dict[str, object]:
        (found,) = api(f"sizing?from={day}&to={day}&farm={farm_of(api)}&model=S9&machines=5").data
        return {name: found[name] for name in ("mined_btc", "value_gbp", "value_gbp_per_machine")}

    assert {float(str(value)) for value in row(QUIET).values()} == {0}
    assert set(row(MISSING).values()) == {None}


def test_the_earlier_lead_parties_of_a_day_that_is_not_stored_are_not_none_but_unknown(api: Api) -> None:
    assert (api.get(f"/api/lead-parties/{QUIET}").status, api.get(f"/api/lead-parties/{QUIET}").json) == (200, [])
    assert api.get(f"/api/lead-parties/{MISSING}").status == 404
    assert api.get("/api/lead-parties").status == 200


def test_a_media_type_has_no_case(api: Api) -> None:
    assert api("models", Accept="TEXT/CSV;Q=0.9").headers["content-type"].startswith("text/csv")
