"""The one list of units: the end of a name decides, the longest that is listed."""

from __future__ import annotations

import pytest

from minerecon_dagster.core.units import AMOUNTS, OF_TYPES, UNITS, has_number, unit_of


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("curtailed_mwh", "MWh"),
        ("wind_onshore_mw", "MW"),
        ("power_w", "W"),
        ("hashrate_ths", "TH/s"),
        ("payment_gbp", "GBP"),
        ("payment_gbp_per_mwh", "GBP/MWh"),
        ("original_price_gbp_per_mwh", "GBP/MWh"),
        ("price_gbp", "GBP/BTC"),
        ("all_bids_break_even_price_gbp", "GBP/BTC"),
        ("priced_days_payment_gbp", "GBP"),
        ("mined_btc", "BTC"),
        ("btc_per_mwh", "BTC/MWh"),
        ("all_bids_btc_per_mwh", "BTC/MWh"),
        ("curtailed_share", "0 to 1"),
        ("share_of_curtailed", "0 to 1"),
        ("priced_coverage", "0 to 1"),
        ("rate_percent", "%"),
        ("so_record_count", "number"),
        ("days_present", "number"),
        ("difficulty", "multiple of difficulty 1"),
        ("lowest_difficulty", "multiple of difficulty 1"),
        ("acceptance_id", "identifier"),
        ("settlement_period", "ordinal"),
        ("year", "calendar year"),
        ("nameless", None),
        ("showgbp", None),
        ("mwh_of_what", None),
    ],
)
def test_the_longest_ending_of_a_name_decides(column: str, unit: str | None) -> None:
    assert unit_of(column, "numeric") == unit


def test_dates_and_instants_have_their_word_and_texts_and_flags_have_none() -> None:
    assert unit_of("settlement_date", "date") == "date"
    assert unit_of("start_time", "timestamp with time zone") == "UTC"
    assert unit_of("london_time", "timestamp without time zone") == "London time"
    assert unit_of("bmu_id", "text") is None
    assert unit_of("is_final", "boolean") is None
    assert unit_of("not_passed", "text[]") is None


def test_types_of_numbers_are_told_with_their_precision_and_as_lists() -> None:
    assert all(map(has_number, ("smallint", "bigint", "numeric", "numeric(12,2)", "double precision", "integer[]")))
    assert not any(map(has_number, ("text", "jsonb", "boolean", "character varying(9)", *OF_TYPES)))


def test_a_unit_is_written_in_one_way() -> None:
    assert {unit.casefold() for unit in UNITS.values()} == {u.casefold() for u in set(UNITS.values())}
    assert len({unit.casefold() for unit in UNITS.values()}) == len(set(UNITS.values()))


def test_only_energy_money_carbon_and_bitcoin_are_added_up() -> None:
    assert {"MWh", "GBP", "t", "BTC"} == AMOUNTS
    assert set(UNITS.values()) > AMOUNTS
