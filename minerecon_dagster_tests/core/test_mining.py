"""The Bitcoin formula and its inputs, against figures worked by hand and published ones."""

from __future__ import annotations

import datetime as dt
from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerecon_dagster.core.calendar import period_start
from minerecon_dagster.core.mining import (
    FORMULA_VERSION,
    MINER_MODELS,
    SUBSIDY_ERAS,
    SUBSIDY_KNOWN_BEFORE,
    block_subsidy_btc,
    broken_model_ratios,
    mined_btc,
)

MODELS = {model.name: model for model in MINER_MODELS}
SUBSIDY = Decimal("3.125")


@pytest.mark.parametrize(("model", "btc"), [("S19J_PRO", "75.392100"), ("M20S", "46.536671"), ("S9", "23.463868")])
def test_the_published_bitcoin_of_2025_03_28(model: str, btc: str) -> None:
    found = mined_btc(Decimal("99864.95"), MODELS[model], Decimal(113757508810854), SUBSIDY)
    assert round(found, 6) == Decimal(btc)


def test_one_mwh_on_an_s19j_pro() -> None:
    found = mined_btc(Decimal(1), MODELS["S19J_PRO"], Decimal("110568428300952.69"), SUBSIDY)
    assert found == pytest.approx(Decimal("7.76714987865659e-4"), rel=Decimal("1e-14"))


@given(
    st.decimals(Decimal("1e-6"), Decimal(500), places=17),
    st.decimals(Decimal("1e12"), Decimal("2e14"), places=4),
)
def test_the_ratios_of_the_models_hold_on_any_energy_and_difficulty(mwh: Decimal, difficulty: Decimal) -> None:
    btc = {name: mined_btc(mwh, model, difficulty, SUBSIDY) for name, model in MODELS.items()}
    assert abs(btc["M20S"] / btc["S19J_PRO"] / Decimal("0.6172619047619047619") - 1) < Decimal("1e-15")
    assert abs(btc["S9"] / btc["S19J_PRO"] / Decimal("0.3112244897959183673") - 1) < Decimal("1e-15")


def test_the_subsidy_halves_with_the_block_and_not_with_the_day() -> None:
    halving = dt.datetime(2024, 4, 20, 0, 9, 27, tzinfo=dt.UTC)
    assert block_subsidy_btc(halving - dt.timedelta(seconds=1)) == Decimal("6.25")
    assert block_subsidy_btc(halving) == SUBSIDY
    day = dt.date(2024, 4, 20)
    assert [block_subsidy_btc(period_start(day, p)) for p in (1, 2, 3, 4, 48)] == [Decimal("6.25")] * 3 + [SUBSIDY] * 2
    assert block_subsidy_btc(dt.datetime(2020, 5, 11, 19, 23, 42, tzinfo=dt.UTC)) == Decimal("12.5")


def test_a_subsidy_that_nobody_knows_yet_is_an_error() -> None:
    for instant in (SUBSIDY_KNOWN_BEFORE, dt.datetime(2016, 1, 1, tzinfo=dt.UTC)):
        with pytest.raises(ValueError, match="extend SUBSIDY_ERAS"):
            block_subsidy_btc(instant)


RIGHT = {m.name: mined_btc(Decimal("1234.5"), m, Decimal(113757508810854), SUBSIDY) for m in MINER_MODELS}


def test_totals_of_the_same_energy_are_in_the_ratios_of_the_machines() -> None:
    assert broken_model_ratios(RIGHT) == []
    assert broken_model_ratios(dict.fromkeys(RIGHT, Decimal())) == []


def test_each_model_that_is_off_is_named_with_what_the_first_implies() -> None:
    for model in MINER_MODELS[1:]:
        off = RIGHT | {model.name: RIGHT[model.name] * 2}
        (broken,) = broken_model_ratios(off)
        assert (broken["miner_model"], broken["mined_btc"]) == (model.name, str(RIGHT[model.name] * 2))
        assert broken["expected_btc"] == f"{RIGHT[model.name]:.17g}"
        assert broken_model_ratios(RIGHT | {model.name: RIGHT[model.name] / 2}) != []


