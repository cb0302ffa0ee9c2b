"""Faults of the source of prices: what it lacks is on record, and no day is wrong for it."""

from __future__ import annotations

import pytest

from minerecon_dagster.prices.source import CoinbaseCandles
from minerecon_dagster.prices.store import PRICES_KNOWN
from minerecon_dagster.sample.prices import serve_sample_prices
from minerecon_dagster_tests.faults.conftest import DAY, NEXT, WINDLESS, World
from minerecon_dagster_tests.faults.test_faults import REACHED, all_green


@pytest.mark.slow
def test_a_day_of_which_the_source_has_no_price_is_on_record(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    last = (
        "SELECT scope, passed, severity, looked_at, violations, repair, run_id IS NOT NULL"
        " FROM minerecon.reconciliation_results WHERE check_name = 'prices_known' ORDER BY result_id DESC LIMIT 1"
    )
    with serve_sample_prices() as url:
        monkeypatch.setenv("BITCOIN_PRICE_BASE_URL", url)
        with monkeypatch.context() as patch:
            patch.setattr(CoinbaseCandles, "fetch", lambda *_: [])
            assert world.job("refresh_prices", DAY)
        for day in (NEXT, WINDLESS):
            assert world.job("refresh_prices", day), "a look at another day is not the last word of this one"
        assert PRICES_KNOWN.full_name in world.red(scope="all")
        REACHED.add(PRICES_KNOWN.full_name)
        assert world.sql(last) == [
            ("all", False, "WARN", 3, [{"price_date": f"{DAY}"}], f"minerecon prices {DAY} {DAY}", True)
        ]
        assert world.inventory() == set(), "it is no property of the days"
        all_green(world)
        assert world.job("refresh_prices", DAY)
    assert world.sql(last)[0][1] is True
    assert PRICES_KNOWN.full_name not in world.red(scope="all")
