"""The drawings of the charts: rows of the API turned into marks. The one place that knows how a chart is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from markupsafe import Markup

from minerecon_dagster.web.pages.reader import Row


def series(rows: Sequence[Row], *, grain: str, name: str, what: str, title: str, subtitle: str, is_part: bool) -> Markup:
    """Bars over time."""
    return _placeholder([r[name] for r in rows], title)


def ranking(rows: Sequence[Row], *, name: str, what: str, title: str, subtitle: str) -> Markup:
    """Bars side by side, the longest first."""
    return _placeholder([r[name] for r in rows], title)


def calendar(rows: Sequence[Row], *, title: str, subtitle: str) -> Markup:
    """A square for each day."""
    return _placeholder([1 for _ in rows], title)


def compare(rows: Sequence[Row], this: str, other: str, *, title: str, subtitle: str) -> Markup:
    """Two periods side by side."""
    return _placeholder([r["this"] for r in rows], title)


def curve(rows: Sequence[Row], *, x: str, y: str, title: str, subtitle: str) -> Markup:
    """A line over a quantity."""
    return _placeholder([r[y] for r in rows], title)


def _placeholder(values: Sequence[str | int | None], title: str) -> Markup:
    known = [Decimal(v) if v is not None else None for v in values]
    most = max((abs(v) for v in known if v), default=Decimal(1))
    width = Decimal(880) / max(1, len(known))
    bars = Markup("").join(
        Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="var(--chart-accent, #0072b2)"/>').format(
            n * width, 240 - abs(v) / most * 240, width * Decimal("0.8"), abs(v) / most * 240
        )
        for n, v in enumerate(known)
        if v
    )
    return Markup('<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 240" role="img" aria-label="{}">{}</svg>').format(title, bars)
