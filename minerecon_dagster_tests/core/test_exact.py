"""Decimal arithmetic that rounds nothing of what is asked of it."""

from __future__ import annotations

from decimal import Decimal, localcontext

from minerecon_dagster.core.exact import EXACT, pounds


def test_a_sum_of_products_of_17_digit_numbers_is_exact_however_far_apart_they_are() -> None:
    large, small = Decimal("12345678901234567e9"), Decimal("1.2345678901234567e-20")
    with localcontext(EXACT):
        found = sum([large * large, small * small] * 1000, Decimal())
        assert found - 1000 * large * large == 1000 * small * small


def test_pounds_have_pence_thousands_and_their_sign_before_them() -> None:
    assert pounds(Decimal("1234.567")) == "£1,234.57"
    assert pounds(Decimal("-1234.5")) == "-£1,234.50"
    assert pounds(Decimal("1234567.5"), digits=0) == "£1,234,568"
    assert pounds(Decimal("-0.4"), digits=0) == pounds(Decimal("-0"), digits=0) == "£0", "no zero has a sign"
    assert pounds(Decimal("-0.005"), digits=3) == "-£0.005"
