"""`minerecon prices` and `minerecon export`: what they print, where the files are, and their exit codes."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.sample import SAMPLE_DAYS
from minerecon_dagster.sample.prices import serve_sample_prices, synthetic_price_gbp
from minerecon_dagster_tests.cli.conftest import MINERECON, Ran
from minerecon_dagster_tests.project import DAY

Run = Callable[..., Ran]


@pytest.fixture
def price_url() -> Iterator[str]:
    with serve_sample_prices() as url:
        yield url


@pytest.mark.slow
def test_prices_are_fetched_stored_and_printed(
    minerecon: Run, installed: Run, price_url: str, warehouse: Engine
) -> None:
    ran = installed("prices", "2025-03-28", "2025-03-29", BITCOIN_PRICE_BASE_URL=price_url)
    assert ran.code == 0, ran.err
    assert f"2025-03-28  £{synthetic_price_gbp(DAY):,.2f}  SYNTHETIC" in ran.out
    assert "2 of 2 days that are over have a price." in ran.out
    assert "2 new" in ran.err
    again = minerecon("prices", "2025-03-28", "--json", BITCOIN_PRICE_BASE_URL=price_url)
    assert again.code == 0
    (price,) = again.json["prices"]
    assert (price["price_date"], price["price_gbp"]) == ("2025-03-28", str(synthetic_price_gbp(DAY)))
    assert (price["is_synthetic"], again.json["without"], again.json["error"]) == (True, [], None)
    with warehouse.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM minerecon.bitcoin_price_gbp")).scalar_one() == 2


def test_a_source_that_refuses_exits_1_with_one_line_that_says_what_to_do(minerecon: Run, price_url: str) -> None:
    ran = minerecon("prices", "2025-03-28", BITCOIN_PRICE_BASE_URL=f"{price_url}/nowhere")
    assert ran.code == 1
    assert "check BITCOIN_PRICE_BASE_URL" in ran.err
    assert "without a price: 2025-03-28" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.slow
def test_a_day_that_is_not_over_exits_1_and_the_future_is_a_usage_error(minerecon: Run, price_url: str) -> None:
    today = dt.datetime.now(dt.UTC).date()
    ran = minerecon("prices", str(today), BITCOIN_PRICE_BASE_URL=price_url)
    assert ran.code == 1
    assert "0 of 0 days that are over have a price." in ran.out
    assert minerecon("prices", str(today + dt.timedelta(days=3))).code == 2
    assert minerecon("prices", "2025-03-28", BITCOIN_PRICE_BASE_URL="nowhere").code == 2


@pytest.mark.slow
def test_a_month_is_exported_to_the_archives_place(
    minerecon: Run, installed: Run, day_stored: Engine, tmp_path: Path
) -> None:
    ran = installed("export", "2025-02", "2025-03")
    assert ran.code == 0, ran.err
    manifest = Path(ran.out.strip())
    assert manifest == tmp_path / "a home" / "archive" / "exports" / "2025-03" / "manifest.json"
    assert json.loads(manifest.read_text("utf-8"))["state"]["days_present"] == 1
    assert "no day is stored of 2025-02: no export" in ran.err
    again = minerecon("export", "2025-03", "--json")
    assert (again.json["ok"], again.json["months"]["2025-03"]["files_written"]) == (True, 0)


def test_a_month_without_any_day_exits_1_and_one_that_has_not_begun_is_a_usage_error(minerecon: Run) -> None:
    ran = minerecon("export", "2025-02")
    assert ran.code == 1
    assert "minerecon reingest" in ran.err
    assert minerecon("export", "2125-01").code == 2
    assert minerecon("export", "2025-03", "2025-02").code == 2
    assert minerecon("export", "2001-01").code == 2


@pytest.mark.slow
def test_the_sample_has_prices_of_its_own_whatever_the_variable_says(installed: Run, warehouse: Engine) -> None:
    ran = installed("run", ELEXON_BASE_URL="", BITCOIN_PRICE_BASE_URL="http://127.0.0.1:9/never/asked")
    assert ran.code == 0, ran.err + ran.out
    with warehouse.connect() as connection:
        query = "SELECT price_date, price_gbp, is_synthetic, source FROM minerecon.bitcoin_price_gbp ORDER BY 1"
        found = [tuple(row) for row in connection.execute(text(query))]
    assert [row[:3] for row in found] == [(day, synthetic_price_gbp(day), True) for day in SAMPLE_DAYS]
    assert all("/synthetic/" in row[3] for row in found)
    assert "2025-10-26: prices: 1 new" in ran.err
    is_found = shutil.which("minerecon") is not None
    assert (f"Where a text names minerecon, type {MINERECON}:" in ran.out) != is_found
    assert (
        "prices_known" not in ran.err + ran.out
    )  # no day is stored before its price is: a first run finds none without


@pytest.mark.slow
def test_the_figures_of_a_report_are_exact_in_json(minerecon: Run, day_stored: Engine) -> None:
    with day_stored.connect() as connection:
        mwh, gbp = connection.execute(
            text("SELECT sum(curtailed_mwh), sum(payment_gbp) FROM minerecon.daily_summaries")
        ).one()
    ran = minerecon("report", "2025-03", "--json")
    assert ran.code == 0, ran.out + ran.err
    (made,) = ran.json["reports"]
    assert (made["curtailed_mwh"], made["payment_gbp"]) == (str(mwh), str(gbp))
    assert not [name for name in made if name.endswith("_exact")]
