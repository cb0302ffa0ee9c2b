"""Decimal arithmetic that rounds nothing, and sums of money as people read them."""

from __future__ import annotations

from decimal import Context, Decimal

EXACT = Context(prec=200)
"""Enough for any sum of products of 17-digit numbers: nothing may be rounded where equality is asked."""


def pounds(gbp: Decimal, digits: int = 2) -> str:
    """Money in GBP as text, its sign before the pound's: what farms pay is -£11,550.00. What is shown as 0 has none."""
    shown = f"{gbp:z,.{digits}f}"
    return f"-£{shown[1:]}" if shown.startswith("-") else f"£{shown}"
