"""Decimal arithmetic that rounds nothing."""

from __future__ import annotations

from decimal import Context

EXACT = Context(prec=200)
"""Enough for any sum of products of 17-digit numbers: nothing may be rounded where equality is asked."""
