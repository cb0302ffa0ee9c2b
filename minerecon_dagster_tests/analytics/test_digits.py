"""Numbers of the views in the decimals of others: .NET's, which Power BI reads PostgreSQL with, end at 28 digits."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

NET_DIGITS = 28
"""What every System.Decimal holds: its whole number of 96 bits has 28 or 29 digits, and a scale of up to 28."""
RATIO_PLACES = 12
RATIOS = ("share", "coverage", "per_mwh", "price_gbp", "percent", "value_gbp")
NO_RATIOS = {"price_gbp"}
"""Of the last word of a ratio, and none: a price as its source has it."""


def numeric_columns(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns"
                " WHERE table_schema = 'analytics' AND data_type = 'numeric' ORDER BY 1, 2"
            )
        )
        return [(view, column) for view, column in found]


def is_ratio(column: str) -> bool:
    return column not in NO_RATIOS and (column.endswith(RATIOS) or column.startswith("share_of"))


def digits_of(value: Decimal) -> int:
    """Digits of the whole number that a decimal of its scale needs; its nought before the point is none."""
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    return max(len(digits), -exponent)


def test_with_volumes_of_three_decimals_every_number_of_every_view_fits_a_net_decimal(stored: Engine) -> None:
    """The made-up days have volumes of 3 decimals, and prices of 2, as Elexon has them."""
    columns = numeric_columns(stored)
    assert len(columns) > 100
    seen, too_long = 0, {}
    with stored.connect() as connection:
        for volume in connection.execute(
            text("SELECT volume_mwh FROM minerecon.curtailment_records LIMIT 1000")
        ).scalars():
            assert volume.as_tuple().exponent >= -3
        for view in sorted({view for view, _ in columns}):
            names = [column for of, column in columns if of == view]
            quoted = ", ".join(f'"{name}"' for name in names)
            for row in connection.execute(text(f"SELECT {quoted} FROM analytics.{view}")):
                for name, value in zip(names, row, strict=True):
                    if value is not None:
                        seen += 1
                        if digits_of(value) > NET_DIGITS:
                            too_long[f"{view}.{name}"] = value
    assert seen > 10_000
    assert too_long == {}


def test_what_is_divided_has_twelve_places_and_nothing_else_is_rounded(stored: Engine) -> None:
    ratios: dict[str, list[str]] = {}
    for view, column in numeric_columns(stored):
        if is_ratio(column):
            ratios.setdefault(view, []).append(column)
    seen = 0
    with stored.connect() as connection:
        for view, columns in ratios.items():
            longest = ", ".join(f'max(scale("{column}"))' for column in columns)
            found = connection.execute(text(f"SELECT {longest} FROM analytics.{view}")).one()
            places = {column: most for column, most in zip(columns, found, strict=True) if most is not None}
            seen += len(places)
            assert {column: most for column, most in places.items() if most > RATIO_PLACES} == {}, view
    assert seen > 20, "a view without a row was looked at for nothing"


@pytest.mark.parametrize(
    ("view", "column", "table", "exact"),
    [
        ("curtailment_by_day", "payment_gbp", "daily_summaries", "payment_gbp"),
        ("mining_potential_by_day", "mined_btc", "bitcoin_daily_summaries", "mined_btc"),
    ],
)
def test_sums_of_the_views_are_those_of_the_tables_to_the_last_digit(
    stored: Engine, view: str, column: str, table: str, exact: str
) -> None:
    with stored.connect() as connection:
        seen = connection.execute(text(f"SELECT sum({column}) FROM analytics.{view}")).scalar_one()
        kept = connection.execute(text(f"SELECT sum({exact}) FROM minerecon.{table}")).scalar_one()
    assert seen == kept
