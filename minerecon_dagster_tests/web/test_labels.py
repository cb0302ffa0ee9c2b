"""What an answer says of itself is true of its rows: its days, its state, its basis, and where its pages begin."""

from __future__ import annotations

import pytest

from minerecon_dagster_tests.analytics.conftest import MISSING
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
