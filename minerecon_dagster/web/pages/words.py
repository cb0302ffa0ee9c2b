"""Figures, dates and states as people read them, made of exact decimals: rounded half even, never through a float."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal

from markupsafe import Markup

from minerecon_dagster.core.calendar import LONDON, PERIOD, period_start
from minerecon_dagster.core.statuses import MEANINGS, UNAVAILABLE

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_MINUS = "−"
_MILLION = 1_000_000
_BILLION = 1_000_000_000
_FEW_MWH = 100
_MUCH_BTC = 100

GLYPHS: Mapping[str, str] = {
    "complete": "✓",
    "warned": "?",
    "waived": "w",
    UNAVAILABLE: "–",
    "provisional": "~",
    "incomplete": "…",
    "failing": "!",
    "missing": "×",
}
"""A mark for each status, so that none is told by its colour alone."""
assert list(GLYPHS) == list(MEANINGS)

Number = str | Decimal | int


def rounded(value: Number, places: int) -> str:
    """Digits with thousands apart and a true minus, rounded half even; no zero has a sign."""
    number = Decimal(value).quantize(Decimal(1).scaleb(-places), context=_EXACT)
    return f"{abs(number):,f}" if number >= 0 or not number else f"{_MINUS}{abs(number):,f}"


def exact(value: Number) -> str:
    """All digits of a figure, in plain notation."""
    return format(Decimal(value), "f")


def plain(value: Number | None, what: str) -> str:
    """A figure in a cell: its digits, without the unit, which the heading has.

    Args:
        value: None where it is not known.
        what: mwh, gbp, btc, share, price, count or plain.
    """
    if value is None:
        return "–"
    if what == "share":
        return f"{rounded(Decimal(value) * 100, 2)}"
    return rounded(value, {"mwh": 3, "gbp": 2, "price": 2, "btc": 8, "count": 0, "ratio": 4}[what])


def spoken(value: Number | None, what: str) -> str:
    """A figure in a sentence, with its unit: 948,612 MWh, £23.1m, 726.89 BTC, 11.2 %."""
    if value is None:
        return "not known"
    number = Decimal(value)
    size = abs(number)
    if what == "mwh":
        return f"{rounded(number, 0 if size >= _FEW_MWH or not size else 1)} MWh"
    if what == "btc":
        return f"{rounded(number, 2 if size >= _MUCH_BTC else 4)} BTC"
    if what == "share":
        return f"{rounded(number * 100, 1)} %"
    if what == "count":
        return rounded(number, 0)
    if what == "price":
        return f"{_MINUS if number < 0 else ''}£{rounded(size, 2)}"
    sign = _MINUS if number < 0 else ""
    if size >= _BILLION:
        return f"{sign}£{rounded(size / _BILLION, 2)}bn"
    if size >= _MILLION:
        return f"{sign}£{rounded(size / _MILLION, 2 if size < 10 * _MILLION else 1)}m"
    return f"{sign if rounded(size, 0) != '0' else ''}£{rounded(size, 0)}"


_UNITS = {"mwh": " MWh", "gbp": " GBP", "btc": " BTC", "share": " (0 to 1)", "price": " GBP", "count": "", "ratio": ""}


def figure(value: Number | None, what: str, *, in_cell: bool = False) -> Markup:
    """A figure with its exact digits behind it: on hover, and for whoever copies the page's data."""
    if value is None:
        return Markup('<span class="none" title="not known">–</span>')
    shown = plain(value, what) if in_cell else spoken(value, what)
    digits = exact(value)
    return Markup('<data value="{}" title="exactly {}{}">{}</data>').format(digits, digits, _UNITS[what], shown)


def day_text(day: dt.date | str, *, weekday: bool = True) -> str:
    """A date as in Fri 28 March 2025."""
    day = dt.date.fromisoformat(day) if isinstance(day, str) else day
    return f"{f'{day:%a} ' if weekday else ''}{day.day} {day:%B} {day.year}"


def month_text(year_month: str) -> str:
    """A month as in March 2025."""
    first = dt.date.fromisoformat(f"{year_month}-01")
    return f"{first:%B} {first.year}"


