"""The earlier system's paths: their shapes, and figures that are right."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster_tests.analytics.by_hand import store_day, store_record
from minerecon_dagster_tests.forty_days import MISSING, SHORT
from minerecon_dagster_tests.web.conftest import Api, Got, url_of

DAY = dt.date(2025, 3, 28)
DIFFICULTY = Decimal(113757508810854)


def exact(got: Got) -> Any:
    assert got.status == 200, got.body
    return json.loads(got.body, parse_float=Decimal, parse_int=Decimal)


@pytest.fixture
def one_day(warehouse: Engine, serve: Callable[..., Api]) -> Api:
    """A day of 99,864.95 SO-flagged MWh and one that was not flagged."""
    with warehouse.begin() as connection:
        store_record(connection, DAY, 1, mwh=Decimal("99864.95"))
        store_record(connection, DAY, 2, mwh=Decimal(500), so_flag=False)
        store_day(connection, DAY, difficulty=DIFFICULTY)
    return serve(url_of(warehouse))


@pytest.mark.first_quick
@pytest.mark.parametrize(("model", "btc"), [("S19J_PRO", "75.392100"), ("M20S", "46.536671"), ("S9", "23.463868")])
def test_the_day_whose_figures_are_known_has_them(one_day: Api, model: str, btc: str) -> None:
    for path in (f"?date={DAY}&", f"/{DAY}?", "?"):  # the newest stored day by default
        got = exact(one_day.get(f"/api/curtailment/mining-potential{path}minerModel={model}"))
        assert list(got) == ["bitcoinMined", "valueAtCurrentPrice", "difficulty", "currentPrice"]
        assert round(got["bitcoinMined"], 6) == Decimal(btc)
        assert (got["difficulty"], got["currentPrice"], got["valueAtCurrentPrice"]) == (DIFFICULTY, None, None)
    assert round(
        exact(one_day.get(f"/api/curtailment/monthly-mining-potential/2025-03?minerModel={model}"))["bitcoinMined"], 6
    ) == Decimal(btc)


def test_summaries_have_their_shapes_and_no_unflagged_energy(one_day: Api) -> None:
    mwh = Decimal("99864.95")
    day = one_day.get(f"/api/summary/daily/{DAY}")
    assert day.headers["minerecon-basis"] == "so"
    assert day.headers["minerecon-state"] == "provisional"
    totals = {"totalCurtailedEnergy": mwh, "totalPayment": exact(day)["totalPayment"]}
    assert exact(day) == {"date": str(DAY), **totals, "leadParty": None}
    party = exact(one_day.get(f"/api/summary/daily?date={DAY}&leadParty=Hand Made Ltd"))
    assert party == {"date": str(DAY), **totals, "leadParty": "Hand Made Ltd"}
    assert exact(one_day.get("/api/summary/monthly/2025-03")) == {
        "yearMonth": "2025-03",
        **totals,
        "dailyTotals": totals,
    }
    assert "dailyTotals" not in exact(one_day.get("/api/summary/monthly?yearMonth=2025-03&leadParty=Hand Made Ltd"))
    assert exact(one_day.get("/api/summary/yearly/2025")) == {"year": "2025", **totals}
    assert one_day.get(f"/api/curtailment/mining-potential?date={DAY}&farmId=T_HANDW-1").status == 200


def test_figures_are_the_tables_and_payments_keep_their_sign(api: Api, stored: Engine) -> None:
    with stored.connect() as connection:
        months = connection.execute(
            text("SELECT year_month, curtailed_mwh, payment_gbp FROM minerecon.monthly_summaries")
        )
        for month, mwh, gbp in months:
            got = exact(api.get(f"/api/summary/monthly/{month}"))
            assert (got["totalCurtailedEnergy"], got["totalPayment"]) == (mwh, gbp)
        ((price,),) = connection.execute(
            text("SELECT price_gbp FROM minerecon.bitcoin_price_gbp ORDER BY price_date DESC LIMIT 1")
        )
        bitcoin = connection.execute(
            text("SELECT year_month, mined_btc FROM minerecon.bitcoin_monthly_summaries WHERE miner_model = 'S9'")
        )
        for month, btc in bitcoin:
            got = exact(api.get(f"/api/curtailment/monthly-mining-potential/{month}?minerModel=S9"))
            assert got["bitcoinMined"] == round(btc, 8)
            assert (got["currentPrice"], got["valueAtCurrentPrice"]) == (price, round(btc * price, 2))


@pytest.mark.slow
def test_the_parties_add_up_to_the_whole(api: Api) -> None:
    day = "2025-03-12"
    parties = exact(api.get(f"/api/lead-parties/{day}"))
    assert set(parties) <= set(exact(api.get("/api/lead-parties")))
    assert parties == sorted(parties)
    whole = exact(api.get(f"/api/summary/daily/{day}"))
    btc = exact(api.get(f"/api/curtailment/mining-potential/{day}"))["bitcoinMined"]
    parts = [exact(api.get(f"/api/summary/daily/{day}?leadParty={name}")) for name in parties]
    assert sum(part["totalPayment"] for part in parts) == whole["totalPayment"]
    of_parties = [exact(api.get(f"/api/curtailment/mining-potential/{day}?leadParty={name}")) for name in parties]
    assert abs(sum(part["bitcoinMined"] for part in of_parties) - btc) < len(parties) * Decimal("1e-8")


def test_hours_are_those_of_the_clock_in_london(api: Api) -> None:
    hours = exact(api.get(f"/api/curtailment/hourly/{SHORT}"))
    assert len(hours) == 23
    assert [row["hour"] for row in hours][:3] == ["00:00", "02:00", "03:00"]
    whole = exact(api.get(f"/api/summary/daily/{SHORT}"))["totalCurtailedEnergy"]
    assert sum(row["curtailedEnergy"] for row in hours) == whole
    incomplete = exact(api.get("/api/curtailment/hourly/2025-03-12"))
    assert [row["curtailedEnergy"] for row in incomplete][-4:] == [None] * 4


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/summary/daily/28-03-2025", 400),
        ("/api/summary/daily", 400),
        ("/api/summary/daily/2025-03", 400),
        ("/api/summary/monthly/2025-13", 400),
        ("/api/summary/yearly/25", 400),
        ("/api/curtailment/mining-potential?date=x", 400),
        ("/api/curtailment/mining-potential?minerModel=S99", 400),
        (f"/api/summary/daily/{MISSING}", 404),
        ("/api/summary/monthly/2020-01", 404),
        ("/api/summary/daily/2025-03-12?leadParty=Nobody", 404),
        ("/api/curtailment/mining-potential?farmId=Nothing", 404),
        (f"/api/curtailment/hourly/{MISSING}", 404),
    ],
)
def test_errors_have_the_earlier_shape(api: Api, path: str, status: int) -> None:
    got = api.get(path)
    assert (got.status, list(got.json)) == (status, ["error"])


def test_other_methods_and_health(api: Api) -> None:
    refused = api.get("/api/summary/daily/2025-03-12", "POST")
    assert (refused.status, "error" in refused.json) == (405, True)
    health = api.get("/health").json
    assert health["status"] == "ok"
    assert health["startTime"].endswith("Z")
    first = api.get("/api/summary/yearly/2025")
    assert api.get("/api/summary/yearly/2025", If_None_Match=first.headers["etag"]).status == 304


def test_bitcoin_of_a_model_that_is_not_calculated_for_every_stored_day_is_not_known_and_no_0(
    warehouse: Engine, serve: Callable[..., Api]
) -> None:
    before, quiet = DAY - dt.timedelta(days=1), DAY - dt.timedelta(days=2)
    with warehouse.begin() as connection:
        for day in (quiet, before, DAY):
            if day != quiet:
                store_record(connection, day, 1, mwh=Decimal(10))
            store_day(connection, day, difficulty=DIFFICULTY)
        for table, column in (
            ("historical_bitcoin_calculations", "settlement_date"),
            ("bitcoin_daily_summaries", "summary_date"),
        ):
            connection.execute(
                text(f"DELETE FROM minerecon.{table} WHERE {column} = :day AND miner_model = 'S9'"), {"day": before}
            )
        connection.execute(
            text("INSERT INTO minerecon.bitcoin_price_gbp VALUES (:day, 50000, 'by hand', now(), true)"), {"day": DAY}
        )
    api = serve(url_of(warehouse))

    def asked(path: str, model: str) -> Any:
        return exact(api.get(f"/api/curtailment/{path}minerModel={model}"))

    for path in (
        f"mining-potential/{before}?",
        f"mining-potential/{before}?farmId=T_HANDW-1&",
        f"mining-potential/{before}?leadParty=Hand Made Ltd&",
        "monthly-mining-potential/2025-03?",
    ):
        got = asked(path, "S9")
        assert (got["bitcoinMined"], got["valueAtCurrentPrice"]) == (None, None), path
        assert got["currentPrice"] == 50000
        assert asked(path, "M20S")["bitcoinMined"] > 0, path
    assert asked(f"mining-potential/{DAY}?", "S9")["bitcoinMined"] > 0
    for path in (f"mining-potential/{quiet}?", f"mining-potential/{quiet}?farmId=T_HANDW-1&"):
        assert asked(path, "S9")["bitcoinMined"] == 0, "a day that is known, and had no bid"
