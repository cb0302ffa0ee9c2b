"""Published figures: the list, its copy in the warehouse, and what is known to be wrong in it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.core.mining import MINER_MODELS, block_subsidy_btc, mined_btc
from minerecon_dagster.decisions.published_figures import PublishedFigure, published_figures

PUBLISHED_FIGURES = published_figures()
MODELS = {model.name: model for model in MINER_MODELS}


def test_no_two_figures_have_one_name_and_all_are_in_the_warehouse(warehouse: Engine) -> None:
    assert len({f.figure_id for f in PUBLISHED_FIGURES}) == len(PUBLISHED_FIGURES)
    with warehouse.connect() as connection:
        stored = connection.execute(
            text("SELECT figure_id, first_day, last_day, value, unit FROM minerecon.published_figures")
        )
        assert {tuple(row) for row in stored} == {(f.figure_id, *f.days, f.value, f.unit) for f in PUBLISHED_FIGURES}


def test_every_month_from_november_2024_to_august_2026_has_its_payment_on_both_bases() -> None:
    months = {f"{n // 12}-{n % 12 + 1:02}" for n in range(2024 * 12 + 10, 2026 * 12 + 8)}
    for basis in ("so_flagged", "all_bids"):
        found = {f.period for f in PUBLISHED_FIGURES if (f.basis, f.figure) == (basis, "payment_gbp")}
        assert months <= found, basis
    assert all(f.source and f.note for f in PUBLISHED_FIGURES)


@pytest.mark.parametrize(
    ("basis", "figure", "off_by"),
    [
        ("all_bids", "curtailed_mwh", "0.01"),
        ("all_bids", "payment_gbp", "0.1"),
        ("so_flagged", "payment_gbp", "650000"),  # twelve months and a year, each to £0.05m
    ],
)
def test_the_months_that_are_published_of_2025_are_the_published_year(basis: str, figure: str, off_by: str) -> None:
    values = {f.period: f.value for f in PUBLISHED_FIGURES if (f.basis, f.figure) == (basis, figure)}
    months = sum((values[f"2025-{month:02}"] for month in range(1, 13)), Decimal())
    assert abs(months - values["2025"]) <= Decimal(off_by)


def test_what_the_earlier_system_published_of_march_says_why_it_is_less_than_ours() -> None:
    days = {f.miner_model: Decimal() for f in PUBLISHED_FIGURES if f.period == "2025-03" and f.miner_model}
    for f in PUBLISHED_FIGURES:
        if f.period.startswith("2025-03-") and f.miner_model:
            days[f.miner_model] += f.value
    for f in (f for f in PUBLISHED_FIGURES if f.period == "2025-03" and f.miner_model):
        assert "of a part of the month" in f.note
        assert f"already make {days[f.miner_model]:.2f} BTC" in f.note


def figure(period: str) -> PublishedFigure:
    return PublishedFigure(
        period=period, basis="all_bids", figure="curtailed_mwh", value=Decimal(1), source="s", note="n"
    )


@pytest.mark.parametrize(
    ("period", "days"),
    [
        ("2025-03-28", (dt.date(2025, 3, 28), dt.date(2025, 3, 28))),
        ("2024-02", (dt.date(2024, 2, 1), dt.date(2024, 2, 29))),
        ("2025", (dt.date(2025, 1, 1), dt.date(2025, 12, 31))),
    ],
)
def test_a_period_has_its_first_and_last_day(period: str, days: tuple[dt.date, dt.date]) -> None:
    assert figure(period).days == days


def test_the_model_ratio_fails_for_just_the_figures_that_are_known_to_be_wrong() -> None:
    first = {f.period: f for f in PUBLISHED_FIGURES if f.miner_model == "S19J_PRO"}
    for figure in (f for f in PUBLISHED_FIGURES if f.miner_model in ("S9", "M20S")):
        model, base = MODELS[str(figure.miner_model)], MODELS["S19J_PRO"]
        fixed = (model.hashrate_ths / model.power_w) / (base.hashrate_ths / base.power_w)
        ratio = figure.value / first[figure.period].value
        assert (abs(ratio / fixed - 1) > Decimal("0.0003")) == figure.is_known_wrong, figure


def test_the_figures_that_are_not_wrong_follow_from_the_energy_published_with_them() -> None:
    energy = {f.period: f.value for f in PUBLISHED_FIGURES if (f.basis, f.figure) == ("so_flagged", "curtailed_mwh")}
    checked = [f for f in PUBLISHED_FIGURES if f.miner_model and f.difficulty]
    for figure in checked:
        subsidy = block_subsidy_btc(dt.datetime.combine(figure.days[0], dt.time(12), dt.UTC))
        made = mined_btc(
            energy[figure.period], MODELS[str(figure.miner_model)], figure.difficulty or Decimal(), subsidy
        )
        assert abs(made / figure.value - 1) < Decimal("0.0005"), figure
    assert len(checked) == 9