ZONE_NAMES: Mapping[str, str] = {
    "_A": "Eastern England",
    "_B": "East Midlands",
    "_C": "London",
    "_D": "North Wales, Merseyside and Cheshire",
    "_E": "West Midlands",
    "_F": "North East England",
    "_G": "North West England",
    "_H": "Southern England",
    "_J": "South East England",
    "_K": "South Wales",
    "_L": "South West England",
    "_M": "Yorkshire",
    "_N": "South Scotland",
    "_P": "North Scotland",
}
"""The GSP groups as people call them; Elexon's letters stand beside them."""


def zone_text(zone: str) -> str:
    """A zone by its name and letter."""
    return f"{ZONE_NAMES[zone]} ({zone})" if zone in ZONE_NAMES else "place not known"


def span_text(first: dt.date, last: dt.date) -> str:
    """A range of days as people write it: March 2025, 2025, 3–9 April 2025."""
    after = last + dt.timedelta(days=1)
    if first == last:
        return day_text(first)
    if first.day == 1 and after == (first + dt.timedelta(days=32)).replace(day=1):
        return month_text(f"{first:%Y-%m}")
    if (first.month, first.day, after.month, after.day) == (1, 1, 1, 1):
        return str(first.year) if first.year == last.year else f"{first.year} to {last.year}"
    if first.year == last.year:
        start = str(first.day) if first.month == last.month else f"{first.day} {first:%B}"
        return (
            f"{start}–{last.day} {last:%B} {last.year}"
            if first.month == last.month
            else (f"{start} – {last.day} {last:%B} {last.year}")
        )
    return f"{day_text(first, weekday=False)} – {day_text(last, weekday=False)}"


def within_text(first: dt.date, last: dt.date) -> str:
    """A range of days at the beginning of a sentence: In March 2025, On Fri 28 March 2025, From 3 to 9 April 2025."""
    span = span_text(first, last)
    if first == last:
        return f"On {span}"
    if "–" not in span:
        return f"From {span}" if " to " in span else f"In {span}"
    start, _, end = span.partition("–")
    return f"From {start.strip()} to {end.strip()}"


def during_text(first: dt.date, last: dt.date) -> str:
    """A range of days within a sentence: in March 2025, on Fri 28 March 2025, from 3 to 9 April 2025."""
    within = within_text(first, last)
    return within[0].lower() + within[1:]


def is_or_are(count: int, of: int) -> str:
    """The verb of so many of so many: 1 of 3 days is, 0 of 1 day is, 2 of 3 days are."""
    return "is" if 1 in (count, of) else "are"


def period_text(day: dt.date, period: int) -> str:
    """A half hour by a clock in London: 07:30–08:00."""
    begins = period_start(day, period).astimezone(LONDON).replace(tzinfo=None)
    return (
        f"{begins:%H:%M}–{begins + PERIOD:%H:%M}"  # the clock that it began by, also where the clocks change at its end
    )


def model_text(model: str) -> str:
    """A miner model as people write it: S19J Pro."""
    return model.replace("_PRO", " Pro").replace("_", " ")


def instant_text(instant: str | None) -> str:
    """An instant of the API, for people: 12 April 2025, 03:30 UTC."""
    if instant is None:
        return "not known"
    at = dt.datetime.fromisoformat(instant)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def counted(count: int, what: str, many: str = "") -> str:
    """A number of things: 1 day, 2 days."""
    return f"{count:,} {what if count == 1 else many or what + 's'}"


def status_mark(status: str | None, present: int = 0, expected: int = 0) -> Markup:
    """A status by its glyph and its word.

    Args:
        status: of a day, or the worst of the days of a month or a year; None: missing.
        present: of a month or a year, the days that are stored: with any, it is not missing, but days of it are.
        expected: its days.
    """
    word = status or "missing"
    said, means = word, MEANINGS.get(word, word)
    if word == "missing" and present:
        said = "days missing"
        means = f"{present:,} of {counted(expected, 'day')} stored: its figures are of those"
    return Markup(
        '<span class="status is-{}" title="{}"><span class="glyph" aria-hidden="true">{}</span> {}</span>'
    ).format(word, means, GLYPHS.get(word, "?"), said)