def test_a_ratio_may_be_off_by_a_billionth_and_by_no_more() -> None:
    btc = RIGHT
    just = btc["M20S"] * (1 + Decimal("1e-9"))
    assert broken_model_ratios(btc | {"M20S": just - Decimal("1e-12")}) == []
    assert [b["miner_model"] for b in broken_model_ratios(btc | {"M20S": just + Decimal("1e-12")})] == ["M20S"]


@pytest.mark.parametrize("nothing", [None, Decimal("NaN"), Decimal("Infinity")])
def test_a_model_without_a_total_is_broken_and_without_the_first_nothing_can_be_compared(
    nothing: Decimal | None,
) -> None:
    without = {name: btc for name, btc in RIGHT.items() if name != "S9"} | ({} if nothing is None else {"S9": nothing})
    (broken,) = broken_model_ratios(without)
    assert (broken["miner_model"], broken["mined_btc"]) == ("S9", None if nothing is None else str(nothing))
    first = {name: btc for name, btc in RIGHT.items() if name != "S19J_PRO"}
    first |= {} if nothing is None else {"S19J_PRO": nothing}
    said = {"miner_model": "S19J_PRO", "mined_btc": None if nothing is None else str(nothing), "expected_btc": None}
    assert broken_model_ratios(first) == [said]


def test_the_subsidy_is_known_from_the_first_era_on_to_the_next_halving() -> None:
    assert block_subsidy_btc(dt.datetime(2016, 7, 9, 16, 46, 13, tzinfo=dt.UTC)) == Decimal("12.5")
    assert block_subsidy_btc(dt.datetime(2020, 5, 11, 19, 23, 43, tzinfo=dt.UTC)) == Decimal("6.25")
    assert block_subsidy_btc(SUBSIDY_KNOWN_BEFORE - dt.timedelta(seconds=1)) == SUBSIDY
    with pytest.raises(ValueError, match="extend"):
        block_subsidy_btc(dt.datetime(2016, 7, 9, 16, 46, 12, tzinfo=dt.UTC))


def test_an_era_begins_with_every_210_000th_block_and_the_next_one_is_listed_before_it_may_begin() -> None:
    assert [era.first_height for era in SUBSIDY_ERAS] == [n * 210_000 for n in (2, 3, 4)]
    # Block 1,050,000 at a block in ten minutes from the last halving on; blocks have come a fortieth faster.
    usual = 210_000 * dt.timedelta(minutes=10)
    assert SUBSIDY_ERAS[-1].starts_at + usual * 39 / 40 - SUBSIDY_KNOWN_BEFORE > dt.timedelta(days=10)
    assert block_subsidy_btc(dt.datetime(2028, 2, 29, 23, 59, 59, tzinfo=dt.UTC)) == SUBSIDY
    with pytest.raises(ValueError, match="extend"):
        block_subsidy_btc(dt.datetime(2028, 3, 1, tzinfo=dt.UTC))


FIGURES_OF_A_VERSION = {1: "0.000776714987866"}
"""What a MWh gave on an S19J Pro by each version of the formula; one that gives another figure is another version."""


def test_a_version_of_the_formula_has_its_figure() -> None:
    found = mined_btc(Decimal(1), MODELS["S19J_PRO"], Decimal("110568428300952.69"), SUBSIDY)
    assert str(found.normalize(Context(prec=12))) == FIGURES_OF_A_VERSION[FORMULA_VERSION]


def test_mined_btc_is_exact_to_60_digits() -> None:
    found = mined_btc(Decimal(1), MODELS["S19J_PRO"], Decimal(1), Decimal(1))
    assert found == Context(prec=60).divide(Decimal(36 * 10**22), Decimal(3050 * 2**32))
