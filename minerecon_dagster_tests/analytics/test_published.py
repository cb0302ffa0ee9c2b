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
