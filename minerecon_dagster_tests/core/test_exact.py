"""Decimal arithmetic that rounds nothing of what is asked of it."""

from __future__ import annotations

from decimal import Decimal, localcontext

from minerecon_dagster.core.exact import EXACT


def test_a_sum_of_products_of_17_digit_numbers_is_exact_however_far_apart_they_are() -> None:
    large, small = Decimal("12345678901234567e9"), Decimal("1.2345678901234567e-20")
    with localcontext(EXACT):
        found = sum([large * large, small * small] * 1000, Decimal())
        assert found - 1000 * large * large == 1000 * small * small
